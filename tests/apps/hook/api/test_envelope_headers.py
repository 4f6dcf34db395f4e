"""The envelope in headers: what is read, what is passed over, what is refused by its name."""

import pytest

from apps.hook.api.envelope_headers import OURS, RSPAMD, HeaderError, submission
from features.envelope import Client


def read(*pairs, names=RSPAMD):
    return submission([(n.lower().encode(), v.encode()) for n, v in pairs], names, b"m")


def test_rspamds_headers_are_the_envelope():
    found = read(
        ("IP", "192.0.2.7"),
        ("Helo", "h.example"),
        ("Hostname", "ptr.example"),
        ("From", "<a@b.example>"),
        ("Rcpt", "<c@d.example>"),
        ("Rcpt", "e@d.example, f@d.example"),
        ("Deliver-To", "c@d.example"),
        ("User", "anna"),
        ("Queue-Id", "4F1"),
        ("TLS-Version", "TLSv1.3"),
    )
    assert found.client == Client("192.0.2.7", "h.example", "ptr.example")
    assert found.mail_from == "a@b.example"
    assert found.rcpt_to == ("c@d.example", "e@d.example", "f@d.example")
    assert (found.user, found.queue_id, found.tls) == ("anna", "4F1", "TLSv1.3")


def test_our_own_headers_say_the_same():
    found = read(
        ("Weir-Client-Ip", "2001:db8::1"),
        ("Weir-Mail-From", ""),
        ("Weir-Rcpt-To", "c@d.example"),
        ("From", "not@the.envelope"),
        names=OURS,
    )
    assert (found.client.ip, found.mail_from, found.rcpt_to) == (
        "2001:db8::1",
        "",
        ("c@d.example",),
    )


def test_a_null_sender_is_no_unknown_one():
    assert read(("From", "<>")).mail_from == ""
    assert read().mail_from is None


def test_who_it_is_delivered_to_stands_in_for_recipients():
    assert read(("Deliver-To", "c@d.example")).rcpt_to == ("c@d.example",)


@pytest.mark.parametrize("said", ["[192.0.2.7]", "192.0.2.7"])
def test_an_address_may_stand_in_brackets(said):
    assert read(("IP", said)).client.ip == "192.0.2.7"


@pytest.mark.parametrize("said", ["", "unknown", "unix:/run/x", "[IPv6:::1]"])
def test_a_client_without_an_address_is_no_mistake(said):
    assert read(("IP", said)).client.ip in {None, "::1"}


def test_a_quoted_local_part_keeps_its_comma():
    assert read(("Rcpt", '<"a,b"@d.example>')).rcpt_to == ('"a,b"@d.example',)


def test_bytes_that_are_no_text_become_escapes():
    found = submission([(b"helo", b"\xff.example")], RSPAMD, b"m")
    assert found.client.helo == "\\xff.example"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("IP", "nonsense"),
        ("IP", "192.0.2.7.9"),
        ("Helo", "h" * 1_001),
        ("Rcpt", "r" * 1_001),
        ("Compression", "zstd"),
        ("Key", "public"),
        ("Shm", "/name"),
        ("File", "/etc/passwd"),
    ],
)
def test_a_header_that_cant_be_right_is_named(header, value):
    with pytest.raises(HeaderError) as caught:
        read((header, value))
    assert caught.value.header == header
    assert str(caught.value).startswith(f"{header}: ")


def test_a_header_that_says_two_things_is_named_and_a_repetition_is_none():
    with pytest.raises(HeaderError, match=r"^From: given more than once"):
        read(("From", "a@b.example"), ("From", "c@d.example"))
    assert read(("From", "a@b.example"), ("From", "a@b.example")).mail_from == "a@b.example"


def test_other_headers_are_passed_over():
    assert read(("Settings-ID", "x"), ("Flags", "pass_all"), ("Pass", "all")).mail_from is None
