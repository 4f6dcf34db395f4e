from datetime import UTC, datetime

import pytest

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from streams.learning.lineage import Lineage
from streams.learning.memory import Memory
from streams.learning.recent import Recent, Weighed, weigh
from streams.learning.saying import Said

CONTEXT = Context(hash_key=b"k" * 32, token_salt=77)
RAW = b"From: a@b.example\r\nSubject: hi\r\n\r\nhello, %d lines of text that somebody wrote\r\n"


@pytest.fixture
def judge(snapshots):
    models, _ = snapshots.fresh()
    policy = shipped_policy()
    return Judge(CONTEXT, None, policy, shipped_stack(), engine_digest(CONTEXT), models=models)


@pytest.fixture
def recent(judge, snapshots):
    return Recent(shipped_stack(), Lineage(judge.models, Memory(9), snapshots.layout), judge)


def incoming(number):
    envelope = Envelope(id=f"m{number}", received_at=datetime(2026, 3, 1, tzinfo=UTC))
    return Incoming(envelope, RAW % number)


def test_no_verdict_flips_where_nothing_was_learned(recent, judge, snapshots):
    for number in range(5):
        message = incoming(number)
        recent.take(judge.judge([message])[0].verdict, message)
    assert recent.knows("m4")
    assert recent.flips(judge.models, snapshots.fresh()[0]) == (0, 5)


def flips(weighed, *lineages):
    """Tell whether a verdict flips between two lineages' models, each asked by itself."""
    return weighed.flips(*(weigh(one.head, [weighed], Said())[0] for one in lineages))


def test_a_verdict_flips_where_a_bound_lies_between(lineage, step, sample):
    before, after = lineage(), lineage()
    for number in range(1, 41):
        after.learn(step(number, 1 + number % 2, abuse=number % 2 == 0))
    lesson = step(99, 1).step.lessons[0]
    assert not flips(Weighed(0.0, (5.0,), lesson), before, before)
    near = flips(Weighed(0.0, (0.01,), lesson), before, after)
    far = flips(Weighed(0.0, (500.0,), lesson), before, after)
    assert (near, far) == (True, False)


def test_a_stack_that_begins_to_speak_flips_nothing_where_it_says_what_was_shipped(lineage, step):
    before, after = lineage(), lineage()
    for number in range(1, 41):
        after.learn(step(number, 1 + number % 2, abuse=number % 2 == 0))
    lesson = step(99, 50).step.lessons[0]
    share = after.head.fusion.share
    said = weigh(after.head, [Weighed(0.0, (), lesson)], Said())[0] / share
    assert share > 0.5
    assert not flips(Weighed(0.0, (0.01, -0.01), lesson, said), before, after)
    assert flips(Weighed(0.0, (0.01, -0.01), lesson, said - 1), before, after)


def test_a_message_without_a_logit_or_with_an_override_says_nothing(recent, judge):
    message = incoming(1)
    recent.take(judge.degraded(message), message)
    assert not recent.knows("m1")
