"""Which labels a message gives by itself, and that they are the same each time."""

from datetime import UTC, datetime

import pytest

from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming, LogPosition
from models.label import Target
from streams.cases import Case
from streams.implicit_labels import implicit_labels
from streams.stores.protocol import Advanced, Found, Mention
from streams.wire import Arrival

POLICIES = read_policy('[labels]\ntraps = ["trap@ours.example"]\n', "policy.toml")
JUDGE = Judge(Context(hash_key=b"k"), None, POLICIES, shipped_stack(), "engine")
AT = datetime(2026, 5, 1, tzinfo=UTC)
MENTION = Mention("asked", LogPosition("e", 0, 7), "inbound")
RAW = b"From: <lena@ours.example>\r\nTo: <tom@x.example>\r\nSubject: Yes\r\n\r\nYes.\r\n"


def case(*, raw=RAW, mentions=(), retry=False, known=True, **fields):
    envelope = Envelope(id="m1", received_at=AT, **fields)
    place = LogPosition("e", 1, 2)
    incoming = Incoming(envelope, raw, place)
    arrival = Arrival(incoming, place, 1_777_593_600_000, None, None, False, False, [])
    (prepared,) = JUDGE.prepare([incoming])
    asked = prepared.evidence.touches.increments
    return Case(
        arrival,
        found=Found(None, 0, retry=retry),
        known=known,
        prepared=prepared,
        advanced=Advanced((None,) * len(asked), tuple(mentions)),
    )


def given(**fields):
    return implicit_labels(case(**fields), POLICIES.default)


OUTBOUND = {
    "direction": "outbound",
    "mail_from": "lena@ours.example",
    "rcpt_to": ("tom@x.example",),
}
TRAPPED = {"mail_from": "a@b.example", "rcpt_to": ("Trap@ours.example",)}


def test_a_reply_says_that_what_it_answers_was_wanted():
    (label,) = given(mentions=(None, MENTION), **OUTBOUND)
    assert (label.truth, label.source) == ("ham", "reply")
    assert label.of.position.offset == 7
    assert label.reporter
    assert label.given_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert given(mentions=(None, MENTION), **OUTBOUND) == (label,)


def test_two_answers_to_one_message_are_two_labels():
    (first,) = given(mentions=(MENTION,), **OUTBOUND)
    (second,) = given(mentions=(MENTION._replace(position=None),), **OUTBOUND)
    assert second.of == Target(id="asked")
    assert first.id != second.id


@pytest.mark.parametrize(
    "fields",
    [
        {"mentions": (None,)},
        {"mentions": (MENTION._replace(direction="outbound"),)},
        {"mentions": (MENTION,), "retry": True},
        {"mentions": (MENTION,), "known": False},
        {"mentions": (MENTION,), "mail_from": ""},
        {"mentions": (MENTION,), "raw": b"Precedence: list\r\n" + RAW},
        {"mentions": (MENTION,), "direction": "inbound"},
    ],
    ids=["stranger", "own", "retry", "store away", "null sender", "list", "inbound"],
)
def test_what_is_no_persons_answer_gives_no_label(fields):
    assert given(**{**OUTBOUND, **fields}) == ()


def test_mail_to_a_trap_is_spam_and_can_be_taken_back_by_its_id():
    (label,) = given(**TRAPPED)
    assert (label.truth, label.source, label.of) == ("spam", "trap", Target(id="m1"))
    assert given(**TRAPPED) == (label,)


@pytest.mark.parametrize(
    "fields",
    [{"mail_from": ""}, {"rcpt_to": ("tom@ours.example",)}, {"retry": True}],
    ids=["a bounce", "no trap", "retry"],
)
def test_what_gives_no_trap_label(fields):
    assert given(**{**TRAPPED, **fields}) == ()
