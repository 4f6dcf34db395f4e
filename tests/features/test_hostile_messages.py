"""Nothing raises and everything is repeatable, whatever the bytes are."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.authentication import read_authentication
from features.context import Context, Limits
from features.headers import read_headers
from features.message import FLAGS, parse
from features.trace import envelope_of_file

NASTY = sorted((Path(__file__).parent.parent / "corpus" / "nasty").glob("*.eml"))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
CONTEXT = Context(authserv_ids=frozenset({"mx.example.com"}), upstream_verifies=True)
PIECES = [
    b"From: ", b"To: ", b"Subject: ", b"Date: ", b"Received: from a (b [192.0.2.1]) by c; ",
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html; charset=",
    b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64",
    b"Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: x-uuencode",
    b"Authentication-Results: mx.example.com; dkim=pass header.d=", b"ARC-Seal: i=1; d=",
    b"Content-Disposition: attachment; filename*0*=utf-8''", b"Message-ID: <", b"References: <",
    b"utf-16", b"hz", b"iso-2022-jp", b"unicode_escape", b"punycode", b"undefined", b"\n--b\n",
    b"\n--b--\n", b"\n\n", b"\r\n", b"\r", b"\n ", b"\0", b"\xff\xfe", b"\xc3", b"=?utf-8?b?",
    b"?=",
    b"=?x?q?=", b"<", b">", b"@", b"(", b")", b'"', b"\\", b";", b",", b"a", b"example.com",
    b"Mon, 31 Feb 2026 25:61:61 +9999", b"1 Jan 0001 00:00:00 +1400", b"=", b"begin 644 x\n", b"M",
    "ü".encode(), "\u0430".encode(), "\u202e".encode(), b"[IPv6:::1]", b"[999.1.1.1]", b"helo=",
]  # fmt: skip


def read_all(raw, limits):
    context = Context(
        limits=limits,
        authserv_ids=CONTEXT.authserv_ids,
        upstream_verifies=True,
    )
    envelope = envelope_of_file(raw, "1", NOW, limits)
    message = parse(raw, limits)
    headers = read_headers(message, envelope, context)
    return envelope, message, headers, read_authentication(headers, message, envelope, context)


def check(raw, limits=CONTEXT.limits):
    first, second = read_all(raw, limits), read_all(raw, limits)
    envelope, message, headers, _ = first

    assert first == second
    assert set(message.flags) <= set(FLAGS)
    assert message.parts <= limits.parts
    assert message.depth <= limits.depth
    assert envelope.received_at.utcoffset() is not None
    texts = [message.text, message.html, headers.subject, headers.from_.display]
    texts += [header.value for header in message.headers]
    texts += [part.filename for part in message.attachments]
    "".join(texts).encode("utf-8")  # raises where a surrogate is left


@given(raw=st.binary(max_size=400))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_arbitrary_bytes_are_read(raw):
    check(raw)


@given(raw=st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
@settings(derandomize=True, deadline=None, max_examples=600)
def test_arbitrary_mail_grammar_is_read(raw):
    check(raw)


@given(data=st.data())
@settings(derandomize=True, deadline=None, max_examples=400)
def test_mutated_samples_are_read(data):
    raw = bytearray(data.draw(st.sampled_from(NASTY)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 8))
        raw[at : at + cut] = data.draw(st.sampled_from(PIECES))

    check(bytes(raw))


@given(raw=st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_tiny_bounds_hold(raw):
    check(
        raw,
        Limits(message_bytes=200, headers=3, header_bytes=60, parts=2, depth=1, text_bytes=20),
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"\n" * 1_000_000,
        b"\r" * 1_000_000,
        b"\0" * 1_000_000,
        b"A: b\n" + b" \n" * 490_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 240_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--bx\n" * 190_000,
        b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20)
        )
        + b"\n" * 900_000,
        b"Content-Transfer-Encoding: base64\n\n" + b"A=" * 490_000,
        b"From: " + b'\\"' * 120_000 + b"\n\n",
        b"From: " + b"<@" * 120_000 + b"\n\n",
        b"To: " + b"," * 250_000 + b"\n\n",
        b"Subject: " + b"=?a?b?" * 40_000 + b"\n\n",
        b"Received: from x (" + b"1." * 120_000 + b"\n\n",
        b"Authentication-Results: mx.example.com; " + b"(" * 240_000 + b"\n\n",
        b"Content-Type: text/plain" + b"; " * 120_000 + b"\n\n",
        b"Date: " + b"1 " * 120_000 + b"\n\n",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_a_megabyte_that_aims_at_time_is_read(raw):
    """No time is asserted; a quadratic reading of any of these would take minutes."""
    check(raw[:1_000_000])
