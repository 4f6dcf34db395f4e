from datetime import UTC, datetime

import msgspec
import pytest

from apps.hook import late
from apps.hook.late import Delivery, LateVerdicts, delivery_of
from features.envelope import Envelope

RAW = b"From: a@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: one\r\n\r\nHello\r\n"
ENVELOPE = Envelope(
    id="1",
    received_at=datetime(2026, 3, 1, tzinfo=UTC),
    mail_from="a@example.org",
    rcpt_to=("b@example.com", "c@example.com"),
    queue_id="4F1",
)


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def kept(clock):
    return LateVerdicts(clock)


def delivery(number):
    return Delivery("default", "inbound", str(number))


def test_a_verdict_is_given_once(kept):
    kept.put(delivery(1), b"verdict")
    assert kept.take(delivery(2)) is None
    assert kept.take(delivery(1)) == b"verdict"
    assert kept.take(delivery(1)) is None


def test_a_verdict_holds_for_an_hour(kept, clock):
    kept.put(delivery(1), b"one")
    clock.now = 3_599
    kept.put(delivery(2), b"two")
    assert kept.take(delivery(1)) == b"one"
    clock.now += 3_601
    assert kept.take(delivery(2)) is None


def test_what_holds_no_more_is_dropped_without_being_asked_for(kept, clock):
    kept.put(delivery(1), b"one")
    clock.now = 3_601
    kept.put(delivery(2), b"two")
    assert len(kept) == 1


def test_the_oldest_go_where_there_are_too_many(kept, monkeypatch):
    monkeypatch.setattr(late, "_MOST", 3)
    for number in range(5):
        kept.put(delivery(number), b"verdict")
    assert [kept.take(delivery(number)) is not None for number in range(5)] == [
        *(False, False),
        *(True, True, True),
    ]


def test_the_oldest_go_where_they_are_too_large(kept, monkeypatch):
    monkeypatch.setattr(late, "_MOST_BYTES", 10)
    kept.put(delivery(1), b"123456")
    kept.put(delivery(1), b"1234567890")
    assert kept.take(delivery(1)) == b"1234567890", "what takes its place is counted once"
    kept.put(delivery(2), b"123456")
    kept.put(delivery(3), b"123456")
    assert kept.take(delivery(2)) is None
    kept.put(delivery(4), b"more than all")
    assert len(kept) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"queue_id": "9A2"},
        {"id": "2", "received_at": datetime(2026, 3, 2, tzinfo=UTC)},
        {"rcpt_to": ("c@example.com", "b@example.com")},
    ],
)
def test_a_retry_is_the_same_delivery(other):
    """With another queue id, another id of ours, and a new Received line above."""
    retried = b"Received: from a by b; Sun, 1 Mar 2026 01:00:00 +0000\r\n" + RAW
    again = msgspec.structs.replace(ENVELOPE, **other)
    assert delivery_of(again, retried) == delivery_of(ENVELOPE, RAW)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "other"},
        {"direction": "outbound"},
        {"mail_from": "x@example.org"},
        {"rcpt_to": ("b@example.com",)},
    ],
)
def test_another_delivery_of_the_same_message_is_another(other):
    another = msgspec.structs.replace(ENVELOPE, **other)
    assert delivery_of(another, RAW) != delivery_of(ENVELOPE, RAW)


def test_another_content_under_the_same_message_id_is_another_delivery():
    assert delivery_of(ENVELOPE, RAW + b"more\r\n") != delivery_of(ENVELOPE, RAW)
