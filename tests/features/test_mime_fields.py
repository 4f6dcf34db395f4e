"""MIME fields of entities as senders write them."""

import pytest

from features.mime_fields import decode_transfer, read_mime_fields


def read(**fields):
    given = [(f"content-{name.replace('_', '-')}", value) for name, value in fields.items()]
    return read_mime_fields(given, "text/plain")


@pytest.mark.parametrize(
    ("value", "content_type", "charset"),
    [
        ('TEXT/HTML; Charset="UTF-8"', "text/html", "utf-8"),
        ("text/html;charset=utf-8;format=flowed", "text/html", "utf-8"),
        ("text/html ; charset = 'utf-8'", "text/html", "utf-8"),
        ("text/plain; charset=us-ascii; charset=utf-7", "text/plain", "us-ascii"),
        ("text", "text/plain", ""),
        ("text/html/x", "text/plain", ""),
        ("text/h tml", "text/plain", ""),
        ("", "text/plain", ""),
        ("text/html\n\t; charset=utf-8", "text/html", "utf-8"),
    ],
)
def test_a_content_type_is_read_leniently(value, content_type, charset):
    found = read(type=value)

    assert (found.content_type, found.charset) == (content_type, charset)


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('attachment; filename="a;b.pdf"', "a;b.pdf"),
        ("attachment; filename=a.pdf", "a.pdf"),
        ("attachment; filename*=utf-8''Rechn%C3%BCng.pdf", "Rechnüng.pdf"),
        ('attachment; filename*0="in"; filename*1="voice.pdf"', "invoice.pdf"),
        ("attachment; filename*0*=utf-8''in%20; filename*1=voice.pdf", "in voice.pdf"),
        ("attachment; filename*9x=a.pdf", "a.pdf"),
        ("attachment; filename*0*=no-such''%FF.pdf", "ÿ.pdf"),
        ('attachment; filename="=?utf-8?b?UmVjaG51bmcucGRm?="', "Rechnung.pdf"),
        ('attachment; filename="gpj.\u202eexe"', "gpj.\u202eexe"),
        ('attachment; filename="open', "open"),
    ],
)
def test_file_names_in_all_their_encodings(disposition, filename):
    found = read(disposition=disposition)

    assert found.filename == filename
    assert found.disposition == "attachment"


def test_the_disposition_s_file_name_goes_before_the_type_s():
    found = read(type="a/b; name=x.txt", disposition="inline; filename=y.exe")

    assert (found.filename, found.disposition) == ("y.exe", "inline")
    assert read(type="a/b; name=x.txt").filename == "x.txt"


def test_the_first_of_two_types_counts_and_the_second_is_told():
    found = read_mime_fields(
        [("content-type", "text/plain"), ("content-type", "text/html")], "text/plain"
    )

    assert found.content_type == "text/plain"
    assert found.repeated


def test_what_has_no_type_has_that_of_its_place():
    assert read_mime_fields([("subject", "x")], "message/rfc822").content_type == "message/rfc822"


@pytest.mark.parametrize(
    ("data", "encoding", "content", "odd"),
    [
        (b"a=3D\n", "7bit", b"a=3D\n", ""),
        (b"a=3Db=\nc =zz", "quoted-printable", b"a=bc =zz", ""),
        (b"SGVs\r\nbG8=\r\n", "base64", b"Hello", ""),
        (b"SGVsbG8", "base64", b"Hello", "base64_malformed"),
        (b"SGVsbG8=d29ybGQ=", "base64", b"Helloworld", "base64_malformed"),
        (b"S!G*VsbG8=", "base64", b"Hello", "base64_malformed"),
        (b"SGVsbG8=S", "base64", b"Hello", "base64_malformed"),
        (b"", "base64", b"", ""),
        (b"text\nbegin 644 f\n%:&5L;&\\\n`\nend\n", "x-uuencode", b"hello", ""),
        (b"no begin", "uuencode", b"no begin", "uuencode_malformed"),
        (b"uryyb", "rot13", b"uryyb", "transfer_encoding_unknown"),
    ],
)
def test_transfer_encodings_give_what_can_be_read(data, encoding, content, odd):
    assert decode_transfer(data, encoding) == (content, odd)


@pytest.mark.parametrize("value", ["BASE64", " base64 (really)", '"base64"', "base64;"])
def test_an_encoding_s_name_may_be_dressed_up(value):
    assert read(transfer_encoding=value).transfer_encoding == "base64"
