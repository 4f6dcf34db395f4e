"""An envelope fits its record, whatever a client says."""

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from apps.hook.envelopes import cut, envelope
from apps.hook.submission import Submission
from apps.hook.tenants import Share
from features.envelope import Client, Truncated
from streams.settings import Settings
from streams.wire import message_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_message_within_the_limit_is_left_as_it_is():
    assert cut(Submission(b"x" * 100), 100) == (b"x" * 100, None)


def test_a_message_over_the_limit_is_cut_and_its_size_and_digest_are_kept():
    raw = b"x" * 101
    assert cut(Submission(raw), 100) == (raw[:100], Truncated(101, sha256(raw).hexdigest()))


def test_what_an_adapter_has_cut_already_is_what_is_said():
    said = Truncated(5_000)
    assert cut(Submission(b"x" * 101, truncated=said), 100) == (b"x" * 100, said)
    assert cut(Submission(b"x" * 99, truncated=said), 100) == (b"x" * 99, said)


TEXT = st.text(st.characters(codec="utf-8"), max_size=3_000)


@given(
    st.lists(st.builds(lambda text, times: text * times, TEXT, st.integers(1, 100)), max_size=40),
    TEXT,
    st.none() | TEXT,
)
def test_whatever_is_said_fits_the_record_of_a_message_of_full_size(recipients, helo, sender):
    settings = Settings()
    submission = Submission(
        b"", client=Client(helo=helo, ptr=helo), mail_from=sender, user=sender, queue_id=helo
    )
    share = Share("default", tuple(recipients))
    made = envelope(submission, share, "inbound", "id", NOW)
    record = message_record("t", made, b"", source="/weir/hook", now=NOW)
    size = sum(len(name) + len(value) for name, value in record.headers)
    assert size <= settings.record_bytes - settings.topics.message_bytes - 30_000  # left to facts
    kept = len(made.rcpt_to)
    assert made.rcpt_to == tuple(recipient[:1_000] for recipient in recipients[:kept])


def test_recipients_of_control_characters_take_the_room_that_their_escapes_do():
    share = Share("default", ("\x01" * 1_000,) * 100)
    made = envelope(Submission(b""), share, "inbound", "id", NOW)
    assert len(msgspec.json.encode(made)) < 70_000


def test_recipients_of_an_honest_message_are_all_kept():
    recipients = tuple(f"somebody.with.a.name{number}@two.example" for number in range(1_000))
    made = envelope(Submission(b""), Share("acme", recipients), "inbound", "id", NOW)
    assert made.rcpt_to == recipients
    assert made.tenant == "acme"


def test_bytes_that_are_no_utf8_are_escapes():
    sender = b"\xffa@one.example".decode("utf-8", "surrogateescape")
    made = envelope(Submission(b"", mail_from=sender), Share("d", ()), "inbound", "id", NOW)
    assert made.mail_from == "\\xffa@one.example"
    assert msgspec.json.decode(msgspec.json.encode(made))["mail_from"] == "\\xffa@one.example"


def test_the_null_sender_is_not_an_unknown_one():
    share = Share("d", ())
    assert envelope(Submission(b"", mail_from=""), share, "inbound", "i", NOW).mail_from == ""
    assert envelope(Submission(b""), share, "inbound", "i", NOW).mail_from is None
