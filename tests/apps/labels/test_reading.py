"""Reports as providers and people send them, invented after the forms of several: what they say."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.labels.reading import MOST_FORWARDED, limits_of_reports, read_report
from apps.labels.report import NoReport, Report
from features.context import Limits

LIMITS = limits_of_reports(Limits())
TOKEN = "v1.m-1.e.0.7." + "ab" * 12
INNER = b"""Received: from mx.sender.example by mx.our.example; Sun, 1 Mar 2026 12:00:00 +0000
X-Weir-Id: %b
From: Shop <offers@sender.example>
To: anna@our.example
Message-ID: <one@sender.example>
Subject: Offer

Buy now
""" % TOKEN.encode()


def multipart(*parts, subtype="report; report-type=feedback-report", sender=b"anna@our.example"):
    mark = b"b%d" % len(b"".join(parts))  # one inside another has a mark of its own
    body = b"".join(b"--%b\n%b\n" % (mark, part) for part in parts)
    mail = (
        b"From: Reports <%b>\nSubject: FW: Offer\nMIME-Version: 1.0\n"
        b"Content-Type: multipart/%b;\n boundary=%b\n\nPreamble\n%b--%b--\n"
    ) % (sender, subtype.encode(), mark, body, mark)
    return mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def fields(text):
    return b"Content-Type: message/feedback-report\n\n" + text


PROSE = b"Content-Type: text/plain\n\nThis is an abuse report."
ENCLOSED = b"Content-Type: message/rfc822\nContent-Disposition: inline\n\n" + INNER
ABUSE = fields(b"Feedback-Type: abuse\nUser-Agent: SomeLoop/1.0\nVersion: 1\n")


def read(raw):
    found = read_report(raw, LIMITS)
    assert isinstance(found, Report), found
    return found


def test_a_feedback_report_brings_back_token_message_id_and_bytes():
    report = read(multipart(PROSE, ABUSE, ENCLOSED))
    (returned,) = report.returned
    assert (report.form, report.truth, report.sender) == ("arf", "spam", "anna@our.example")
    assert (returned.tokens, returned.message_id) == ((TOKEN,), "one@sender.example")
    assert returned.raw.replace(b"\r\n", b"\n").strip() == INNER.strip()


@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        (b"abuse", "spam"),
        (b"fraud", "phish"),
        (b"virus", "malware"),
        (b"not-spam", "ham"),
        (b"Not-Spam ", "ham"),
        (b"opt-out", "unwanted"),
        (b"abuse; comment", "spam"),
        (b"other", None),
        (b"x-future", None),
    ],
)
def test_the_feedback_type_says_what_the_message_was(kind, truth):
    kind = fields(b"User-Agent: a\nFEEDBACK-type:\n  %b\nVersion: 0.1\n" % kind)
    assert read(multipart(PROSE, kind, ENCLOSED)).truth == truth


@pytest.mark.parametrize("kind", [b"auth-failure", b"dmarc"])
def test_what_no_person_reports_is_no_report(kind):
    report = read_report(multipart(PROSE, fields(b"Feedback-Type: %b\n" % kind), ENCLOSED), LIMITS)
    assert isinstance(report, NoReport)
    assert kind.decode() in report.reason


def test_a_redacted_report_with_headers_alone_leads_back_by_its_token():
    """RFC 6590: addresses are gone, and the body is."""
    returned = b"""Content-Type: text/rfc822-headers; charset=us-ascii

From: "Shop" <offers@sender.example>
To: redacted-9f2b7c@provider.example
Message-ID: <redacted>
X-Weir-Id: v1.m-1.e.0.7.
 abababababababababababab
"""
    kind = fields(
        b"Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: redacted-9f2b7c\n"
        b"Redacted-Address: redacted-9f2b7c\n"
    )
    (found,) = read(multipart(PROSE, kind, returned)).returned
    assert (found.tokens, found.raw) == ((TOKEN,), None)


def test_a_report_in_base64_is_read():
    """A relay that is 7-bit encodes what it may not."""
    encoded = base64.encodebytes(INNER)
    part = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encoded
    (found,) = read(multipart(PROSE, ABUSE, part)).returned
    assert found.message_id == "one@sender.example"


def test_parts_in_another_order_and_types_in_capitals_are_read():
    kind = ABUSE.replace(b"message/feedback-report", b'Message/Feedback-Report; charset="US-ASCII"')
    report = read(multipart(ENCLOSED.replace(b"rfc822", b"RFC822"), kind, PROSE))
    assert (report.truth, report.returned[0].message_id) == ("spam", "one@sender.example")


def test_a_loop_that_calls_its_report_multipart_mixed_is_read():
    assert read(multipart(PROSE, ABUSE, ENCLOSED, subtype="mixed")).form == "arf"


def test_of_several_messages_in_a_report_the_first_is_meant():
    second = ENCLOSED.replace(b"one@", b"two@")
    report = read(multipart(PROSE, ABUSE, ENCLOSED, second))
    assert [it.message_id for it in report.returned] == ["one@sender.example"]
    assert report.dropped == 1


def test_a_report_inside_the_message_reported_is_not_the_report():
    """Who reports a report means that one, and not what its author claims."""
    claimed = multipart(PROSE, fields(b"Feedback-Type: not-spam\n"), ENCLOSED)
    outer = multipart(PROSE, ABUSE, b"Content-Type: message/rfc822\n\n" + claimed)
    report = read(outer)
    assert (report.truth, report.dropped) == ("spam", 0)
    assert report.returned[0].tokens == ()


def test_a_report_or_a_bounce_that_was_forwarded_is_a_forward():
    for kind in (ABUSE, status(b"a: b\n\nAction: failed\nStatus: 5.1.1\n")):
        part = b"Content-Type: message/rfc822\n\n" + multipart(PROSE, kind, ENCLOSED)
        report = read(multipart(PROSE, part, subtype="mixed"))
        assert (report.form, len(report.returned)) == ("forward", 1)


@pytest.mark.parametrize(
    "parts",
    [
        (PROSE, ABUSE),
        (PROSE, fields(b""), ENCLOSED),
        (PROSE, fields(b"no fields at all"), ENCLOSED),
        (PROSE, fields(b"User-Agent: a\n\nFeedback-Type: abuse\n"), ENCLOSED),
    ],
)
def test_a_report_that_lacks_what_matters_is_none_and_says_what(parts):
    report = read_report(multipart(*parts), LIMITS)
    assert isinstance(report, NoReport)
    assert "feedback report without" in report.reason


def status(text):
    return b"Content-Type: message/delivery-status\n\n" + text


def bounce(recipients, returned=ENCLOSED):
    return multipart(
        PROSE,
        status(b"Reporting-MTA: dns; mx.there.example\nArrival-Date: today\n\n" + recipients),
        returned,
        subtype="report; report-type=delivery-status",
        sender=b"mailer-daemon@there.example",
    )


HARD = b"Final-Recipient: rfc822; nobody@there.example\nAction: failed\nStatus: 5.1.1\n"
SOFT = b"Final-Recipient: rfc822; late@there.example\nAction: delayed\nStatus: 4.4.1\n"


@pytest.mark.parametrize(
    "recipients",
    [
        HARD,
        HARD.replace(b"failed", b"Failed (no such user)"),
        HARD.replace(b"5.1.1", b"5.1.1 (bad mailbox)"),
        SOFT + b"\n" + HARD,
        HARD.replace(b"\n", b"\r\n"),
        b"\n\n" + HARD,
    ],
)
def test_a_hard_bounce_is_told(recipients):
    report = read(bounce(recipients))
    assert (report.form, report.truth) == ("bounce", "unwanted")
    assert report.returned[0].tokens == (TOKEN,)


@pytest.mark.parametrize(
    "recipients",
    [
        SOFT,
        HARD.replace(b"failed", b"delivered"),
        HARD.replace(b"5.1.1", b"4.2.2"),
        HARD.replace(b"5.1.1", b"5.1"),
        HARD.replace(b"Status: 5.1.1\n", b""),
        b"",
        b"Action failed\n",
    ],
)
def test_a_delay_a_success_or_a_status_that_is_none_is_no_hard_bounce(recipients):
    assert isinstance(read_report(bounce(recipients), LIMITS), NoReport)


def test_mail_forwarded_as_attachment_is_read_one_or_many():
    other = ENCLOSED.replace(b"one@", b"two@")
    saved = (
        b'Content-Type: application/octet-stream; name="third.EML"\n'
        b'Content-Disposition: attachment; filename="third.EML"\n'
        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(INNER.replace(b"one@", b"3@"))
    )
    report = read(multipart(PROSE, ENCLOSED, other, saved, subtype="mixed"))
    ids = [it.message_id for it in report.returned]
    assert (report.form, report.truth) == ("forward", None)
    assert ids == ["one@sender.example", "two@sender.example", "3@sender.example"]


def test_a_digest_is_a_forward_of_its_messages():
    report = read(multipart(b"\n" + INNER, b"\n" + INNER, subtype="digest"))
    assert len(report.returned) == 2


def test_a_message_that_the_forwarded_one_encloses_is_not_forwarded_itself():
    inner = multipart(PROSE, ENCLOSED, subtype="mixed")
    part = b"Content-Type: message/rfc822\n\nMessage-ID: <outer@x.example>\n" + inner
    report = read(multipart(PROSE, part, subtype="mixed"))
    assert [it.message_id for it in report.returned] == ["outer@x.example"]


def test_more_messages_than_are_read_are_counted():
    report = read(multipart(*[ENCLOSED] * (MOST_FORWARDED + 5), subtype="mixed"))
    assert (len(report.returned), report.dropped) == (MOST_FORWARDED, 5)


def test_tokens_come_topmost_first_and_are_bounded():
    tokens = [f"v1.m-{n}.e.0.7.{'ab' * 12}" for n in range(20)]
    header = "".join(f"X-WEIR-id: {token}\n" for token in tokens).encode()
    part = b"Content-Type: message/rfc822\n\n" + header + INNER
    (found,) = read(multipart(PROSE, ABUSE, part)).returned
    assert found.tokens == tuple(tokens[:8])


def test_the_largest_message_fits_in_a_report_whole():
    limits = Limits()
    inner = INNER + b"x" * (limits.message_bytes - len(INNER))
    encoded = base64.encodebytes(inner)
    part = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encoded
    raw = multipart(PROSE, ABUSE, part)
    report = read_report(raw, limits_of_reports(limits))
    assert len(raw) <= limits_of_reports(limits).message_bytes
    assert len(report.returned[0].raw) == len(inner)


@given(st.lists(st.sampled_from([PROSE, ABUSE, ENCLOSED, b"--b", b"\n", b"\0"]), max_size=6))
def test_parts_in_any_order_are_read_without_an_error(parts):
    assert isinstance(read_report(multipart(*parts), LIMITS), Report | NoReport)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(raw):
    for head in (b"", b"Content-Type: message/rfc822\n\n", multipart(PROSE, ABUSE)[:-8]):
        assert isinstance(read_report(head + raw, LIMITS), Report | NoReport)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 100,
        b"no mail at all",
        INNER,
        multipart(PROSE),
        multipart(PROSE, ABUSE, ENCLOSED)[:300],
        b"Content-Type: multipart/report; boundary=" + b"b" * 5_000,
        b"Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n",
        b"Content-Type: message/delivery-status\n\n\n\n\n",
    ],
)
def test_what_is_no_report_is_none(raw):
    assert isinstance(read_report(raw, LIMITS), NoReport)
