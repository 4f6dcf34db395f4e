"""The header's subjects, from raw messages."""

from datetime import UTC, datetime

from features.context import Context, Limits
from features.envelope import Envelope
from features.headers import read_headers
from features.message import parse

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def read(raw, **envelope):
    message = parse(raw, Limits())
    return read_headers(message, Envelope(id="1", received_at=NOW, **envelope), Context())


def test_who_wrote_to_whom():
    headers = read(
        b"From: Ada <ada@mail.example.org>\nSender: list@example.net\n"
        b"Reply-To: a@example.org, b@example.org\nReturn-Path: <bounce@example.net>\n"
        b"To: bob@example.com\nCc: Carol <CAROL@example.com>\n\n"
    )

    assert (headers.from_.display, headers.from_.address) == ("Ada", "ada@mail.example.org")
    assert headers.from_.domain.registrable == "example.org"
    assert headers.sender.address == "list@example.net"
    assert [mailbox.address for mailbox in headers.reply_to] == ["a@example.org", "b@example.org"]
    assert headers.return_path.address == "bounce@example.net"
    assert headers.recipients == ("bob@example.com", "carol@example.com")


def test_the_envelope_goes_before_the_header():
    raw = b"Return-Path: <old@example.net>\nTo: header@example.com\n\n"

    headers = read(raw, mail_from="new@example.org", rcpt_to=("Bob@Example.com",))

    assert headers.return_path.address == "new@example.org"
    assert headers.recipients == ("bob@example.com",)
    assert headers.to[0].address == "header@example.com"


def test_the_null_sender_is_empty_whatever_return_path_says():
    assert read(b"Return-Path: <old@example.net>\n\n", mail_from="").return_path.address == ""


def test_recipients_are_those_of_all_fields_once_each():
    headers = read(
        b"To: a@example.com\nCc: a@example.com\nDelivered-To: b@example.com\n"
        b"X-Original-To: c@example.com\n\n"
    )

    assert headers.recipients == ("a@example.com", "b@example.com", "c@example.com")


def test_faults_are_found_on_the_raw_from():
    headers = read(b"From: =?utf-8?q?Doe,_Jane?= <j@example.org>\nFrom: x@example.org\n\n")

    assert headers.from_raw == "=?utf-8?q?Doe,_Jane?= <j@example.org>"
    assert headers.from_faults == {"duplicate"}
    assert headers.from_count == 2


def test_display_name_and_subject_are_folded_and_split():
    headers = read(
        b"From: =?utf-8?b?UNCweVBhbA==?= Team <x@example.org>\nSubject: Y\xd0\xbeur Bill 1\n\n"
    )

    assert headers.display_folded == "paypal team"
    assert headers.display_words == ("paypal", "team")
    assert headers.subject_words == ("your", "bill", "1")
    assert headers.subject == "Y\u043eur Bill 1"


def test_marks_of_lists_replies_and_robots():
    headers = read(
        b"Message-ID: <1@Mail.example.org>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
        b"References: <a@b> <c@d>\nIn-Reply-To: <c@d>\nList-Id: <l.example.org>\n"
        b"List-Unsubscribe: <https://example.org/u>\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\nPrecedence: Bulk\n"
        b"Auto-Submitted: auto-generated\nUser-Agent: Mutt\n\n"
    )

    assert headers.message_id == "<1@Mail.example.org>"
    assert headers.message_id_host == "mail.example.org"
    assert headers.date == datetime(2026, 1, 1, tzinfo=UTC)
    assert headers.references == 2
    assert headers.in_reply_to
    assert headers.list_id == "<l.example.org>"
    assert headers.list_unsubscribe
    assert headers.one_click
    assert headers.precedence == "bulk"
    assert headers.auto_submitted
    assert headers.mailer == "Mutt"


def test_what_a_person_sent_is_not_auto_submitted():
    assert not read(b"Auto-Submitted: no\n\n").auto_submitted


def test_hops_are_in_order_from_the_top_and_bounded():
    one = b"Received: from a (b.example [192.0.2.1]) by c; 1 Jan 2026 00:00:00 +0000\n"
    headers = read(b"Received: from z by y\n" + one * 90 + b"\n")

    assert headers.hops[0].helo == "z"
    assert headers.hops[1].ip == "192.0.2.1"
    assert len(headers.hops) == 50


def test_no_header_at_all_is_empty_everywhere():
    headers = read(b"\nbody")

    assert headers.from_.address == headers.subject == headers.message_id_host == ""
    assert headers.from_faults == {"noaddr"}
    assert headers.to == headers.recipients == ()
    assert list(headers.hops) == []
    assert headers.date is None
