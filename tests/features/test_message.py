"""What parse() makes of messages that are fine, odd and hostile."""

import email
from pathlib import Path

import pytest

from features.context import Limits
from features.message import FLAGS, parse

NASTY = Path(__file__).parent.parent / "corpus" / "nasty"
LIMITS = Limits()


def nasty(name):
    return parse((NASTY / f"{name}.eml").read_bytes(), LIMITS)


def multipart(*parts, kind="mixed", boundary="b"):
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    head = f"Content-Type: multipart/{kind}; boundary={boundary}\n\n"
    return f"{head}{body}--{boundary}--\n".encode()


@pytest.mark.parametrize(
    ("name", "flags", "text", "html"),
    [
        ("absent_boundary", ("boundary_missing",), "--b\n\nnobody splits this\n--b--\n", ""),
        ("bare_cr", ("bare_cr",), "", "<p>one line</p>\n"),
        ("broken_base64", ("base64_malformed",), "Helloworld", ""),
        ("lying_charset", ("charset_wrong",), "Grüße aus Köln\n", ""),
        ("wrong_utf8", ("charset_wrong",), "Grüße aus Köln\n", ""),
        ("unknown_charset", ("charset_unknown",), "Grüße\n", ""),
        ("undeclared_8bit", ("charset_missing",), "Schöne Grüße\n", ""),
        ("utf16_ascii", ("charset_wrong",), "plain after all\n", ""),
        ("nul_bytes", ("nul",), "body\0 with\0 nul\n", ""),
        ("no_headers", ("headers_missing",), "only a body, see https://example.net/\n", ""),
        ("only_headers", (), "", ""),
        ("mbox_line", (), "body\n", ""),
        ("unknown_encoding", ("transfer_encoding_unknown",), "uryyb\n", ""),
        ("unterminated_boundary", ("boundary_unterminated",), "first", "<p>second</p>\n"),
        ("prefix_boundary", (), "inner\nouter", ""),
        ("two_content_types", ("content_type_repeated",), "<p>which?</p>\n", ""),
        ("mixed_line_ends", (), "crlf\nlf", ""),
        ("digest", (), "first\nsecond", ""),
        ("encoded_nested_message", (), "inside\n", ""),
        ("unclosed_quote", (), "behind an open quote", ""),
    ],
)
def test_odd_messages_are_read_as_a_mail_reader_would_and_flagged(name, flags, text, html):
    message = nasty(name)

    assert (message.flags, message.text, message.html) == (flags, text, html)


def test_utf_7_is_never_decoded():
    """It hides markup from everything that looks for markup."""
    message = nasty("utf7")

    assert "<a" not in message.html
    assert "+ADw-a" in message.html
    assert message.flags == ("charset_refused",)


def test_a_multipart_without_a_boundary_is_not_lost():
    assert "hidden from those who need a boundary" in nasty("missing_boundary").text


def test_a_line_that_is_no_field_ends_the_header():
    message = nasty("broken_header")

    assert message.flags == ("header_broken",)
    assert message.first("subject") == "nasty"
    assert message.text.startswith("this line is no field\n")


def test_words_without_any_field_are_a_body():
    message = nasty("no_blank_line")

    assert message.headers == ()
    assert message.text == "just words and no field at all\n"


def test_a_field_hidden_behind_a_bare_carriage_return_is_seen():
    message = nasty("smuggled_cr")

    assert message.first("x-hidden") == "by some"
    assert message.flags == ("bare_cr",)


def test_a_nested_message_gives_its_leaves_and_is_an_attachment_by_itself():
    message = nasty("nested_message")

    assert message.html == "<p>inside</p>"
    assert message.text_parts[0].nested
    assert message.text_parts[0].depth == 2
    assert [part.content_type for part in message.attachments] == ["message/rfc822"]
    assert message.attachments[0].content.startswith(b"Subject: inner\n")
    assert message.nested_messages == 1


def test_encoded_words_join_by_their_bytes_and_broken_ones_stay():
    """A character may be split between two words; labels may be unknown or carry a language."""
    subject = nasty("encoded_words").first("subject")

    assert subject == "üüüü =?broken?= grüße an"


def test_a_raw_value_keeps_folding_words_and_bytes():
    message = nasty("encoded_words")
    raw = nasty("undeclared_8bit").raw_first("subject")

    assert message.raw_first("subject").startswith("=?utf-8?b?w7zDvMM=?=\n =?utf-8?b?vA==?=")
    assert raw.encode("utf-8", "surrogateescape") == b"Gr\xfc\xdfe"
    assert nasty("undeclared_8bit").first("subject") == "Grüße"


def test_a_file_name_may_be_an_encoded_word():
    assert nasty("long_names").attachments[0].filename == "Rechnung.pdf"


def test_a_uuencoded_attachment_is_decoded():
    assert nasty("uuencoded").attachments[0].content == b"hello"


def test_headers_are_found_by_lower_case_name_in_their_order():
    message = parse(b"Received: one\nSUBJECT : s\nReceived: two\n\n", LIMITS)

    assert message.all("received") == ["one", "two"]
    assert message.first("subject") == "s"
    assert message.first("x-none") == message.raw_first("x-none") == ""
    assert message.all("x-none") == []


def test_what_a_reader_shows_is_text_and_what_it_offers_is_an_attachment():
    raw = multipart(
        "Content-Type: text/plain\n\nshown",
        "Content-Type: text/html\n\n<p>shown</p>",
        "Content-Type: text/plain; name=notes.txt\n\nshown too",
        "Content-Type: text/html; name=page.html\n\n<p>offered</p>",
        "Content-Type: text/html; name=page.html\nContent-Disposition: inline\n\n<p>in place</p>",
        "Content-Disposition: ATTACHMENT\n\noffered",
        "Content-Type: image/png\n\n\x89PNG",
        "Content-Type: nonsense\n\nno type is plain text",
    )

    message = parse(raw, LIMITS)

    assert message.text == "shown\nshown too\nno type is plain text"
    assert message.html == "<p>shown</p>\n<p>in place</p>"
    assert [(part.content_type, part.disposition) for part in message.attachments] == [
        ("text/html", ""),
        ("text/plain", "attachment"),
        ("image/png", ""),
    ]
    assert message.multipart
    assert message.content_type == "multipart/mixed"
    assert message.parts == 9


def test_a_delimiter_stands_at_the_start_of_a_line():
    message = parse(multipart("\nquoted: --b\nstill the same part", "\nlast"), LIMITS)

    assert [part.content for part in message.text_parts] == [
        b"quoted: --b\nstill the same part",
        b"last",
    ]


def test_parts_beyond_the_limit_are_left_out_and_flagged():
    raw = multipart(*[f"\npart {number}" for number in range(1000)])

    message = parse(raw, LIMITS)

    assert message.parts == LIMITS.parts
    assert len(message.text_parts) == LIMITS.parts - 1
    assert message.flags == ("parts_over_limit",)


def test_what_nests_too_deep_is_read_as_text():
    raw = b"at the bottom"
    for level in range(50):
        raw = multipart(f"\n{raw.decode()}" if level == 0 else raw.decode(), boundary=f"b{level}")

    message = parse(raw, LIMITS)

    assert message.depth == LIMITS.depth
    assert "at the bottom" in message.text
    assert "depth_over_limit" in message.flags


def test_messages_in_messages_stop_at_the_depth_limit():
    message = parse(b"Content-Type: message/rfc822\n\n" * 1000 + b"Subject: x\n\nhi", LIMITS)

    assert message.depth == LIMITS.depth
    assert message.flags == ("depth_over_limit",)


def test_header_fields_beyond_the_limit_are_left_out_and_the_body_still_found():
    raw = b"".join(b"X-%d: y\n" % number for number in range(5000)) + b"\nbody"

    message = parse(raw, LIMITS)

    assert len(message.headers) == LIMITS.headers
    assert message.text == "body"
    assert message.flags == ("headers_over_limit",)


def test_header_bytes_beyond_the_limit_are_left_out_and_the_body_still_found():
    message = parse(b"Subject: " + b"x" * 300_000 + b"\nTo: a@b\n\nbody", LIMITS)

    assert len(message.first("subject")) < LIMITS.header_bytes
    assert message.text == "body"
    assert message.flags == ("headers_over_limit",)


def test_a_line_of_100_000_characters_is_one_field():
    message = parse(b"Subject: " + b"x" * 100_000 + b"\n\nbody", LIMITS)

    assert message.first("subject") == "x" * 100_000
    assert message.flags == ()


def test_text_and_html_are_bounded_each():
    limits = Limits(text_bytes=1000)
    raw = multipart(
        "\n" + "a" * 700,
        "\n" + "b" * 700,
        "Content-Type: text/html\n\n" + "c" * 700,
    )

    message = parse(raw, limits)

    assert message.text == "a" * 700 + "\n" + "b" * 300
    assert message.html == "c" * 700
    assert message.flags == ("text_over_limit",)


def test_a_character_that_the_bound_cuts_is_dropped_not_taken_for_a_wrong_charset():
    raw = b"Content-Type: text/plain; charset=utf-8\n\n" + "ü".encode() * 600

    message = parse(raw, Limits(text_bytes=999))

    assert message.text == "ü" * 499
    assert message.flags == ("text_over_limit",)


def test_bytes_beyond_the_limit_are_cut_and_the_size_is_the_whole():
    message = parse(b"Subject: s\n\n" + b"x" * 2000, Limits(message_bytes=1000))

    assert message.size == 2012
    assert len(message.text) == 1000 - len(b"Subject: s\n\n")
    assert message.flags == ("truncated",)


@pytest.mark.parametrize("raw", [b"", b"\n", b" \r\n\t"])
def test_nothing_is_a_message_too(raw):
    message = parse(raw, LIMITS)

    assert {"empty", "headers_missing"} <= set(message.flags)
    assert message.content_type == "text/plain"


def test_surrogates_reach_neither_value_nor_text():
    raw = b"Subject: \xed\xa0\x80 =?utf-8?q?=ED=A0=80?=\n\n\xed\xa0\x80"

    message = parse(raw, LIMITS)

    for text in (message.first("subject"), message.text):
        assert not any("\ud800" <= char <= "\udfff" for char in text)


def test_every_flag_of_the_samples_is_documented():
    seen = {flag for path in NASTY.glob("*.eml") for flag in parse(path.read_bytes(), LIMITS).flags}

    assert seen <= set(FLAGS)
    assert len(seen) > 12


@pytest.mark.parametrize(
    "raw",
    [
        multipart(
            "Content-Type: multipart/alternative; boundary=a\n\n--a\n\none\n--a\n"
            "Content-Type: text/html\n\n<p>two</p>\n--a--",
            "Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n"
            'Content-Disposition: attachment; filename="x.pdf"\n\nJVBERi0xLjQK',
        ),
        b"Content-Transfer-Encoding: quoted-printable\n\na=41=\nb =3D c\n",
        multipart("Content-Type: message/rfc822\n\nSubject: in\n\nbody", "\nlast"),
        multipart("\none", kind="related").replace(b"\n", b"\r\n"),
    ],
)
def test_sound_messages_have_the_leaves_that_the_standard_library_sees(raw):
    expected = sorted(
        (part.get_content_type(), part.get_filename() or "", part.get_payload(decode=True))
        for part in email.message_from_bytes(raw).walk()
        if not part.is_multipart()
    )

    message = parse(raw, LIMITS)

    found = sorted(
        (part.content_type, part.filename, part.content)
        for part in (*message.text_parts, *message.attachments)
        if part.content_type != "message/rfc822"
    )
    assert found == expected
    assert message.flags == ()
