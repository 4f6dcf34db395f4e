"""Mail inside mail is judged as mail, once, and only where it is meant to be believed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors.catalogue import DETECTORS
from detectors.enclosed import EnclosedMail
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.history import known

KINDS = Path(__file__).parents[1] / "corpus" / "kinds"
(DETECTOR,) = (detector for detector in DETECTORS if isinstance(detector, EnclosedMail))
PHISHING = (
    "From: PayPal <service@account-check.top>\nSubject: Your account is suspended\n"
    'Content-Type: text/html\n\n<a href="https://login.verify-portal.top/">confirm</a>\n'
)
HONEST = (
    "From: Ines <ines.falk@kestrel-metals.com>\nTo: Alex <alex.morgan@brookvale.org>\n"
    "Subject: The gate\n\nIt is ready on Friday.\n"
)


def _outer(*enclosed, to="robin.hale@brookvale.org"):
    parts = "".join(f"--x\nContent-Type: message/rfc822\n\n{inner}\n" for inner in enclosed)
    return (
        f"From: Alex <alex.morgan@brookvale.org>\nTo: {to}\nSubject: Look\n"
        f"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nSee below.\n{parts}--x--\n"
    )


def _findings(raw, context=None, readings=None):
    context = context or Context()
    envelope = Envelope(id="x", received_at=datetime(2025, 11, 11, tzinfo=UTC))
    evidence = extract(Incoming(envelope, raw.encode()), context)
    if readings is not None:
        evidence = evidence.with_history(known(readings))
    return list(DETECTOR.detect(evidence, context))


def _within(raw, **options):
    return [{f.name for f in one} for found in _findings(raw, **options) for one in found.within]


def test_what_the_enclosed_header_says_is_found():
    (names,) = _within(_outer(PHISHING))

    assert {"display_name_brand", "from_cheap_tld"} <= names


def test_honest_enclosed_mail_is_not_mentioned():
    assert not _findings(_outer(HONEST))
    assert not _findings(HONEST)


def test_each_enclosed_message_is_judged_apart():
    assert len(_within(_outer(HONEST, PHISHING, PHISHING))) == 2


def test_no_more_than_four_are_judged():
    assert len(_within(_outer(*[PHISHING] * 9))) == 4


def test_mail_inside_enclosed_mail_is_not_judged_as_mail():
    """Its text is the outer message's too, but its header is nobody's."""
    within = _within(_outer(_outer(PHISHING).replace("=x", "=y").replace("--x", "--y")))

    assert not any("display_name_brand" in names for names in within)


def test_an_enclosed_message_beside_other_files_is_judged():
    raw = _outer(PHISHING).replace(
        "See below.\n", "See below.\n--x\nContent-Type: application/pdf\n\n%PDF-1.4\n"
    )

    assert _within(raw)


@pytest.mark.parametrize("desk", ["abuse", "phishing", "postmaster"])
def test_what_is_reported_to_a_desk_is_evidence(desk):
    assert not _findings(_outer(PHISHING, to=f"{desk}@brookvale.org"))


def test_what_a_bounce_of_ours_returns_is_not_judged_as_mail():
    raw = (
        (KINDS / "bounce/postfix.eml")
        .read_text("utf-8")
        .replace("\nThis is the mail system", '\nhttps://x.top"')
    )
    raw = raw.replace("From: Alex Morgan <alex", "From: PayPal <alex")

    assert _within(raw)
    assert _within(raw, readings={"thread.answers": 0})
    assert not _findings(raw, readings={"thread.answers": 1})


def test_what_our_own_verifier_wrote_into_an_enclosed_message_is_neither_proof_nor_forgery():
    raw = _outer(f"Authentication-Results: mx.brookvale.org; dmarc=fail\n{PHISHING}")
    believed = Context(authserv_ids=frozenset({"mx.brookvale.org"}), upstream_verifies=True)
    forged = Context(authserv_ids=frozenset({"mx.brookvale.org"}))

    for context in (believed, forged):
        (names,) = _within(raw, context=context)
        assert not {"dmarc_fail", "authentication_results_forged"} & names


@pytest.mark.parametrize("raw", [_outer(""), _outer("\n\n"), _outer("\x00" * 50), _outer(":" * 99)])
def test_no_enclosed_bytes_break_it(raw):
    assert len(_findings(raw)) <= 1
