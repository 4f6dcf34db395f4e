"""What stands of a message's labels, and what a label changes."""

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as st

from features.reported import who_is
from models.hearing import MessageFacts, hear
from models.label import Given
from models.standing import NOTHING, Count, change, standing
from models.trust import Reputation, Trust, Weights

PLAIN = MessageFacts()
PROVEN = MessageFacts(proven=True)
TRUST = Trust()


class Told:
    """The labels of one message, as the log has them."""

    def __init__(self, facts=PLAIN, **circumstances):
        self.facts = facts
        self.circumstances = circumstances
        self.voices = []

    def say(self, truth, source="report", reporter="anna", **circumstances):
        offset = len(self.voices)
        label = Given(offset, f"{source}/{reporter}", truth, source, reporter, 60.0 * offset)
        given = {**self.circumstances, **circumstances}
        self.voices.append(hear(label, self.facts, TRUST, earlier=tuple(self.voices), **given))
        return self

    def retract(self, source="report", reporter="anna"):
        offset = len(self.voices)
        back = f"{source}/{reporter}"
        label = Given(offset, f"-{back}", None, source, reporter, 60.0 * offset, back)
        self.voices.append(hear(label, self.facts, TRUST, earlier=tuple(self.voices)))
        return self

    @property
    def standing(self):
        return standing(self.voices)


def test_nothing_stands_of_a_message_that_nobody_labelled():
    assert standing(()) == NOTHING
    assert change(NOTHING, NOTHING) == (frozenset(), frozenset(), (), False, False)


EARNED = Reputation(9, 0)


def test_a_message_counts_once_however_many_report_it():
    one = Told(reputation=EARNED).say("spam").standing
    three = Told().say("spam").say("spam", reporter="bert", reputation=EARNED)
    three = three.say("phish", reporter="carl").standing
    shared = {Count("content", abuse=True), Count("sender", abuse=True)}
    assert shared == {it for it in one.counts if it.about != "pair"}
    assert shared == {it for it in three.counts if it.about != "pair"}
    assert (three.abuse, three.truth, three.source, three.reporters) == (True, "spam", "report", 3)
    assert len(three.reports) == 3


def test_of_what_strangers_say_others_have_reports_and_no_counter():
    told = Told()
    for at in range(50):
        told.say("spam", reporter=f"u{at}")
    assert {it.about for it in told.standing.counts} == {"pair"}
    assert len(told.standing.reports_of("network")) == 50
    assert told.say("spam", "trap").standing.counts >= {
        Count("content", abuse=True),
        Count("sender", abuse=True),
    }


def test_a_reporter_counts_once_by_their_latest_word():
    told = Told().say("spam").say("ham", "rescue")
    assert told.standing.abuse is False
    assert told.standing.reports == ()
    assert told.say("phish").standing.truth == "phish"
    assert told.standing.reporters == 1


def test_a_label_that_is_sent_twice_was_given_once():
    once, twice = Told().say("spam"), Told().say("spam").say("spam", today=99)
    assert once.standing == twice.standing


def test_a_word_of_higher_rank_is_the_reporters_whenever_they_said_it():
    told = Told().say("ham", "analyst").say("spam", "report")
    assert (told.standing.abuse, told.standing.reporters) == (False, 1)


@pytest.mark.parametrize("order", [1, -1])
def test_an_analyst_outweighs_any_number_of_traps_and_people_in_any_order(order):
    words = [("spam", "report", f"u{at}") for at in range(50)]
    words += [("spam", "trap", f"t{at}") for at in range(5)]
    words.append(("ham", "analyst", "carl"))
    told = Told()
    for word in words[::order]:
        told.say(*word)
    assert (told.standing.abuse, told.standing.source) == (False, "analyst")
    assert [it.source for it in told.standing.reports] == ["analyst"]
    assert {it.about for it in told.standing.counts} == {"content", "sender", "pair"}
    assert not any(it.abuse for it in told.standing.counts)


def test_analysts_who_disagree_move_nothing_until_one_more_decides():
    told = Told().say("spam", "analyst", "a").say("ham", "analyst", "b")
    assert told.standing.contested
    assert told.standing.abuse is None
    assert not told.standing.shared
    assert not told.standing.teaches
    assert told.standing.counts == frozenset()
    assert told.say("spam", "analyst", "c").standing.abuse is True


def test_users_ham_moves_their_own_pair_alone_and_takes_no_report_back():
    told = Told().say("spam", reporter="anna")
    for at in range(1000):
        told.say("ham", "rescue", f"aged{at}")
    stands = told.standing
    assert (stands.abuse, stands.shared) == (True, True)
    assert [it.who for it in stands.reports] == [who_is("anna", "report")]
    assert not any(it.about != "pair" for it in stands.counts if not it.abuse)
    assert not stands.teaches  # neither what one says against many, nor the many


def test_users_who_earned_it_vouch_by_weight():
    told = Told().say("spam", reporter="anna")
    told.say("ham", "rescue", "bert", reputation=Reputation(9, 0))
    assert told.standing.abuse is False
    assert told.standing.shared
    assert Count("sender", abuse=False) in told.standing.counts


def test_a_veto_spares_the_sender_and_the_models_but_not_the_content():
    vetoed = Told(PROVEN, sender_ham=5, reputation=EARNED).say("spam").standing
    assert vetoed.vetoed.startswith("5 labels say")
    assert Count("content", abuse=True) in vetoed.counts
    assert Count("sender", abuse=True) not in vetoed.counts
    assert not vetoed.teaches
    assert len(vetoed.reports_of("content")) == 1
    assert vetoed.reports_of("domain") == vetoed.reports_of("network") == ()
    decided = Told(PROVEN, sender_ham=5).say("spam").say("phish", "analyst", "c").standing
    assert decided.vetoed == ""
    assert Count("sender", abuse=True) in decided.counts
    assert [it.source for it in decided.reports_of("domain")] == ["analyst"]


def test_unwanted_mail_is_its_recipients_own_matter():
    stands = Told().say("unwanted").standing
    assert stands.counts == {Count("pair", abuse=True, reporter="anna")}
    assert stands.reports == ()
    assert not stands.teaches
    assert not stands.shared


def test_a_bounce_counts_for_the_account_alone():
    stands = Told(MessageFacts(outbound=True)).say("spam", "bounce", "").standing
    assert stands.counts == {Count("account", abuse=True)}
    assert not stands.teaches


def test_a_reply_teaches_lightly_and_moves_the_pair():
    stands = Told().say("ham", "reply").standing
    assert (stands.abuse, stands.teaches, stands.shared) == (False, True, False)
    assert stands.weight == TRUST.weights.automatic
    assert stands.counts == {Count("pair", abuse=False, reporter="anna")}


def test_a_retraction_leaves_what_would_stand_had_the_label_never_come():
    before = Told().say("spam").say("ham", "rescue", "bert")
    after = Told().say("spam").say("ham", "rescue", "bert").say("ham", "analyst", "c")
    gone = change(after.standing, after.retract("analyst", "c").standing)
    came = change(before.standing, Told().say("spam").say("ham", "rescue", "bert")
                  .say("ham", "analyst", "c").standing)  # fmt: skip
    assert after.standing == before.standing
    assert (gone.more, gone.less) == (came.less, came.more)
    assert gone.credits == tuple((who, -good, -bad) for who, good, bad in came.credits)
    assert came.credits


def test_what_a_label_weighed_is_taken_back_whatever_its_reporter_is_worth_by_then():
    told = Told().say("spam", reporter="anna")
    told.say("spam", reporter="bert", reputation=Reputation(9, 0))
    lone = Told().say("spam", reporter="anna").standing
    assert told.retract(reporter="bert").standing == lone


def test_a_trusted_label_credits_each_earlier_user_by_whether_it_agreed():
    told = Told().say("spam", reporter="anna").say("ham", "rescue", "bert")
    told.say("phish", "analyst", "carl").say("spam", reporter="late")
    assert told.standing.credits == {
        (who_is("anna", "report"), True),
        (who_is("bert", "rescue"), False),
    }
    assert told.say("spam", "analyst", "dora").standing.credits == told.standing.credits
    told.say("ham", "analyst", "x").say("ham", "analyst", "y").say("ham", "analyst", "z")
    assert told.standing.abuse is False


def test_a_weight_of_zero_silences_a_source():
    silent = Trust(weights=Weights(automatic=0.0))
    label = Given(0, "r", "ham", "reply", "anna", 0.0)
    assert standing([hear(label, PLAIN, silent)]).counts == frozenset()


def test_until_an_offset_later_labels_are_not_there():
    told = Told().say("spam").say("ham", "analyst", "c")
    assert standing(told.voices, 0) == Told().say("spam").standing
    assert standing(told.voices, -1) == NOTHING


WORDS = st.lists(
    st.tuples(
        st.sampled_from(["spam", "ham", "unwanted", "phish"]),
        st.sampled_from(["analyst", "trap", "report", "reply"]),
        st.integers(0, 5),
    ),
    max_size=12,
    unique_by=lambda word: word[2],
)


@any_of(WORDS, WORDS, st.randoms(use_true_random=False))
def test_labels_that_stand_give_the_same_in_any_order_and_with_any_that_were_taken_back(
    kept, taken, random
):
    """One label a reporter: whose later word counts is the one thing that order decides."""
    plain = Told()
    for truth, source, who in kept:
        plain.say(truth, source, f"k{who}")
    mixed, events = Told(), []
    for truth, source, who in kept:
        events.append([(truth, source, f"k{who}")])
    for truth, source, who in taken:
        events.append([(truth, source, f"t{who}"), (None, source, f"t{who}")])
    random.shuffle(events)
    # Each label before its own retraction, and others between them.
    late = [each.pop() for each in events if len(each) == 2 and random.random() < 0.5]
    for truth, source, who in [word for each in events for word in each] + late:
        if truth is None:
            mixed.retract(source, who)
        else:
            mixed.say(truth, source, who)
    assert _essence(mixed.standing) == _essence(plain.standing)


def _essence(stands):
    """All but places in the log, and whom a trusted label found to have spoken before."""
    return (
        stands.abuse, stands.source, round(stands.weight, 9), stands.reporters, stands.shared,
        stands.teaches, stands.contested, stands.counts,
        {(it.who, it.source, it.abuse) for it in stands.reports},
    )  # fmt: skip
