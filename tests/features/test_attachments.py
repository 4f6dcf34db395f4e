import base64
import io
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.attachments import read_attachments
from features.context import Limits
from features.message import parse

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
OLE_PROJECT = "_VBA_PROJECT".encode("utf-16-le")


def attached(data, name="file.bin", declared="application/octet-stream", limits=None):
    mail = EmailMessage()
    mail["From"] = "a@example.com"
    mail.set_content("See the attachment.")
    main, _, sub = declared.partition("/")
    mail.add_attachment(data, maintype=main, subtype=sub, filename=name)
    limits = limits or Limits()
    return read_attachments(parse(mail.as_bytes(), limits), limits)


def one(data, name="file.bin", declared="application/octet-stream"):
    (attachment,) = attached(data, name, declared).all
    return attachment


def zipped(*names, data=b"x"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted(data):
    """Set the encryption flag in every entry of a ZIP's directory."""
    place = data.find(b"PK\x01\x02")
    return data[: place + 8] + b"\x01\x00" + data[place + 10 :]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"MZ\x90\x00", "executable"),
        (b"\x7fELF\x02", "executable"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"Rar!\x1a\x07\x01\x00", "rar"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"{\\rtf1", "rtf"),
        (b"<!DOCTYPE html><p>x", "html"),
        (b"\xef\xbb\xbf  <html>", "html"),
        (b"<?xml version='1.0'?><svg xmlns='x'>", "svg"),
        (b"L\x00\x00\x00\x01\x14\x02\x00", "lnk"),
        (b"BEGIN:VCALENDAR\r\n", "calendar"),
        (b"just words", "text"),
        (bytes(0x8001) + b"CD001", "iso"),
        (b"\x00\x01\x02\x03", "other"),
        (OLE, "ole"),
    ],
)
def test_the_kind_is_what_the_bytes_show(data, kind):
    assert one(data).kind == kind


def test_size_name_and_digest_are_kept():
    attachment = one(b"just words", "note.txt", "application/x-note")

    assert (attachment.name, attachment.declared, attachment.size) == (
        "note.txt",
        "application/x-note",
        10,
    )
    assert attachment.sha256.startswith("b7ae1cb444485d06")


@pytest.mark.parametrize(
    ("name", "trait"),
    [
        ("setup.exe", "executable"),
        ("Setup.EXE ", "executable"),
        ("run.js", "script"),
        ("page.html", "html"),
        ("image.svg", "svg"),
        ("invoice.pdf.exe", "double_extension"),
        ("scan.jpg .html", "double_extension"),
        ("invoice\u202efdp.exe", "right_to_left_name"),
        ("book.xlsm", "macro"),
        ("data.zip", "archive"),
    ],
)
def test_a_name_that_says_what_it_is_has_its_trait(name, trait):
    assert trait in one(b"\x00\x01", name).traits


@pytest.mark.parametrize("name", ["report.pdf", "v1.2.pdf", "minutes.2026.docx", "photo.jpg", ""])
def test_an_everyday_name_has_none(name):
    assert one(b"\x00\x01", name).traits == frozenset()


def test_bytes_of_another_type_than_declared_are_a_mismatch():
    assert "type_mismatch" in one(b"MZ\x90", "a.pdf", "application/pdf").traits
    assert "type_mismatch" in one(b"<html>", "a.png", "image/png").traits
    assert "type_mismatch" not in one(b"%PDF-1.4", "a.pdf", "application/pdf").traits


def test_programs_inside_an_archive_are_seen_by_their_names():
    traits = one(zipped("readme.txt", "invoice.scr"), "a.zip", "application/zip").traits

    assert traits == {"archive", "archive_executable"}


def test_a_harmless_archive_is_an_archive_and_no_more():
    assert one(zipped("readme.txt"), "a.zip", "application/zip").traits == {"archive"}


def test_an_encrypted_archive_is_seen():
    assert "archive_encrypted" in one(encrypted(zipped("a.txt")), "a.zip").traits
    assert "archive_encrypted" in one(b"Rar!\x1a\x07\x01\x00" + bytes(5) + b"\x04", "a.rar").traits
    assert "archive_encrypted" not in one(zipped("a.txt"), "a.zip").traits


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"MZ stub" * 3 + data,
        lambda data: data[:-10],
        lambda data: data + bytes(100),
    ],
)
def test_a_damaged_archive_is_still_listed(damage):
    """Readers differ on damaged archives: what one of them opens, must be seen."""
    data = damage(zipped("a.txt", "invoice.exe"))

    assert "archive_executable" in one(b"PK\x03\x04" + data, "a.zip").traits


def test_junk_between_the_entries_of_an_archive_hides_none():
    before, mark, after = zipped("a.txt", "invoice.exe").rpartition(b"PK\x01\x02")

    assert "archive_executable" in one(before + b"junk" + mark + after, "a.zip").traits


def test_a_long_name_hides_no_extension():
    assert "archive_executable" in one(zipped("x" * 4_000 + ".exe"), "a.zip").traits


@pytest.mark.parametrize("name", ["invoice.exe.", "invoice.exe "])
def test_what_windows_drops_from_a_name_hides_no_extension(name):
    assert "archive_executable" in one(zipped(name), "a.zip").traits


def test_bytes_before_an_archive_hide_it_from_no_reader():
    found = one(b"\n" + zipped("invoice.exe"), "a.zip")

    assert found.kind == "zip"
    assert "archive_executable" in found.traits


def test_padding_does_not_push_a_program_beyond_the_limit():
    mail = EmailMessage()
    mail["From"] = "a@example.com"
    for number in range(5):
        mail.add_attachment(b"x", maintype="image", subtype="png", filename=f"{number}.png")
    mail.add_attachment(b"MZ", maintype="application", subtype="pdf", filename="invoice.pdf.exe")
    limits = Limits(attachments=3)

    attachments = read_attachments(parse(mail.as_bytes(), limits), limits)

    assert "double_extension" in attachments.traits
    assert attachments.dropped == 3


def test_an_office_document_is_no_archive_and_its_macros_are_seen():
    plain = one(
        zipped("[Content_Types].xml", "word/document.xml", "printerSettings1.bin"), "a.docx"
    )
    macro = one(zipped("[Content_Types].xml", "word/vbaProject.bin"), "a.docx")

    assert (plain.kind, plain.traits) == ("ooxml", frozenset())
    assert macro.traits == {"macro"}


def test_a_program_in_what_claims_to_be_an_office_document_is_seen():
    assert "archive_executable" in one(zipped("[Content_Types].xml", "run.exe"), "a.docx").traits


def test_macros_of_the_old_office_format_are_seen():
    assert "macro" in one(OLE + OLE_PROJECT, "a.doc").traits
    assert "macro" not in one(OLE, "a.doc").traits


def test_a_page_that_unpacks_a_file_is_smuggling():
    page = b"<html><script>URL.createObjectURL(new Blob([atob(x)]))</script>"

    assert one(page, "a.html", "text/html").traits >= {"html", "html_smuggling"}
    assert "html_smuggling" not in one(b"<html><p>Hello", "a.html", "text/html").traits


def test_an_enclosed_message_is_a_message():
    inner = b"From: b@example.com\r\nSubject: inner\r\n\r\nHello\r\n"
    raw = (
        b"From: a@example.com\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--x--\r\n"
    )
    attachments = read_attachments(parse(raw, Limits()), Limits())

    assert "nested_message" in attachments.traits


def test_attachments_beyond_the_limit_are_counted_and_not_read():
    mail = EmailMessage()
    mail.set_content("text")
    for _ in range(5):
        mail.add_attachment(b"MZ", maintype="application", subtype="x", filename="a.exe")
    limits = Limits(attachments=3)
    attachments = read_attachments(parse(mail.as_bytes(), limits), limits)

    assert (len(attachments.all), attachments.dropped) == (3, 2)


def test_archives_beyond_the_byte_limit_are_not_listed():
    attachments = attached(zipped("a.exe"), "a.zip", limits=Limits(unpacked_bytes=10))

    assert attachments.traits == {"archive"}


@given(st.binary(max_size=300), st.text(max_size=20))
@settings(derandomize=True)
def test_no_attachment_raises(data, name):
    for start in (b"", b"PK\x03\x04PK\x01\x02", b"Rar!\x1a\x07", OLE, b"<html", b"%PDF-"):
        body = base64.encodebytes(start + data)
        head = b'Content-Type: application/zip\r\nContent-Disposition: attachment; filename="'
        quoted = name.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")
        raw = head + quoted + b'"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + body
        read_attachments(parse(raw, Limits()), Limits())


@pytest.mark.parametrize(
    ("data", "kind", "traits"),
    [
        (b"\x1f\x8b\x08\x08\0\0\0\0\0\x03order.js\0", "gzip", {"archive_executable"}),
        (b"MSCF\0\0\0\0" + bytes(56), "cab", set()),
        (b"\0" * 7 + b"**ACE**" + bytes(40), "ace", set()),
        (b"x.exe".ljust(257, b"\0") + b"ustar" + bytes(250), "tar", {"archive_executable"}),
        (b"x.zip".ljust(257, b"\0") + b"ustar" + bytes(250), "tar", {"archive_nested"}),
        (b"conectix" + bytes(504), "disk", {"disk_image"}),
        (b"\0" * 0x8001 + b"CD001" + bytes(3000), "iso", {"disk_image"}),
    ],
)
def test_archives_and_disk_images_are_known_by_their_bytes(data, kind, traits):
    attachment = one(data, "file.dat")

    assert attachment.kind == kind
    assert attachment.traits == traits | {"archive"}


def test_an_archive_within_an_archive_is_a_trait_and_a_document_is_no_archive():
    assert "archive_nested" in one(zipped("orders.zip"), "a.dat").traits
    document = zipped("[Content_Types].xml", "word/document.xml", "word/embeddings/a.zip")
    assert one(document, "a.docx").traits == set()


def test_a_document_with_a_programs_name_inside_is_told():
    assert "archive_executable" in one(zipped("[Content_Types].xml", "order.exe"), "a.docx").traits
    printer = zipped("[Content_Types].xml", "word/printerSettings1.bin")
    assert one(printer, "a.docx").traits == set()
