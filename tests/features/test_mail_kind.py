from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.mail_kind import KINDS, posted_through, read_kind
from features.message import without_enclosed

CORPUS = Path(__file__).parents[1] / "corpus"
SAMPLES = sorted((CORPUS / "kinds").glob("*/*.eml"))
NASTY = sorted((CORPUS / "nasty").glob("*.eml"))


def _evidence(raw, context=None, **envelope):
    at = datetime(2025, 11, 11, 12, tzinfo=UTC)
    data = raw if isinstance(raw, bytes) else raw.encode()
    return extract(
        Incoming(Envelope(id="x", received_at=at, **envelope), data), context or Context()
    )


def _kind(raw, **envelope):
    it = _evidence(raw, **envelope)
    return read_kind(it.message, it.headers, it.envelope, it.content.text)


def _sample(name):
    return (CORPUS / "kinds" / f"{name}.eml").read_text("utf-8")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda it: f"{it.parent.name}-{it.stem}")
def test_mail_is_of_the_kind_whose_structure_it_has(sample):
    assert _kind(sample.read_bytes()).kind == sample.parent.name


def test_every_kind_has_samples():
    assert {sample.parent.name for sample in SAMPLES} == set(KINDS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda it: f"{it.parent.name}-{it.stem}")
def test_words_make_no_kind(sample):
    """What a message says, without the structure that it says it in, is ordinary mail."""
    body = sample.read_text("utf-8").partition("\n\n")[2]
    assert _kind(f"From: a@kestrel-metals.com\nSubject: Hello\n\n{body}").kind == "ordinary"


def test_the_first_of_several_kinds_names_the_message():
    found = _kind(_sample("bounce/postfix"))

    assert found.also == ("bounce", "automatic_reply")
    assert found.kind == "bounce"


def test_a_bounce_has_the_null_sender():
    bounce = _sample("bounce/postfix")

    assert _kind(bounce, mail_from="").kind == "bounce"
    assert "bounce" not in _kind(bounce, mail_from="ines@kestrel-metals.com").also


def test_an_old_bounce_returns_a_header():
    bounce = _sample("bounce/qmail")

    assert (
        _kind(bounce.replace("Message-ID:", "About").replace("Received:", "Of")).kind == "ordinary"
    )


def test_an_abuse_report_brings_the_message_that_it_is_about():
    report = _sample("abuse_report/feedback_loop")

    assert _kind(report).returned
    assert "abuse_report" not in _kind(report.replace("message/rfc822", "text/plain")).also


def test_an_invitation_says_who_invites_whom():
    found = _kind(_sample("invitation/google_request")).invitation

    assert found is not None
    assert found.method == "REQUEST"
    assert found.organizer == "ines.falk@kestrel-metals.com"
    assert found.attendees == {"alex.morgan@brookvale.org"}  # written over two lines
    assert found.text == "Garden fair"


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "CANCEL", "COUNTER"])
def test_every_method_of_scheduling_is_an_invitation(method):
    raw = _sample("invitation/outlook_request").replace("METHOD:REQUEST", f"METHOD:{method}")
    found = _kind(raw).invitation

    assert found is not None
    assert found.method == method


def test_messages_inside_an_enclosed_message_are_not_enclosed_themselves():
    inner = _sample("forward/attached_honest")
    outer = _sample("forward/attached_honest").replace('"x1"', '"x0"').replace("--x1", "--x0")
    head, _, tail = outer.partition('filename="message.eml"\n\n')
    twice = f'{head}filename="message.eml"\n\n{inner}\n--x0--\n'

    assert tail
    assert _evidence(twice).message.nested_messages == 2
    assert len(_kind(twice).enclosed) == 1


def test_without_enclosed_messages_their_texts_and_files_are_gone():
    inner = (
        "Subject: x\nContent-Type: multipart/mixed; boundary=y\n\n--y\n\ninner text\n"
        "--y\nContent-Type: application/pdf\n\n%PDF-1.4\n--y--\n"
    )
    outer = (
        "Subject: x\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\nouter text\n"
        f"--z\nContent-Type: message/rfc822\n\n{inner}\n"
        "--z\nContent-Type: text/rfc822-headers\n\nSubject: y\n"
        "--z\nContent-Type: image/png\n\nPNG\n--z--\n"
    )

    left = without_enclosed(_evidence(outer).message, Context().limits)

    assert left.text == "outer text"
    assert [part.content_type for part in left.attachments] == ["image/png"]
    assert left.nested_messages == 0


LIST = """\
Return-Path: <{path}>
From: Tomas <tomas@riedhof-nursery.com>
To: l@orchardclub.org
List-Post: <mailto:l@lists.orchardclub.org>

Hello
"""


@pytest.mark.parametrize(
    ("path", "facts", "domain"),
    [
        ("l-bounces@lists.orchardclub.org", {}, "orchardclub.org"),
        ("b@riedhof-nursery.com", {}, ""),
        # Where our edge looked, what is only written doesn't count.
        ("l-bounces@orchardclub.org", {"spf": Fact("fail", "mx")}, ""),
        (
            "b@riedhof-nursery.com",
            {"dkim": Fact("pass", "mx"), "dkim.domains": Fact("orchardclub.org", "mx")},
            "orchardclub.org",
        ),
    ],
)
def test_a_list_sent_what_its_own_domain_sent(path, facts, domain):
    it = _evidence(LIST.format(path=path), facts=facts)

    assert posted_through(it.message, it.headers, it.authentication) == domain


def test_who_nobody_can_post_to_is_no_list():
    assert _kind(_sample("ordinary/newsletter")).list_domain == ""


@pytest.mark.parametrize("prefix", ["Fwd:", "FW:", "WG:", "TR :", "RV:", "ENC:", "I:", "[Fwd:"])
def test_a_forward_has_a_mark_and_quotes_a_header(prefix):
    raw = _sample("forward/gmail_english")

    assert _kind(raw.replace("Subject: Fwd:", f"Subject: {prefix}")).passed_on == "quoted"
    assert _kind(raw.replace("Subject: Fwd:", "Subject: Re:")).passed_on == ""


def test_fields_far_apart_are_no_quoted_header():
    far = "word " * 200
    raw = f"From: a@kestrel-metals.com\nSubject: Fwd: x\n\nFrom: me {far}Subject: you\n"

    assert _kind(raw).kind == "ordinary"
    assert _kind(raw.replace(far, "")).kind == "forward"


@pytest.mark.parametrize("sample", NASTY, ids=lambda it: it.stem)
def test_no_message_breaks_the_reading(sample):
    assert _kind(sample.read_bytes()).kind in KINDS


@settings(derandomize=True, max_examples=200)
@given(st.binary(max_size=300))
def test_no_calendar_breaks_the_reading(data):
    head = b"From: a@kestrel-metals.com\nContent-Type: text/calendar\n\nMETHOD:REQUEST\n"

    assert _kind(head + data).kind in {"invitation", "ordinary"}
