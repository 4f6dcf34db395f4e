from datetime import UTC, datetime
from ipaddress import ip_network

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.content import read_content
from features.context import Context
from features.envelope import Envelope
from features.headers import read_headers
from features.links import read_links
from features.message import parse
from features.tokens import SLOTS, layout, segments

ENVELOPE = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))


def tokens_of(raw, **context):
    context = Context(**context)
    message = parse(raw, context.limits)
    headers = read_headers(message, ENVELOPE, context)
    content = read_content(message, headers, context.limits)
    links = read_links(content, headers, ENVELOPE, context.limits)
    return segments(message, headers, content, links, context)


def mail(body="Hello there", head="", kind="plain"):
    return (
        f"From: a@example.com\r\n{head}Content-Type: text/{kind}; charset=utf-8\r\n\r\n{body}"
    ).encode()


def slots_of(text, salt=2_654_435_761):
    """Hash 4-grams one by one, as the definition says."""
    data = text.encode()
    grams = {int.from_bytes(data[n : n + 4], "little") for n in range(len(data) - 3)}
    return {((gram * salt) & 0xFFFF_FFFF) >> 12 for gram in grams}


def test_a_segment_holds_the_hash_of_every_four_bytes():
    tokens = tokens_of(mail("Hello there"))

    assert len(tokens.segments) == 1
    assert set(tokens.segments[0].tolist()) == slots_of("Hello there")


def test_slots_are_in_range_and_each_stands_once():
    tokens = tokens_of(mail("the same the same the same " * 40))

    for part in (tokens.header, *tokens.segments):
        assert part.dtype == np.intp
        assert len(set(part.tolist())) == len(part)
        assert part.min() >= 0
        assert part.max() < SLOTS


def test_long_text_is_cut_into_windows_from_both_ends_and_from_what_lies_between():
    words = [f"[{n:03}]" for n in range(100)]
    windows = tokens_of(mail("".join(word * 140 for word in words))).segments

    # Each word fills one window of 700 bytes.
    seen = [
        next(n for n, word in enumerate(words) if slots_of(word * 2) <= set(window.tolist()))
        for window in windows
    ]
    assert seen[:12] == list(range(12))
    assert seen[12:24] == [15, 21, 27, 34, 40, 46, 53, 59, 65, 72, 78, 84]
    assert seen[24:] == list(range(88, 100))


@pytest.mark.parametrize("around", [2_500, 8_000, 11_500])
def test_a_lure_between_two_long_honest_texts_is_seen(around):
    filler = ("honest words " * around)[:around]
    lure = "act now " * 60
    windows = tokens_of(mail(filler + lure + filler)).segments
    assert any(slots_of("act now act now") <= set(window.tolist()) for window in windows)


def test_a_long_text_that_nobody_is_shown_pushes_nothing_out_of_the_one_that_is():
    filler = "".join(f"filler{n} " for n in range(3_000))
    raw = (
        "Content-Type: multipart/alternative; boundary=x\r\n\r\n"
        f"--x\r\nContent-Type: text/plain\r\n\r\n{filler}\r\n"
        f"--x\r\nContent-Type: text/html\r\n\r\n<p>lure here</p><p>{filler}</p>\r\n--x--\r\n"
    ).encode()

    windows = tokens_of(raw).segments
    assert any(slots_of("lure here") <= set(window.tolist()) for window in windows)
    assert len(windows) == 36 + 36 + 1


def test_a_gram_over_the_cut_of_two_windows_is_in_the_first():
    tokens = tokens_of(mail("a" * 698 + "XYZW" + "b" * 300))

    assert slots_of("XYZW") <= set(tokens.segments[0].tolist())


def test_html_gives_its_visible_text_its_source_and_its_targets():
    body = "<p style='color:red'>Hello there</p><a href='https://example.com/x'>go</a>"
    text, source, targets = tokens_of(mail(body, kind="html")).segments

    assert set(text.tolist()) == slots_of("Hello there go")
    assert slots_of("<p style='color:red'>") <= set(source.tolist())
    assert set(targets.tolist()) == slots_of("https://example.com/x")


def test_long_runs_of_text_are_taken_out_of_the_source():
    body = f"<p>{'padding ' * 20}</p><i>short</i>"
    source = tokens_of(mail(body, kind="html")).segments[1]

    assert set(source.tolist()) == slots_of("<p></p><i>short</i>")


def test_hidden_text_is_in_no_window():
    body = "<p>Hello there</p><p style='display:none'>honest padding</p>"

    assert set(tokens_of(mail(body, kind="html")).segments[0].tolist()) == slots_of("Hello there")


def test_the_header_part_has_a_name_space_of_its_own():
    tokens = tokens_of(mail("subject:Hello there", head="Subject: Hello there\r\n"))

    assert len(set(tokens.header.tolist()) & set(tokens.segments[0].tolist())) <= 1


def test_our_trace_has_a_name_space_of_its_own():
    plain = set(tokens_of(mail()).header.tolist())
    traced = set(tokens_of(mail(head="Received: from Hello there\r\n")).header.tolist())
    written = set(tokens_of(mail(head="Subject: from Hello there\r\n")).header.tolist())

    assert len(traced - plain) >= len("from Hello there") - 3
    assert not (traced - plain) & slots_of("from Hello there")
    assert not (traced - plain) & (written - plain)


def test_a_field_that_is_repeated_counts_three_times_at_most():
    heads = ["".join(f"To: someone-{n}@example.com\r\n" for n in range(most)) for most in (2, 3, 9)]
    two, three, nine = (tokens_of(mail(head=head)).header.tolist() for head in heads)

    assert two != three == nine


def test_equal_segments_are_counted_apart():
    assert tokens_of(mail("x" * 1_500)).sizes[1:] == (1, 1, 1)


def test_a_field_and_a_thread_count_no_further_than_their_bound():
    def header(subject="", references=""):
        head = f"Subject: {subject}\r\nReferences: {references}\r\n"
        return set(tokens_of(mail(head=head)).header.tolist())

    assert header("x" * 150) == header("x" * 150 + "honest words")
    assert header(references="y" * 60) == header(references="y" * 60 + "honest words")
    assert header("one") != header("two")


def test_fields_that_a_sender_makes_up_freely_are_left_out():
    assert tokens_of(mail(head="X-Padding: honest words\r\n")).header.tolist() == (
        tokens_of(mail()).header.tolist()
    )


def test_our_own_trace_counts_down_to_the_first_hop_from_outside():
    ours = "Received: from mx.ours.example (mx [192.0.2.9]) by in.ours.example; date\r\n"
    outside = "Received: from client.example (c [198.51.100.1]) by mx.ours.example; date\r\n"
    forged = "Received: from honest.example (h [203.0.113.1]) by client.example; date\r\n"
    relays = (ip_network("192.0.2.0/24"),)

    def header(*trace):
        return set(tokens_of(mail(head="".join(trace)), trusted_relays=relays).header.tolist())

    assert header(ours, outside) > header(ours)
    assert header(ours, outside, forged) == header(ours, outside)


@pytest.mark.parametrize(
    ("hop", "ours"),
    [
        ("from mx (mx.example.com [203.0.113.9]) by in.example.com", True),
        ("from mx.example.com ([203.0.113.9] helo=mx) by in.example.com", True),
        ("from mx (mx [10.1.2.3]) by in.example.com", True),
        ("from mx (mx [IPv6:fd00::3]) by in.example.com", True),
        ("from mx.example.com (client.example.net [203.0.113.9]) by in.example.com", False),
        ("from mx.example.com ([203.0.113.9]) by in.example.com", False),
        ("from mx (mx.example.com [203.0.113.9] (may be forged)) by in.example.com", False),
        ("from mx.example.com (HELO mx) (203.0.113.9) by in.example.com", False),
        ("from mx (mx.example.com [203.0.113.9])", False),
        ("by in.example.com", False),
    ],
)
def test_without_named_relays_our_servers_are_known_by_private_address_or_confirmed_name(hop, ours):
    top = f"Received: {hop}; date\r\n"
    below = "Received: from honest.example (h [198.51.100.1]) by mx.example.com; date\r\n"
    relays = (ip_network("192.0.2.0/24"),)

    def header(*trace, **context):
        return set(tokens_of(mail(head="".join(trace)), **context).header.tolist())

    assert (header(top, below) > header(top)) == ours
    assert header(top, below, trusted_relays=relays) == header(top, trusted_relays=relays)


def test_what_differs_on_every_delivery_is_cut_from_our_trace():
    def header(identifier, date):
        hop = f"from c.example (c [198.51.100.1]) by mx.example with ESMTP id {identifier}; {date}"
        return tokens_of(mail(head=f"Received: {hop}\r\n")).header.tolist()

    assert header("4F2Xab0", "Thu, 1 Jan 2026 00:00:00 +0000") == header("9K1zzz", "some day")


@pytest.mark.parametrize("salt", [1, 3_266_489_917, 2_654_435_760])
def test_another_salt_gives_other_slots(salt):
    """Nobody outside can craft words that collide with others."""
    default = set(tokens_of(mail("Hello there")).segments[0].tolist())
    salted = set(tokens_of(mail("Hello there"), token_salt=salt).segments[0].tolist())

    assert salted == slots_of("Hello there", salt | 1)
    assert (salted == default) == (salt | 1 == 2_654_435_761)


def test_slots_keep_no_gram_that_runs_from_one_part_into_the_next():
    body = "<p>Hello there</p><a href='https://example.com/x'>go</a>"
    tokens = tokens_of(mail(body, kind="html"))

    whole = {slot for part in tokens.segments for slot in part.tolist()}
    assert whole == (
        slots_of("Hello there go") | slots_of(body) | slots_of("https://example.com/x")
    )


def test_parts_are_ascending_one_after_the_other_with_their_sizes():
    tokens = tokens_of(mail("".join(f"word{n} " for n in range(400))))

    assert sum(tokens.sizes) == len(tokens.slots)
    assert [len(part) for part in (tokens.header, *tokens.segments)] == list(tokens.sizes)
    assert all((np.diff(part) > 0).all() for part in (tokens.header, *tokens.segments))


@pytest.mark.parametrize("body", ["", "abc"])
def test_a_body_without_four_bytes_has_no_segment(body):
    tokens = tokens_of(mail(body))

    assert tokens.segments == ()
    assert len(tokens.header) == len(tokens.slots) > 0


def test_a_message_without_anything_has_an_empty_header_part():
    tokens = tokens_of(b"")

    assert (tokens.sizes, tokens.header.tolist(), tokens.segments) == ((0,), [], ())


def test_a_salt_of_more_bits_than_the_hash_uses_is_still_told_apart_by_the_layout():
    """Two salts may share the multiplier's 32 bits; a state belongs to one installation."""
    contexts = [Context(), Context(token_salt=1), Context(token_salt=1 + (1 << 32))]

    digests = {layout(context) for context in contexts}

    assert len(digests) == 3
    assert layout(Context()) == layout(Context())


@given(st.binary(max_size=400))
@settings(derandomize=True)
def test_no_message_raises(raw):
    tokens_of(raw)
    tokens_of(b"Content-Type: text/html\r\n\r\n" + raw)
