from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from detectors.catalogue import DETECTORS
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.outcomes import (
    STATE_GROUPS,
    STATE_SIGNALS,
    bad_by_content,
    is_delivered,
    outcome_of,
    recorded_history,
)
from detectors.policy_file import shipped_policy
from detectors.record import decode, encode
from detectors.signals import Signal
from detectors.stack import shipped_stack
from features.columns.sender_columns import COLUMNS
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming
from features.history import UNKNOWN, History

MESSAGE = b"From: a@shop.example\nTo: u@ours.example\nSubject: hi\n\nhello\n"


@pytest.fixture(scope="module")
def judge():
    context = Context(hash_key=b"k" * 32)
    return Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))


@pytest.fixture(scope="module")
def prepared(judge):
    envelope = Envelope(
        id="m",
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
        mail_from="a@shop.example",
        rcpt_to=("u@ours.example",),
        client=Client(ip="192.0.2.1"),
        facts={"spf": Fact(value="pass")},
    )
    return judge.prepare([Incoming(envelope, MESSAGE)])


@pytest.fixture(scope="module")
def verdict(judge, prepared):
    """A verdict on a message whose sender is known by numbers of the test's own."""
    history = History(np.arange(len(COLUMNS), dtype=np.float32))
    (judged,) = judge.conclude(prepared, [history])
    return judged.verdict


def spoken(verdict, *signals):
    """Return the verdict with other signals: (name, group, contribution)."""
    made = tuple(Signal(name, group, value, "why", {}) for name, group, value in signals)
    return msgspec.structs.replace(verdict, bias=-1_000_000, signals=made)


def test_what_the_message_shows_itself_makes_it_bad(verdict):
    assert bad_by_content(spoken(verdict, ("link", "links", 1_000_001)))
    assert not bad_by_content(spoken(verdict, ("link", "links", 1_000_000)))
    assert bad_by_content(spoken(verdict, ("learned_text", "learned", 2_000_000)))


@pytest.mark.parametrize("group", sorted(STATE_GROUPS))
def test_a_bad_name_does_not_feed_on_itself_nor_a_good_one_cover(verdict, group):
    assert not bad_by_content(spoken(verdict, ("s", group, 9_000_000)))
    assert bad_by_content(spoken(verdict, ("l", "links", 2_000_000), ("s", group, -9_000_000)))


@pytest.mark.parametrize("name", sorted(STATE_SIGNALS))
def test_models_that_read_the_state_do_not_count(verdict, name):
    assert not bad_by_content(spoken(verdict, (name, "learned", 9_000_000)))


def test_a_message_that_broke_the_pipeline_is_not_bad(judge, prepared):
    broken = judge.degraded(prepared[0].incoming)
    assert not bad_by_content(broken)
    assert recorded_history(broken) is UNKNOWN


def test_every_detector_that_reads_the_state_is_left_out(judge, prepared):
    """What is found under some history and not under none is of a group that reads it."""
    seen = set()
    rng = np.random.default_rng(1)
    (base,) = prepared
    for _ in range(300):
        scale = 10.0 ** rng.integers(0, 7, len(COLUMNS))
        numbers = np.where(rng.random(len(COLUMNS)) < 0.3, 0, rng.random(len(COLUMNS)) * scale)
        evidence = base.evidence.with_history(History(numbers.astype(np.float32), "else.example"))
        for detector in DETECTORS:
            groups = {spec.name: spec.group for spec in detector.specs}
            before = {found.name for found in detector.detect(base.evidence, judge.context)}
            after = {found.name for found in detector.detect(evidence, judge.context)}
            seen |= {groups[name] for name in before ^ after}
    assert seen
    assert seen <= STATE_GROUPS


@pytest.mark.parametrize(
    ("action", "direction", "delivered"),
    [
        ("accept", "inbound", True),
        ("add_header", "inbound", True),
        ("quarantine", "inbound", False),
        ("reject", "inbound", False),
        ("accept", "outbound", False),
    ],
)
def test_what_reaches_an_inbox_is_said_by_the_action(verdict, action, direction, delivered):
    changed = msgspec.structs.replace(verdict, action=action, direction=direction)
    assert is_delivered(changed) is delivered


def test_the_history_of_a_record_is_the_one_it_was_judged_with(verdict):
    kept = recorded_history(decode(encode(verdict)))
    assert kept.numbers.tolist() == list(range(len(COLUMNS)))


def test_a_record_of_another_schema_tells_no_history(verdict):
    features = msgspec.structs.replace(verdict.features, schema="0" * 12)
    assert recorded_history(msgspec.structs.replace(verdict, features=features)) is UNKNOWN


def test_a_record_adds_what_the_verdict_added(verdict, prepared):
    touches = prepared[0].evidence.touches
    delivered = msgspec.structs.replace(verdict, action="accept")
    assert outcome_of(touches, delivered)
    assert outcome_of(touches, decode(encode(delivered))) == outcome_of(touches, delivered)


def test_a_copy_for_other_recipients_was_delivered_and_bad_before(verdict, prepared):
    touches = prepared[0].evidence.touches
    bad = spoken(verdict, ("link", "links", 9_000_000))
    whole = outcome_of(touches, bad)
    copied = outcome_of(touches, bad, split=True)
    assert sum(len(each.items) for each in copied) < sum(len(each.items) for each in whole)
