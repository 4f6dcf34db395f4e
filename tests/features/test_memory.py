"""What is kept from message to message has a bound in bytes, not only in entries."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract

LONG = 200_000
HTML = b"From: a@example.com\nContent-Type: text/html\n\n"
MESSAGES = 24
KEPT = 1_500_000  # bytes; one long text kept of each message would be three times that


@pytest.mark.parametrize(
    "message",
    [
        lambda n: (
            HTML + b"<base href='https://example.com/%d%s'><a href=x>x</a>" % (n, b"b" * LONG)
        ),
        lambda n: HTML + b"<img src='https://%d%s/x.png'>" % (n, b"i" * LONG),
        lambda n: HTML + b"<p bgcolor='%d%s'>x</p>" % (n, b"c" * LONG),
        lambda n: HTML + ("<p>" + "\U00020000" * (31_000 + n) + "</p>").encode(),
        lambda n: (
            b"To: %s\n\nhttps://example.com/"
            % b",".join(b"%d%s@example.com" % (n * 99 + i, b"t" * 8_000) for i in range(8))
        ),
        lambda n: b"".join(
            b"%s: a@%d.%s.com\n" % (name, n, b"h" * 8_000)
            for name in (b"From", b"Sender", b"Return-Path", b"Reply-To", b"To", b"Cc")
        ),
    ],
    ids=["base", "image", "colour", "word", "recipients", "hosts"],
)
def test_hostile_texts_are_not_kept(message):
    def read(number):
        envelope = Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC))
        extract(Incoming(envelope, message(number)), Context())

    read(0)
    tracemalloc.start()
    try:
        for number in range(1, MESSAGES + 1):
            read(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < KEPT
