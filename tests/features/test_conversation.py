"""Which messages are answered, and what is a bounce."""

import pytest

from features.context import Limits
from features.conversation import answered_ids, own_id
from features.message import parse

REPORT = (
    "From: MAILER-DAEMON@example.org\nMIME-Version: 1.0\n"
    "Content-Type: multipart/report; report-type={}; boundary=x"
)
FAILED = (
    "--x\n\nSorry\n--x\nContent-Type: message/delivery-status\n\n"
    "Reporting-MTA: dns; a\n\nAction: {}\n--x\nContent-Type: {}\n\n"
    "Subject: x\nMessage-ID: <out@our.example>\n\n--x--"
)


def message(head):
    return parse(f"{head}\n\nHello".encode(), Limits())


def test_the_thread_is_read_from_both_ends_of_references():
    references = " ".join(f"<{number}@x>" for number in range(40))
    read = message(f"References: {references}\nIn-Reply-To: <39@x> <parent@x>")

    expected = ["39@x", "parent@x", *(f"{n}@x" for n in (*range(10), *range(30, 39)))]
    assert answered_ids(read, bounce=False) == tuple(expected)


def test_a_thread_without_end_is_read_within_bounds():
    references = " ".join(f"<{number:08}@example.org>" for number in range(9_000))

    found = answered_ids(message(f"References: {references}"), bounce=False)

    assert len(found) == 20
    assert {"00000000@example.org", "00008999@example.org"} <= set(found)


@pytest.mark.parametrize(
    ("head", "identifier"),
    [
        ("Message-ID: <1@x>", "1@x"),
        ("Message-ID: 1@x", ""),
        ("Message-ID: <a b>", ""),
        ("X: y", ""),
    ],
)
def test_a_message_id_stands_in_brackets(head, identifier):
    assert own_id(message(head)) == identifier


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers", "message/global"])
def test_a_bounce_answers_the_message_that_it_returns(letter, returned):
    sent = letter("From: bob@our.example\nMessage-ID: <out@our.example>", direction="outbound")
    head = REPORT.format("delivery-status")

    bounce = letter(head, FAILED.format("failed", returned), mail_from="").touches

    assert bounce.mentions[0] == sent.touches.message_id
    assert bounce.bounced is not None


@pytest.mark.parametrize(
    ("head", "action", "changes"),
    [
        (REPORT.format("delivery-status"), "delayed", {"mail_from": ""}),
        (REPORT.format("delivery-status"), "failed", {"mail_from": "a@evil.net"}),
        (REPORT.format("delivery-status"), "failed", {"mail_from": "", "direction": "outbound"}),
        ("From: a@evil.net", "failed", {"mail_from": ""}),
        (
            REPORT.format("delivery-status"),
            "failed",
            {"mail_from": "", "rcpt_to": ("a@our.example", "b@our.example")},
        ),
    ],
)
def test_what_is_no_bounce_to_one_of_ours_charges_no_account(letter, head, action, changes):
    body = FAILED.format(action, "message/rfc822")

    assert letter(head, body, **changes).touches.bounced is None


def test_message_ids_are_hashed_for_each_tenant_apart(letter):
    head = "From: a@b.de\nMessage-ID: <1@x>"

    one, other = letter(head, tenant="one").touches, letter(head, tenant="other").touches
    assert len(one.message_id) == 16
    assert one.message_id != other.message_id
    assert letter("From: a@b.de").touches.message_id == b""
