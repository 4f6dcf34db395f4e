"""Attacks add honest text where they say, and leave the spam's own where its reader sees it."""

from datetime import UTC, datetime

import pytest

from apps.evaluation.attacks import ATTACKS, Filler
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract

HONEST = "The committee meets on Thursday to discuss minutes and budgets."
PLAIN = (
    b"From: a@example.org\nSubject: Cheap pills\n\nBuy cheap pills at http://pills.example/now\n"
)
HTML = (
    b"From: a@example.org\nSubject: Cheap pills\nMIME-Version: 1.0\n"
    b"Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    b"<html><body bgcolor=3Dred>Buy ch=E9ap pills <a href=3D'http://pills.example/now'>now</a>"
    b"</body></html>\n"
)
MIXED = (
    b"From: a@example.org\nSubject: Cheap pills\nMIME-Version: 1.0\n"
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
    b"Buy cheap pills at http://pills.example/now\n--b\n"
    b"Content-Type: text/plain\nContent-Disposition: attachment; filename=x.txt\n\n"
    b"attached\n--b--\n"
)


def dressed(name, raw):
    return ATTACKS[name](raw, Filler([HONEST]))


def read(raw):
    envelope = Envelope(id="x", received_at=datetime(2007, 1, 1, tzinfo=UTC))
    return extract(Incoming(envelope, raw), Context())


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("raw", [PLAIN, HTML, MIXED], ids=["plain", "html", "mixed"])
def test_the_spams_own_text_and_link_stay(name, raw):
    found = read(dressed(name, raw))
    assert "Cheap pills" in found.headers.subject
    assert "pills" in found.content.text
    assert any("pills.example/now" in link.url for link in found.links.all)
    assert found.headers.from_.address == "a@example.org"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("ham 3,500 first", 3_500, 0),
        ("ham 3,500 after", 0, 3_500),
        ("sandwich 2 x 2,500", 2_500, 2_500),
        ("sandwich 2 x 8,000", 8_000, 8_000),
    ],
)
@pytest.mark.parametrize("raw", [PLAIN, HTML, MIXED], ids=["plain", "html", "mixed"])
def test_visible_filler_stands_where_the_attack_says(name, before, after, raw):
    text = read(dressed(name, raw)).content.text
    place = text.index("pills")
    assert abs(place - before) < 400
    assert abs(len(text) - place - after) < 400


@pytest.mark.parametrize("raw", [PLAIN, HTML], ids=["plain", "html"])
def test_hidden_filler_is_out_of_the_readers_sight(raw):
    content = read(dressed("hidden, display:none", raw)).content
    assert "committee" not in content.text
    assert content.hidden.count("committee") > 20


def test_white_filler_is_coloured_like_its_background():
    assert read(dressed("white on white", HTML)).content.faint.count("committee") > 20


def test_long_fields_are_folded_and_leave_the_body_alone():
    for name in ("long References", "long Subject and Organization"):
        raw = dressed(name, HTML)
        assert raw.endswith(HTML.partition(b"\n\n")[2])
        assert max(map(len, raw.partition(b"\n\n")[0].splitlines())) < 100
    message = read(dressed("long References", PLAIN)).message
    assert len(message.raw_first("references")) > 3_000


def test_attachments_are_no_place_for_filler():
    raw = dressed("ham 3,500 first", MIXED)
    (attachment,) = read(raw).attachments.all
    assert attachment.size < 20


def test_words_with_line_ends_or_controls_are_no_filler():
    """Else a header attack could end the header, and be no attack."""
    lines = Filler(["one\r\n\r\ntwo\x00three four"]).lines(300)
    assert not set("\r\n\0") & set("".join(lines))


def test_filler_needs_words():
    with pytest.raises(ValueError, match="ham with text"):
        Filler(["", "\n"])
