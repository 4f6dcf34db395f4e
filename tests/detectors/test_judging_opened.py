"""What a verdict makes of attachments: opened, not opened, or not to be had."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Context, Limits
from features.envelope import Envelope, Incoming
from features.history import UNKNOWN
from features.opened import File

SAMPLES = Path(__file__).parents[1] / "corpus" / "signals"
MAIL = (SAMPLES / "attachment_code_only" / "fires.eml").read_bytes()
PLAIN = b"From: a@b.example\n\nhello\n"
FOUND = (File("image", 0, codes=("https://quarrybrook.net/mfa",)),)


def _judge(**limits):
    context = Context(limits=Limits(**limits), hash_key=b"k")
    return Judge(context, None, shipped_policy(), shipped_stack(), "engine")


def _incoming(raw):
    return Incoming(Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC)), raw)


def _conclude(judge, prepared):
    (judged,) = judge.conclude([prepared], [UNKNOWN])
    return judged


@pytest.fixture(scope="module")
def judge():
    return _judge()


def test_what_is_wanted_comes_with_the_message(judge):
    with_it, without = judge.prepare([_incoming(MAIL), _incoming(PLAIN)])

    assert [request.kind for request in with_it.wanted] == ["image"]
    assert without.wanted == ()


def test_what_was_found_inside_speaks_in_the_verdict(judge):
    (prepared,) = judge.prepare([_incoming(MAIL)])
    closed = _conclude(judge, prepared)
    opened = _conclude(judge, replace(prepared, opened=FOUND))

    names = {signal.name for signal in opened.verdict.signals}
    assert "attachment_code_only" in names
    assert "attachment_code_only" not in {signal.name for signal in closed.verdict.signals}
    assert opened.verdict.logit > closed.verdict.logit
    assert opened.verdict.degraded == closed.verdict.degraded


def test_attachments_that_could_not_be_opened_are_a_missing_part(judge):
    (prepared,) = judge.prepare([_incoming(MAIL)])
    judged = _conclude(judge, replace(prepared, opened=None))

    assert "attachments" in judged.verdict.degraded
    assert judged.error is None
    assert judged.verdict.logit == _conclude(judge, prepared).verdict.logit


def test_what_no_reader_says_is_a_fault_of_its_part_alone(judge):
    (prepared,) = judge.prepare([_incoming(MAIL)])
    judged = _conclude(judge, replace(prepared, opened=(None,)))

    assert "attachments" in judged.verdict.degraded
    assert any(fault.startswith("attachments ") for fault in judged.faults)
    assert judged.verdict.logit is not None


def test_equal_findings_give_equal_bytes(judge):
    verdicts = []
    for _ in range(2):
        (prepared,) = judge.prepare([_incoming(MAIL)])
        verdicts.append(encode(_conclude(judge, replace(prepared, opened=FOUND)).verdict))

    assert verdicts[0] == verdicts[1]


def test_an_installation_that_opens_nothing_asks_for_nothing():
    (prepared,) = _judge(opened=0).prepare([_incoming(MAIL)])

    assert prepared.wanted == ()
