"""The envelope of a file, from its trace fields."""

from datetime import UTC, datetime

from features.context import Limits
from features.envelope import Client, Envelope
from features.trace import envelope_of_file

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def envelope(raw):
    return envelope_of_file(raw, "42", NOW, Limits())


def test_a_delivered_message_tells_its_envelope():
    raw = (
        b"Return-Path: <Ada@example.org>\nDelivered-To: bob@example.com\n"
        b"X-Original-To: sales@example.com\n"
        b"Received: from helo.example (ptr.example.org [93.184.216.34])\n"
        b"\tby mx.example.com; Thu, 1 Jan 2026 02:00:00 +0200\n\nbody"
    )

    assert envelope(raw) == Envelope(
        id="42",
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        client=Client(ip="93.184.216.34", helo="helo.example", ptr="ptr.example.org"),
        mail_from="ada@example.org",
        rcpt_to=("bob@example.com", "sales@example.com"),
    )


def test_without_trace_fields_the_time_is_the_caller_s():
    assert envelope(b"Subject: x\n\nbody") == Envelope(id="42", received_at=NOW)


def test_the_client_is_the_first_from_outside_and_the_time_the_topmost():
    raw = (
        b"Received: from localhost [127.0.0.1] by localhost with IMAP; 3 Jan 2026 00:00:00 +0000\n"
        b"Received: from relay (relay.example.com [10.0.0.1]) by store; 2 Jan 2026 00:00:00 +0000\n"
        b"Received: from out (out.example.org [93.184.216.34]) by mx; 1 Jan 2026 00:00:00 +0000\n"
        b"Received: from forged (forged.example [8.8.8.8]) by x; 1 Jan 2020 00:00:00 +0000\n\n"
    )

    found = envelope(raw)

    assert found.client.ip == "93.184.216.34"
    assert found.received_at == datetime(2026, 1, 3, tzinfo=UTC)


def test_an_empty_return_path_is_the_null_sender_and_none_is_unknown():
    assert envelope(b"Return-Path: <>\n\n").mail_from == ""
    assert envelope(b"Subject: x\n\n").mail_from is None
