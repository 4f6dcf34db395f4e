import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from features.delivery import delivery_key, message_key

RAW = b"From: a@example.com\r\nSubject: x\r\n folded\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n"
TRACE = (
    b"Received: from a by b\r\n\twith SMTP id 4711; date\r\nReturn-Path: <a@example.com>\r\n"
    b"authentication-results: mx; spf=pass\r\nARC-Seal : i=1\r\n"
)


def test_trace_headers_with_their_folded_lines_do_not_count():
    assert message_key(TRACE + RAW) == message_key(RAW)


def test_every_other_header_and_the_body_count():
    assert message_key(RAW.replace(b"folded", b"other")) != message_key(RAW)
    assert message_key(RAW + b"more") != message_key(RAW)
    assert message_key(RAW.replace(b"Subject", b"Comments")) != message_key(RAW)


def test_line_ends_do_not_matter():
    assert message_key(RAW.replace(b"\r\n", b"\n")) == message_key(RAW)


def test_a_header_is_not_taken_for_body():
    assert message_key(b"a: 1\n\nReceived: x\n") != message_key(b"a: 1\n\n")
    assert message_key(b"\nReceived: x\n") != message_key(b"\n")
    assert message_key(b"a: 1\nb: 2\n\n") != message_key(b"a: 1\n\nb: 2\n")


def test_the_order_of_recipients_does_not_matter_but_each_does():
    key = delivery_key(RAW, "a@x", ["b@x", "c@x"])
    assert delivery_key(RAW, "a@x", ["c@x", "b@x"]) == key
    assert delivery_key(RAW, "a@x", ["b@x"]) != key
    assert delivery_key(RAW, "d@x", ["b@x", "c@x"]) != key
    assert len(key) == 64


def test_the_null_sender_is_not_an_unknown_one():
    assert delivery_key(RAW, "", []) != delivery_key(RAW, None, [])


def test_parts_cannot_be_shifted_into_each_other():
    assert delivery_key(RAW, "a", ["b", "c"]) != delivery_key(RAW, "a", ["bc"])
    assert delivery_key(RAW, "ab", ["c"]) != delivery_key(RAW, "a", ["bc"])


@settings(derandomize=True)
@given(st.binary(max_size=200), st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4))
def test_any_bytes_have_a_key(raw, sender, recipients):
    assert len(delivery_key(raw, sender, recipients)) == 64


@settings(derandomize=True, max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [b"Received: x\n", b"return-path: y\n", b"Subject: z\n", b" folded\n", b"To: q\n"]
        ),
        max_size=8,
    ).map(b"".join),
    st.sampled_from([b"", b"\n", b"\nbody\n", b"\n\nReceived: x\n"]),
)
def test_the_key_is_that_of_the_message_with_its_trace_fields_cut_out(header, body):
    kept, keep = b"", True
    for line in header.splitlines(keepends=True):
        keep = keep if line[:1] == b" " else not line.startswith((b"Received", b"return-path"))
        kept += line if keep else b""
    wanted = hashlib.sha256(kept + b"\n" + body)
    assert message_key(header + body) == wanted.digest()
