"""What is asked to be opened: where cheaper signals ask for it, and within bounds."""

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from features.context import Context, Limits
from features.data_files import read_data
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.wanted import wanted

AT = datetime(2025, 11, 11, tzinfo=UTC)
PDF = b"%PDF-1.7\n" + bytes(100)
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(100)
WEBP = b"RIFF\x64\x00\x00\x00WEBP" + bytes(100)
RTF = b"{\\rtf1 " + b"x" * 100 + b"}"
WORDY = "The minutes of our last meeting, with all that was said about the roof. " * 8
LINKED = f"{WORDY}\nhttps://kestrel-metals.com/minutes"
PROVEN = {"dkim": Fact("pass"), "dkim.domains": Fact("kestrel-metals.com")}


def _evidence(text, *files, sender="orders@kestrel-metals.com", proven=True, limits=None):
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = "alex.morgan@brookvale.org"
    mail["Subject"] = "Minutes"
    mail.set_content(text)
    for number, data in enumerate(files):
        mail.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=f"{number}.dat"
        )
    envelope = Envelope(id="x", received_at=AT, facts=PROVEN if proven else {})
    return extract(Incoming(envelope, mail.as_bytes()), Context(limits=limits or Limits()))


def _kinds(*arguments, **options):
    limits = options.get("limits") or Limits()
    return [request.kind for request in wanted(_evidence(*arguments, **options), limits)]


@pytest.mark.parametrize("data", [PDF, IMAGE, WEBP])
def test_a_proven_senders_wordy_mail_with_links_is_left_alone(data):
    assert _kinds(LINKED, data) == []


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("See the file.", {}),
        (WORDY, {}),
        (f"{LINKED}\nYour account will be suspended.", {}),
        (LINKED, {"proven": False}),
        (LINKED, {"sender": "kestrel.metals@gmail.com"}),
    ],
    ids=["few words", "no link", "a lure", "unproven", "free mail"],
)
def test_each_cheaper_signal_asks_for_a_pdf(text, options):
    assert _kinds(text, PDF, **options) == ["pdf"]


def test_an_image_is_opened_where_a_code_in_it_would_replace_the_link():
    assert _kinds("See below.", IMAGE) == ["image"]
    assert _kinds("See below.", WEBP) == ["image"]
    assert _kinds(WORDY, IMAGE, proven=False) == ["image"]
    assert _kinds(WORDY, IMAGE) == []
    assert _kinds(LINKED, IMAGE, proven=False) == []


@pytest.mark.parametrize(
    "phrase",
    [
        phrase
        for group in read_data("scan_code").values()
        if isinstance(group, list)
        for phrase in group
    ],
)
def test_words_that_ask_to_scan_ask_for_images_in_each_language(phrase):
    assert _kinds(f"{LINKED}\n{phrase.capitalize()}", IMAGE) == ["image"]


def test_what_may_run_by_itself_is_always_opened():
    assert _kinds(LINKED, RTF) == ["office"]


def test_documents_come_before_images_and_each_content_once():
    assert _kinds("See.", IMAGE, PDF, IMAGE, RTF, PDF) == ["office", "pdf", "image"]


def test_a_request_names_the_place_of_its_attachment_and_holds_its_bytes():
    evidence = _evidence("See.", b"text", PDF)
    (request,) = wanted(evidence, Limits())

    assert evidence.attachments.all[request.place].kind == "pdf"
    assert request.content == PDF


def test_the_place_is_right_where_attachments_are_dropped():
    limits = Limits(attachments=2)
    files = (b"MZ" + bytes(99), IMAGE, PDF)
    evidence = _evidence("See.", *files, limits=limits)

    for request in wanted(evidence, limits):
        assert {"pdf": PDF, "image": IMAGE}[request.kind] == request.content
        assert evidence.attachments.all[request.place].kind == request.kind


def test_files_and_bytes_are_bounded_and_nothing_is_opened_where_none_may_be():
    files = [PDF + bytes([number]) for number in range(20)]

    assert len(_kinds("See.", *files)) == Limits().opened
    assert _kinds("See.", *files, limits=Limits(opened=0)) == []
    assert len(_kinds("See.", *files, limits=Limits(opened_bytes=3 * len(files[0])))) == 3


def test_of_many_images_the_first_eight_are_opened():
    assert len(_kinds("See.", *[IMAGE + bytes([number]) for number in range(20)])) == 8


def test_mail_without_attachments_asks_for_nothing():
    assert _kinds("See.") == []


def test_a_body_with_many_block_characters_is_looked_at_before_all_attachments():
    text = "█▀▄█ " * 60
    evidence = _evidence(text, PDF)
    first, *others = wanted(evidence, Limits())

    assert (first.kind, first.place) == ("text", -1)
    assert "█▀▄█" in first.content.decode()
    assert [request.kind for request in others] == ["pdf"]
    assert _kinds("█▀▄█ " * 10) == []
