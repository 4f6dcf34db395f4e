from datetime import UTC, datetime

import msgspec
import pytest

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from models.label import Label, Target
from models.standing import NOTHING, Standing, change
from streams.labels.ledger import Outcome
from streams.labels.message import Found, Taken
from streams.learning.lessons import Teacher, terms_of
from streams.learning.lineage import Lineage
from streams.learning.memory import Memory

CONTEXT = Context(hash_key=b"k" * 32, token_salt=77)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RAW = (
    b"From: a@b.example\r\nTo: you@example.com\r\nSubject: Your parcel waits\r\n\r\n"
    b"Verify your account at http://192.0.2.1/login or it will be closed today.\r\n"
)
SPAM = Standing(abuse=True, truth="spam", source="analyst", weight=1.0, teaches=True)
HAM = Standing(abuse=False, truth="ham", source="analyst", weight=1.0, teaches=True)


@pytest.fixture
def judge(snapshots):
    models, _ = snapshots.fresh()
    policy = shipped_policy()
    return Judge(CONTEXT, None, policy, shipped_stack(), engine_digest(CONTEXT), models=models)


@pytest.fixture
def judged(judge):
    """A message's prepared parts with what judging saw of it."""
    incoming = Incoming(Envelope(id="m", received_at=NOW), RAW)
    (prepared,) = judge.prepare([incoming])
    (result,) = judge.judge([incoming])
    return incoming, prepared, result


@pytest.fixture
def teacher(judge, snapshots):
    lineage = Lineage(judge.models, Memory(50), snapshots.layout)
    return Teacher(
        lineage, shipped_stack(), snapshots.layout, epoch="e", fence=1, largest=1_000_000
    ), lineage


def outcome(before, after):
    return Outcome("m", None, before, after, change(before, after))


def taken(offset, truth="spam"):
    label = Label(id=f"l{offset}", of=Target(id="m"), truth=truth, source="analyst", given_at=NOW)
    return Taken(label, offset, 100.0 + offset)


def test_terms_are_those_that_judging_saw_as_far_as_a_verdict_tells(judged, judge):
    _, _, result = judged
    found = terms_of(result.verdict, shipped_stack(), judge.models.fusion)
    weighed = {s.name for s in result.verdict.signals if s.contribution}
    assert weighed
    assert set(found) >= weighed
    for name in weighed:
        assert found[name] == pytest.approx(result.terms_seen[name], abs=1e-4), name


def test_a_label_teaches_the_message_as_judged(teacher, judged):
    make, lineage = teacher
    incoming, prepared, result = judged
    found = Found("m", None, incoming, result.verdict)
    record = make.learn(taken(7), outcome(NOTHING, SPAM), found, prepared)
    (lesson,) = record.step.lessons
    assert (record.sequence, record.labels.offset, record.message) == (1, 7, "m")
    assert lesson.abuse
    assert {"bayes", "gradient", "behaviour", "fusion"} == set(lesson.moves)
    assert lineage.memory.taught("m").abuse


def test_the_same_standing_again_teaches_nothing(teacher, judged):
    make, _ = teacher
    incoming, prepared, result = judged
    found = Found("m", None, incoming, result.verdict)
    make.learn(taken(7), outcome(NOTHING, SPAM), found, prepared)
    assert make.learn(taken(8), outcome(SPAM, SPAM), found, prepared) is None


def test_a_change_of_mind_takes_the_first_lesson_back(teacher, judged):
    make, lineage = teacher
    incoming, prepared, result = judged
    found = Found("m", None, incoming, result.verdict)
    make.learn(taken(7), outcome(NOTHING, SPAM), found, prepared)
    record = make.learn(taken(8, "ham"), outcome(SPAM, HAM), found, prepared)
    back, lesson = record.step.lessons[:2]
    assert (back.abuse, back.weight) == (True, -1.0)
    assert (lesson.abuse, lesson.weight) == (False, 1.0)
    record = make.learn(taken(9), outcome(HAM, NOTHING), found, prepared)
    assert [(it.abuse, it.weight) for it in record.step.lessons] == [(False, -1.0)]
    assert lineage.memory.taught("m") is None


def test_without_a_verdict_only_the_text_model_learns(teacher, judged):
    make, _ = teacher
    incoming, prepared, _ = judged
    record = make.learn(taken(7), outcome(NOTHING, SPAM), Found("m", None, incoming), prepared)
    (lesson,) = record.step.lessons
    assert set(lesson.moves) == {"bayes", "gradient"}
    assert lesson.vector == b""


def test_without_the_message_the_models_keep_what_they_have(teacher):
    make, lineage = teacher
    assert make.learn(taken(7), outcome(SPAM, NOTHING), Found("m"), None) is None
    assert lineage.sequence == 0


def test_a_step_fits_into_a_record_whatever_is_replayed(teacher, judged, step):
    make, lineage = teacher
    incoming, prepared, result = judged
    for number in range(1, 13):
        lineage.learn(step(number, abuse=False))
    make._largest = 6_000
    found = Found("m", None, incoming, result.verdict)
    record = make.learn(taken(99), outcome(NOTHING, SPAM), found, prepared)
    assert record.step.lessons[0].abuse
    assert 1 <= len(record.step.lessons) < 11
    assert len(msgspec.msgpack.encode(record)) < 12_000
