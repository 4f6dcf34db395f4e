import json
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.envelope import Client, Envelope, Fact, LogPosition
from streams.wire import (
    Reply,
    dead_letter,
    derived_id,
    message_record,
    new_id,
    printable,
    read_arrival,
    read_head,
    reply_record,
    verdict_record,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def arrive(headers, value=b"From: a@b.example\r\n\r\nhi", timestamp_ms=NOW_MS, offset=7):
    return read_arrival(
        epoch="e",
        partition=2,
        offset=offset,
        timestamp_ms=timestamp_ms,
        key=b"k",
        value=value,
        headers=headers,
    )


def enveloped(**fields):
    return arrive([("weir-envelope", json.dumps(fields).encode())])


def test_a_message_survives_the_wire_whole():
    envelope = Envelope(
        id=new_id(),
        received_at=NOW - timedelta(seconds=3),
        direction="outbound",
        tenant="acme",
        client=Client(ip="192.0.2.1", helo="mx.example"),
        mail_from="",
        rcpt_to=("a@b.example",),
        facts={"spf": Fact("pass", "edge", NOW), "asn": Fact(64500)},
    )
    reply = Reply(b"req-1", 3, 1_900_000_000_000)
    record = message_record("mail.messages", envelope, b"raw", source="/test", now=NOW, reply=reply)
    arrival = arrive(record.headers, record.value)
    assert record.key == envelope.id.encode()
    assert arrival.incoming.envelope == envelope
    assert arrival.incoming.raw == b"raw"
    assert arrival.incoming.flags == ()
    assert arrival.reply == reply


def test_cloudevents_headers_are_complete():
    record = message_record("t", Envelope(id="1", received_at=NOW), b"", source="/test", now=NOW)
    assert dict(record.headers) | {"weir-envelope": b""} == {
        "ce_specversion": b"1.0",
        "ce_id": b"1",
        "ce_type": b"weir.message.received",
        "ce_source": b"/test",
        "ce_time": b"2026-03-01T12:00:00.250000Z",
        "content-type": b"message/rfc822",
        "weir-envelope": b"",
    }


def test_without_an_envelope_the_place_in_the_log_gives_the_id():
    """UUIDv8, equal for a redelivery and different for every other place and epoch."""
    arrival = arrive(None)
    found = uuid.UUID(arrival.incoming.envelope.id)
    assert (found.version, found.variant) == (8, uuid.RFC_4122)
    assert arrival.incoming.flags == ("envelope_missing",)
    assert arrive([]).incoming.envelope.id == str(found)
    assert arrive(None, offset=8).incoming.envelope.id != str(found)
    assert derived_id(LogPosition("other", 2, 7)) != str(found)
    assert arrival.incoming.envelope.received_at == NOW


def test_new_ids_are_uuid7():
    assert uuid.UUID(new_id()).version == 7


@pytest.mark.parametrize(
    ("received", "expected", "flags"),
    [
        ("2099-01-01T00:00:00Z", NOW, ("clock_skew",)),
        ("1999-01-01T00:00:00Z", NOW - timedelta(days=7), ("clock_skew",)),
        ("2026-03-01T11:00:00Z", NOW - timedelta(hours=1, milliseconds=250), ()),
        ("2026-03-01T12:00:00+01:00", NOW - timedelta(hours=1, milliseconds=250), ()),
        ("2026-03-01T11:00:00", NOW - timedelta(hours=1, milliseconds=250), ("clock_skew",)),
        ("yesterday", NOW, ("envelope_malformed",)),
    ],
)
def test_received_at_stays_within_a_week_before_the_logs_time(received, expected, flags):
    incoming = enveloped(id="a", received_at=received).incoming
    assert incoming.envelope.received_at == expected
    assert incoming.envelope.received_at.utcoffset() == timedelta(0)
    assert incoming.flags == flags


def test_what_is_malformed_gets_its_default_and_the_rest_is_kept():
    incoming = enveloped(id="a", direction="sideways", mail_from="x@y.example", user=3).incoming
    assert incoming.envelope.direction == "inbound"
    assert incoming.envelope.mail_from == "x@y.example"
    assert incoming.envelope.user is None
    assert incoming.flags == ("envelope_malformed",)


@pytest.mark.parametrize(
    "header", [b"", b"{", b"[]", b"3", b'{"id": "\\udc80"}', b"[" * 100_000, b"\xff\xfe"]
)
def test_an_envelope_that_is_no_object_is_flagged(header):
    incoming = arrive([("weir-envelope", header)]).incoming
    assert incoming.flags == ("envelope_malformed",)
    assert uuid.UUID(incoming.envelope.id).version == 8


def test_bytes_that_are_not_utf8_become_escapes():
    incoming = arrive([("weir-envelope", b'{"id":"a","mail_from":"caf\xe9@x.example"}')]).incoming
    assert incoming.envelope.mail_from == "caf\\xe9@x.example"
    assert printable(b"caf\xe9") == printable("caf\udce9") == "caf\\xe9"
    assert printable("\ud800x") == "\\ud800x"
    assert printable("café") == "café"


@pytest.mark.parametrize("ident", ["", "a b", "x" * 200, "\n", "é"])
def test_an_id_that_could_break_keys_and_headers_is_replaced(ident):
    incoming = enveloped(id=ident, received_at="2026-03-01T11:00:00Z").incoming
    assert incoming.flags == ("id_malformed",)
    assert uuid.UUID(incoming.envelope.id).version == 8


def test_a_tenant_that_is_no_name_is_replaced():
    incoming = enveloped(id="a", tenant="../x").incoming
    assert incoming.envelope.tenant == "default"
    assert incoming.flags == ("tenant_malformed",)


def test_a_fact_too_large_for_json_readers_is_dropped():
    incoming = enveloped(id="a", facts={"asn": {"value": 2**70}, "spf": {"value": "pass"}}).incoming
    assert set(incoming.envelope.facts) == {"spf"}
    assert incoming.flags == ("envelope_malformed",)


@pytest.mark.parametrize(
    ("headers", "malformed"),
    [
        ([], False),
        ([("weir-request-id", b"r")], True),
        ([("weir-reply-partition", b"1")], True),
        ([("weir-request-id", b"r"), ("weir-reply-partition", b"-1")], True),
        ([("weir-request-id", b"r"), ("weir-reply-partition", b"9" * 30)], True),
        ([("weir-request-id", b"r\n"), ("weir-reply-partition", b"1")], True),
    ],
)
def test_a_malformed_request_for_a_reply_means_no_reply(headers, malformed):
    arrival = arrive(headers)
    assert arrival.reply is None
    assert arrival.reply_malformed is malformed


def test_an_empty_record_is_a_message_too():
    assert arrive([("weir-envelope", None)], None).incoming.flags == (
        "message_empty",
        "envelope_missing",
    )


@pytest.mark.parametrize("timestamp_ms", [None, -1, 10**18])
def test_a_record_without_a_time_is_flagged(timestamp_ms):
    assert "timestamp_missing" in arrive(None, timestamp_ms=timestamp_ms).incoming.flags


@pytest.mark.parametrize(
    ("kind", "revision", "event"),
    [("judged", 0, "m.judged"), ("fallback", 0, "m.fallback"), ("revised", 2, "m.revised.2")],
)
def test_a_verdicts_event_id_tells_repetition_from_revision(kind, revision, event):
    value = msgspec.json.encode({"schema": 1, "id": "m", "kind": kind, "revision": revision})
    record = verdict_record(
        "v", read_head(value), value, judged_at=NOW, timings={"judge": 1.23456}, worker="host"
    )
    headers = dict(record.headers)
    assert record.key == b"m"
    assert record.value == value
    assert headers["ce_id"].decode() == event
    assert headers["ce_type"].decode() == f"weir.verdict.{kind}"
    assert headers["weir-timings"] == b'{"judge":1.235}'
    assert headers["weir-judged-at"] == b"2026-03-01T12:00:00.250000Z"
    reply = reply_record("r", record, Reply(b"q", 5, None))
    assert (reply.value, reply.key, reply.partition) == (value, b"q", 5)


def test_a_dead_letter_keeps_the_original_and_says_where_it_lay():
    first = dead_letter(
        "d", origin=("m", 1, 2), key=b"k", value=b"v", headers=[("h", b"1")], error="boom"
    )
    again = dead_letter(
        "d", origin=("m", 1, 9), key=b"k", value=b"v", headers=first.headers, error="bang"
    )
    assert (again.key, again.value) == (b"k", b"v")
    assert again.headers == [
        ("h", b"1"),
        ("weir-error", b"bang"),
        ("weir-topic", b"m"),
        ("weir-partition", b"1"),
        ("weir-offset", b"9"),
    ]


@settings(derandomize=True, max_examples=300)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                ["weir-envelope", "weir-request-id", "weir-reply-partition", "weir-deadline", "x"]
            ),
            st.one_of(st.none(), st.binary(max_size=50), st.just(b'{"id":"a"}')),
        )
    ),
    value=st.one_of(st.none(), st.binary(max_size=50)),
    timestamp_ms=st.one_of(st.none(), st.integers()),
)
def test_no_record_makes_reading_raise(headers, value, timestamp_ms):
    incoming = arrive(headers, value, timestamp_ms).incoming
    assert msgspec.json.decode(msgspec.json.encode(incoming.envelope), type=Envelope)


TEXT = st.text(alphabet="aZ9.@é\x00\\\ud800", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@settings(derandomize=True, max_examples=300)
@given(st.dictionaries(st.sampled_from(sorted(Envelope.__struct_fields__)), JSON))
def test_no_envelope_makes_reading_raise(fields):
    incoming = enveloped(**fields).incoming
    assert msgspec.json.decode(msgspec.json.encode(incoming.envelope), type=Envelope)


def test_a_requeued_dead_letter_is_known_by_its_header():
    assert arrive([("weir-requeued", b"1")]).requeued
    assert not arrive(None).requeued


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_time_beyond_what_utc_can_say_is_clamped(at):
    incoming = enveloped(id="a", received_at=at).incoming
    assert "clock_skew" in incoming.flags
    assert NOW - timedelta(days=7) <= incoming.envelope.received_at <= NOW


@pytest.mark.parametrize("field", ["x", "facts"])
def test_an_envelope_nested_too_deeply_is_malformed(field):
    nested = b"[" * 50_000 + b"]" * 50_000
    header = b'{"id":"a","received_at":"2026-03-01T11:00:00Z","%s":%s}' % (field.encode(), nested)
    assert "envelope_malformed" in arrive([("weir-envelope", header)]).incoming.flags
