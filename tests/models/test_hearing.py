"""What a label weighs when it is heard, and how far it reaches."""

from inspect import signature
from typing import get_args

import msgspec
import pytest

from features.reported import Report, who_is
from models.hearing import MessageFacts, Voice, Witness, hear
from models.label import ABUSE, SOURCES, TRUTHS, Given, Label, Source
from models.standing import standing
from models.trust import RANKS, Reputation, Trust, Weights, distrust

PLAIN = MessageFacts()
PROVEN = MessageFacts(proven=True)
LIST = MessageFacts(proven=True, one_click=True)
OUTBOUND = MessageFacts(proven=True, one_click=True, outbound=True)
EARNED = Reputation(6, 0)
WRONG = Reputation(0, 9)


def given(truth="spam", source="report", reporter="anna", offset=5, **more):
    return Given(offset, f"{source}-{reporter}", truth, source, reporter, 60.0 * offset, **more)


def heard(truth="spam", source="report", facts=PLAIN, trust=Trust(), **circumstances):  # noqa: B008 - frozen
    reporter = circumstances.pop("reporter", "anna")
    return hear(given(truth, source, reporter), facts, trust, **circumstances)


def test_a_report_reaches_all_that_the_message_shares_and_teaches():
    assert heard() == Voice(given(), pytest.approx(0.25 / 0.6), "all", teaches=True)


@pytest.mark.parametrize("source", ["analyst", "trap"])
@pytest.mark.parametrize("facts", [PLAIN, PROVEN, LIST, OUTBOUND])
def test_analysts_and_traps_reach_all_whatever_the_message_is(source, facts):
    voice = heard(source=source, facts=facts, today=10**6)
    assert (voice.reach, voice.weight, voice.teaches, voice.vetoed) == ("all", 1.0, True, False)


@pytest.mark.parametrize(
    ("truth", "source", "facts", "reach", "teaches"),
    [
        ("unwanted", "report", PLAIN, "pair", False),
        ("unwanted", "analyst", PLAIN, "pair", False),
        ("spam", "report", LIST, "pair", False),
        ("bulk", "report", LIST, "pair", False),
        ("phish", "report", LIST, "all", True),
        ("malware", "report", LIST, "all", True),
        ("spam", "report", PROVEN, "all", True),
        ("spam", "report", MessageFacts(one_click=True), "all", True),
        ("spam", "report", OUTBOUND, "account", False),
        ("ham", "rescue", PLAIN, "pair", True),
        ("ham", "report", PLAIN, "pair", True),
        ("ham", "reply", PLAIN, "pair", True),
        ("spam", "reply", PLAIN, "pair", True),
        ("spam", "bounce", OUTBOUND, "account", False),
    ],
)
def test_what_says_little_of_others_mail_reaches_less(truth, source, facts, reach, teaches):
    voice = heard(truth, source, facts)
    assert (voice.reach, voice.teaches) == (reach, teaches)
    assert bool(voice.why) == (reach == "pair" and source != "analyst")


def test_a_users_ham_counts_for_others_once_they_were_right_often_enough():
    assert heard("ham", "rescue", reputation=Reputation(3, 0)).reach == "pair"
    assert heard("ham", "rescue", reputation=EARNED).reach == "all"
    assert heard("ham", "reply", reputation=EARNED).reach == "pair"  # no person said it


def test_who_was_nearly_always_wrong_is_heard_by_their_own_mailbox_alone():
    assert heard(reputation=Reputation(0, 5)).reach == "all"
    assert heard(reputation=WRONG).reach == "pair"
    assert not heard(reputation=WRONG).teaches


def test_reports_against_a_sender_with_trusted_ham_are_for_an_analyst():
    voice = heard(facts=PROVEN, sender_ham=3)
    assert (voice.reach, voice.teaches, voice.vetoed) == ("content", False, True)
    assert voice.why == "3 labels say that this sender's mail is legitimate"
    assert heard(facts=PROVEN, sender_ham=2).reach == "all"
    # What nobody proves has a record for each network that claims it, and its own ham.
    assert heard(facts=PLAIN, sender_ham=3).reach == "content"
    assert not heard("ham", "rescue", PROVEN, reputation=EARNED, sender_ham=9).vetoed


def test_a_trap_that_somebody_subscribed_to_a_vouched_senders_mail_is_for_an_analyst():
    voice = heard(source="trap", facts=PROVEN, sender_ham=3)
    assert (voice.reach, voice.teaches, voice.vetoed) == ("content", False, True)
    assert standing([voice]).vetoed
    free = heard("ham", "analyst", facts=PROVEN, sender_ham=3)
    assert (free.reach, standing([voice, free]).vetoed) == ("all", "")
    assert heard(source="analyst", facts=PROVEN, sender_ham=99).reach == "all"


def test_a_thousand_copies_to_a_trap_teach_as_few_of_a_campaign_do():
    assert heard(source="trap", campaign=2).teaches
    late = heard(source="trap", campaign=3)
    assert (late.reach, late.teaches) == ("all", False)


def test_nobody_earns_a_name_by_reporting_what_they_send_to_a_trap():
    assert witnesses(heard(reporter="anna"), source="trap") == ()


def test_a_user_has_a_cap_a_day_and_a_trap_has_none():
    trust = Trust(daily_cap=2)
    assert heard(trust=trust, today=1).reach == "all"
    over = heard(trust=trust, today=2)
    assert (over.weight, over.reach, over.teaches) == (0.0, "nothing", False)
    assert over.why == "more than 2 labels of this reporter on one day"
    assert heard("ham", "reply", trust=trust, today=2).reach == "nothing"
    assert heard(source="trap", trust=trust, today=2).reach == "all"
    retraction = hear(given(None, retracts="x"), PLAIN, trust, today=2)
    assert (retraction.reach, retraction.why) == ("nothing", "")


def test_a_campaign_teaches_a_few_labels_of_users_a_day_and_counts_all():
    voice = heard(campaign=3)
    assert (voice.reach, voice.teaches) == ("all", False)
    assert voice.why == "3 labels of this campaign have taught the models today"
    assert heard(campaign=2).teaches
    assert not heard("ham", "rescue", campaign=3).teaches
    assert heard(source="analyst", campaign=99).teaches
    assert heard(campaign=3, trust=Trust(campaign_cap=4)).teaches


def test_reputation_is_earned_by_agreement_alone():
    trust = Trust()
    assert trust.share(Reputation()) == 0.25
    assert trust.weight("report", EARNED) == 1.0
    weights = [trust.weight("report", Reputation(0, wrong)) for wrong in range(9)]
    assert weights == sorted(weights, reverse=True)
    assert Reputation(2, 1).credited(1, 0).credited(-1, 0) == Reputation(2, 1)
    assert Reputation().credited(-1, -1) == Reputation()


def witnesses(*earlier, siblings=(), source="analyst"):
    late = given("spam", source, "carl", offset=50)
    return hear(late, PLAIN, Trust(), earlier=earlier, siblings=siblings).witnesses


def sibling(who, source="report", *, abuse=True, at=60.0):
    return Report(f"{who}-{at}", who_is(who, source), source, abuse, 0.4, at)


def test_a_trusted_label_credits_whoever_spoke_before_it():
    anna, bert = heard(reporter="anna"), heard("ham", "rescue", reporter="bert")
    named = {(who_is("anna", "report"), True), (who_is("bert", "rescue"), False)}
    assert set(witnesses(anna, bert)) == {Witness(*each) for each in named}
    assert witnesses(anna, source="report") == ()


def test_who_reported_the_campaign_before_is_credited_too():
    assert [it.abuse for it in witnesses(siblings=[sibling("anna"), sibling("bert")])] == [True] * 2
    assert witnesses(siblings=[sibling("anna", at=9e9)]) == ()  # later than the label itself


def test_nobody_earns_by_repeating_what_a_trusted_source_said():
    trusted = hear(given("spam", "trap", "t", offset=1), PLAIN, Trust())
    assert witnesses(trusted, heard()) == ()
    assert witnesses(heard(), siblings=[sibling("t", "trap"), sibling("bert")]) == ()


def test_a_later_word_is_no_witness():
    late = hear(given(offset=60), PLAIN, Trust())
    assert witnesses(late) == ()


def test_who_took_a_label_back_is_no_witness():
    back = hear(given(None, offset=6, retracts="report-anna"), PLAIN, Trust())
    assert witnesses(heard(), back) == ()


def test_an_echo_of_a_voice_of_no_weight_is_no_witness():
    assert witnesses(heard(trust=Trust(daily_cap=1), today=1)) == ()


def test_every_source_has_a_rank_and_no_verdict_is_a_source():
    """Our own verdicts never teach: nothing of one can come into the path of labels."""
    assert set(RANKS) == set(SOURCES) == set(get_args(Source))
    assert {"analyst", "trap", "report", "rescue", "reply", "bounce"} == set(SOURCES)
    with pytest.raises(KeyError):
        Trust().weight("verdict", Reputation())
    taken = {"action", "score", "logit", "class_", "verdict", "signals"}
    for known in (Given, Label, Voice, MessageFacts, Trust):
        assert not taken & {field.name for field in msgspec.structs.fields(known)}
    assert not taken & set(signature(hear).parameters)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_weight_is_a_share_and_abuse_is_what_the_truth_says(source, truth):
    voice = heard(truth, source)
    assert 0 <= voice.weight <= 1
    assert voice.abuse == (truth in ABUSE)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(voice), type=Voice) == voice


def test_trust_that_contradicts_itself_is_named():
    assert distrust(Trust()) == ""
    assert (
        distrust(Trust(weights=Weights(trap=0.5)))
        == "weights.user = 1.0 lies above weights.trap = 0.5"
    )
    assert "reputation_heard" in distrust(Trust(reputation_heard=0.7))


def test_a_trap_is_an_address_in_any_case():
    trust = Trust(traps=("old@example.org",))
    assert trust.is_trap(" Old@Example.ORG ")
    assert not trust.is_trap("new@example.org")
    assert not Trust().is_trap("old@example.org")
