"""Detectors of the sender's history: what is missing never speaks, and what new may do alone."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import correspondents, first_contact, novelty, reputation, velocity
from detectors.catalogue import SPECS
from detectors.policy_file import shipped_policy
from detectors.signals import Finding
from detectors.stack import CORROBORATES, shipped_stack
from detectors.standing import DAY, stand
from detectors.thresholds import Bands
from features.columns.sender_columns import COLUMNS
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.history import UNKNOWN, History, known

CONTEXT = Context()
DETECTORS = (
    velocity.DETECTOR,
    novelty.DETECTOR,
    correspondents.DETECTOR,
    first_contact.DETECTOR,
    reputation.DETECTOR,
)
PROVEN = {"dkim": Fact("pass", "mx"), "dkim.domains": Fact("quarrybrook.net", "mx")}
RAW = (
    b"From: Mara Lindt <mara@quarrybrook.net>\nTo: anna@brookvale.org\nSubject: Drawings\n"
    b"In-Reply-To: <1@brookvale.org>\n\nHere they are. https://lowfield.example/a\n"
)
EVERYTHING_NEW = {
    "sender.proven": 0,
    "sender.age": 0,
    "sender.messages": 1,
    "network.age": 60 * DAY,
    "pair.received": 1,
    "pair.known": 0,
    "thread.answers": 0,
    "links.new": 1,
}
GOOD = {
    "sender.proven": 1,
    "sender.age": 400 * DAY,
    "sender.messages": 900,
    "sender.messages_7d": 40.0,
    "sender.inbox_7d": 38.9,
    "sender.bad_7d": 0,
    "sender.spam": 0,
    "sender.ham": 0,
}


def _evidence(history: History, raw: bytes = RAW, **envelope):
    given = Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC), **envelope)
    return extract(Incoming(given, raw), CONTEXT).with_history(history)


def _found(history: History, raw: bytes = RAW, **envelope) -> dict[str, Finding]:
    evidence = _evidence(history, raw, **envelope)
    return {f.name: f for detector in DETECTORS for f in detector.detect(evidence, CONTEXT)}


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("facts", [{}, PROVEN])
def test_nothing_is_found_where_the_state_was_not_read(direction, facts):
    assert _found(UNKNOWN, direction=direction, facts=facts) == {}


_VALUES = st.sampled_from([0.0, 1.0, 2.0, 7.0, 40.0, 500.0, 1e5, 2e6, 3e7])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    numbers=st.lists(_VALUES, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    missing=st.sets(st.integers(0, len(COLUMNS) - 1)),
    outbound=st.booleans(),
    proven=st.booleans(),
)
def test_any_numbers_with_any_of_them_missing_are_read_and_none_quoted_is_missing(
    numbers, missing, outbound, proven
):
    values = np.array(numbers, dtype=np.float32)
    values[list(missing)] = np.nan
    found = _found(
        History(values, "kestrel-metals.com"),
        direction="outbound" if outbound else "inbound",
        facts=PROVEN if proven else {},
    )
    for finding in found.values():
        assert 0 < finding.strength <= 1
        assert "nan" not in finding.reason
        assert "nan" not in map(str, finding.inputs.values())


def test_new_alone_adds_at_most_its_cap_and_corroborates_nothing():
    """A verdict: whatever is new about the sender, one other group can't reject with its help."""
    stack = shipped_stack()
    cap = stack._weights.groups["novelty"].cap * stack._weights.stack.calibration.a * 1e6
    new = [f for f in _found(known(EVERYTHING_NEW)).values() if SPECS[f.name].group == "novelty"]
    assert len(new) >= 3
    alone = stack.weigh(new, ())
    assert CORROBORATES < alone.logit - alone.bias <= cap
    assert alone.groups == 0
    content = Finding("wallet_phrases", "It is about crypto wallets or tokens")
    assert stack.weigh([*new, content], ()).groups == 1


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    numbers=st.lists(_VALUES, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    missing=st.sets(st.integers(0, len(COLUMNS) - 1)),
    proven=st.booleans(),
    strictness=st.sampled_from([0.03, 0.1, 0.5]),
)
def test_nothing_new_alone_is_acted_upon_and_with_one_other_reason_none_is_rejected(
    numbers, missing, proven, strictness
):
    """Whatever the readings, and however low a host sets its threshold for a rejection."""
    values = np.array(numbers, dtype=np.float32)
    values[list(missing)] = np.nan
    evidence = _evidence(History(values), facts=PROVEN if proven else {})
    new = list(novelty.DETECTOR.detect(evidence, CONTEXT))
    policy, stack = shipped_policy().default, shipped_stack()
    bands = Bands(policy.thresholds_for("inbound", "spam"), policy.reject_needs_groups)
    alone = stack.weigh(new, ())
    assert bands.decide(alone.logit, alone.groups) == "accept"
    strict = Bands({"reject": strictness}, policy.reject_needs_groups)
    content = Finding("wallet_phrases", "It is about crypto wallets or tokens")
    both = stack.weigh([*new, content], ())
    assert "reject" not in (
        strict.decide(alone.logit, alone.groups),
        strict.decide(both.logit, both.groups),
    )


def test_an_unproven_sender_has_no_good_name_whatever_its_readings_say():
    history = known({**GOOD, "pair.known": 1, "correspondent.name": 0, "correspondent.domain": 0})
    assert {"known_correspondent", "good_record"} <= _found(history, facts=PROVEN).keys()
    failed = {"dkim": Fact("none", "mx"), "spf": Fact("none", "mx")}
    assert not {"known_correspondent", "good_record"} & _found(history, facts=failed).keys()


def test_another_domains_signature_does_not_lend_the_author_its_good_name():
    facts = {"dkim": Fact("pass", "mx"), "dkim.domains": Fact("mail-service.example.com", "mx")}
    evidence = _evidence(known(GOOD), facts=facts)
    assert not stand(evidence, CONTEXT).proven
    assert not stand(evidence, CONTEXT).good


def test_who_is_taken_for_a_correspondent_gets_no_credit_for_answering():
    answer = {"thread.answers": 1, "pair.known": 0, "correspondent.name": 0}
    assert "answers_our_mail" in _found(known({**answer, "correspondent.domain": 0}))
    assert "answers_our_mail" not in _found(known({**answer, "correspondent.domain": 1}))


def test_each_circumstance_makes_a_likeness_weigh_more():
    like = {"correspondent.name": 1, "pair.known": 0, "sender.age": 90 * DAY, "pair.received": 9}
    plain = _found(known(like))["correspondent_name"]
    first = _found(known({**like, "pair.received": 1}))["correspondent_name"]
    money = RAW.replace(b"Here they are.", b"Please use our new bank details.")
    elsewhere = money.replace(b"Subject:", b"Reply-To: <m.lindt@gmail.com>\nSubject:")
    worst = _found(known({**like, "pair.received": 1}), elsewhere)["correspondent_name"]
    assert plain.strength < first.strength < worst.strength
    assert "answers go to gmail.com, it is about money, it never wrote before" in worst.reason
    assert "m.lindt" not in repr(worst)


def test_a_burst_weighs_more_the_larger_it_is_and_less_where_contents_vary_or_it_is_a_newsletter():
    young = {"sender.age": 7_200, "sender.proven": 1}

    def strength(messages, raw=RAW, contents=1, **envelope):
        readings = {
            "sender.messages": messages,
            "sender.messages_1h": 1,
            "sender.messages_1d": messages,
            "sender.recipients": 1,
            "sender.recipients_1d": 1,
            "sender.contents_1d": contents,
        }
        found = _found(known({**young, **readings}), raw, **envelope)
        return found["burst_new_sender"].strength if "burst_new_sender" in found else 0.0

    list_mail = RAW.replace(b"Subject:", b"List-Unsubscribe: <https://quarrybrook.net>\nSubject:")
    assert 0 == strength(5) < strength(25) < strength(250) == strength(2500) == 1
    assert strength(2500, list_mail, facts=PROVEN) == 0.5
    assert strength(2500, list_mail) == 1
    assert strength(2500, contents=90) == 0.7


def test_a_list_that_writes_in_its_members_names_is_hardly_suspected():
    like = {"correspondent.name": 1, "pair.known": 0, "sender.age": 90 * DAY, "pair.received": 9}
    post = RAW.replace(b"In-Reply-To: <1@brookvale.org>", b"List-Post: <mailto:l@quarrybrook.net>")
    post = post.replace(b"Subject:", b"List-Id: <l.quarrybrook.net>\nSubject:")
    alone = _found(known(like))["correspondent_name"].strength
    facts = {"spf": Fact("pass"), "spf.domain": Fact("quarrybrook.net")}
    assert _found(known(like), post, facts=facts)["correspondent_name"].strength == alone / 2


def test_a_lookalike_that_answers_would_go_to_is_named_as_such():
    head = b"Reply-To: <orders@kestre1-metals.com>\nSubject:"
    history = known({"correspondent.domain": 1, "pair.known": 0}, "kestrel-metals.com")
    found = _found(history, RAW.replace(b"Subject:", head))["correspondent_lookalike"]
    assert found.reason.startswith("Answers go to kestre1-metals.com, which looks like your")


def test_a_lure_in_mass_mail_of_a_proven_new_sender_weighs_half():
    readings = {
        "sender.proven": 1,
        "sender.age": 0,
        "pair.received": 1,
        "pair.known": 0,
        "thread.answers": 0,
        "network.age": 60 * DAY,
        "links.new": 1,
    }
    lure = RAW.replace(b"Subject: Drawings", b"Subject: Final notice: act now")
    lure = lure.replace(b"In-Reply-To: <1@brookvale.org>\n", b"")
    lure = lure.replace(b"lowfield.example", b"lowfield-garden.org")
    news = lure.replace(b"Subject:", b"List-Unsubscribe: <https://quarrybrook.net/u>\nSubject:")
    plain, mass = (
        _found(known(readings), raw, facts=PROVEN)["new_domain_lure"] for raw in (lure, news)
    )
    assert mass.strength == plain.strength / 2
    assert "quarrybrook.net and a domain it links to (lowfield-garden.org)" in plain.reason


@pytest.mark.parametrize(
    ("watched_days", "age_days", "young"),
    [
        (0, 0, False),
        (2.9, 0, False),
        (2.9, 2.9, False),
        (3.1, 0, True),
        (5, 2.9, False),
        (9, 2.9, True),
        (90, 4, False),
        (float("nan"), 0, True),
    ],
)
def test_a_sender_is_only_as_new_as_the_state_is_old(watched_days, age_days, young):
    """Else whoever writes first to a new installation would be a stranger who sends in bursts."""
    readings = {
        "sender.age": age_days * DAY,
        "sender.messages": 90,
        "sender.messages_1h": 40,
        "sender.messages_1d": 90,
        "sender.messages_7d": 90,
        "sender.recipients": 90,
        "sender.recipients_1d": 60,
        "sender.first_contacts_1d": 60,
        "pair.received": 1,
        "pair.known": 0,
        "thread.answers": 0,
    }
    found = _found(known(readings, watched=watched_days * DAY))
    expected = {"burst_new_sender", "first_contact"} if young else set()
    assert {"burst_new_sender", "first_contact"} & found.keys() == expected
    if age_days < 3:
        assert not {"burst_own_past", "many_first_contacts"} & found.keys()
