"""What a brand proves to have sent never counts as somebody's who pretends to be the brand."""

from datetime import UTC, datetime

import pytest

from detectors.brand_proof import proves
from detectors.catalogue import DETECTORS
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract

AT = datetime(2025, 11, 11, 10, tzinfo=UTC)
CONTEXT = Context()
# Whatever says that a message pretends to be a brand, or that its links aren't the brand's.
OF_BRANDS = {
    "brand_sender_unproven",
    "display_name_brand",
    "display_name_brand_lure",
    "display_name_contains_brand",
    "from_lookalike_brand",
    "link_lookalike_brand",
    "link_text_mismatch",
    "stranger_links_brand",
    "stranger_links_cheap",
    "stranger_links_lure",
    "stranger_links_misnamed_lure",
    "stranger_links_pressure",
    "subject_brand_lure",
}
BODY = (
    "<p>Your account has been suspended, act now. Confirm your account.</p>"
    '<a href="https://paypal-help-center.com/x">www.paypal.com</a>'
    '<a href="https://harbour-news.xyz/x">Open</a>'
)


def _evidence(sender, facts=None, header="", body=BODY):
    raw = (
        f"{header}From: {sender}\nTo: alex.morgan@brookvale.org\n"
        f"Subject: Final notice: your PayPal account\nContent-Type: text/html\n\n{body}\n"
    )
    return extract(
        Incoming(Envelope(id="x", received_at=AT, facts=facts or {}), raw.encode()), CONTEXT
    )


def _fired(evidence):
    names = {f.name for detector in DETECTORS for f in detector.detect(evidence, CONTEXT)}
    return names & OF_BRANDS


def _signed(*domains):
    return {"dkim": Fact("pass"), "dkim.domains": Fact(",".join(domains))}


PROVEN = {
    "by its own signature": ("PayPal <service@paypal.com>", _signed("paypal.com")),
    "by its subdomain's": ("PayPal <service@mail.paypal.com>", _signed("mail.paypal.com")),
    "by a sister's": ("PayPal <service@paypal.de>", _signed("paypal.com")),
    "by SPF": (
        "PayPal <service@paypal.com>",
        {"spf": Fact("pass"), "spf.domain": Fact("paypal.com")},
    ),
}


@pytest.mark.parametrize(("sender", "facts"), PROVEN.values(), ids=PROVEN)
def test_a_brands_proven_mail_fires_no_signal_of_brands(sender, facts):
    header = "Return-Path: <bounce@paypal.com>\n"

    assert _fired(_evidence(sender, facts, header)) == set()


def test_what_a_brand_signs_from_a_domain_of_that_look_is_its_own():
    """No table knows all of a brand's domains."""
    sender = "PayPal <service@paypal-mail-service.com>"
    mine = {"from_lookalike_brand", "link_lookalike_brand", "display_name_brand"}

    assert not _fired(_evidence(sender, _signed("paypal.com"))) & mine
    assert _fired(_evidence(sender)) & mine >= {"from_lookalike_brand", "link_lookalike_brand"}


def test_unproven_the_same_mail_fires_them():
    """Else the tests above would say nothing."""
    forged = _evidence("PayPal <service@lowfield-garden.org>")

    assert _fired(forged) >= {
        "display_name_brand",
        "display_name_brand_lure",
        "link_lookalike_brand",
        "stranger_links_brand",
        "stranger_links_cheap",
        "subject_brand_lure",
    }


@pytest.mark.parametrize("signer", ["lowfield-garden.org", "dhl.com", "gmail.com", "sendgrid.net"])
def test_another_ones_signature_proves_nothing_of_a_brand(signer):
    evidence = _evidence("PayPal <service@lowfield-garden.org>", _signed(signer))

    assert not proves(evidence, "PayPal")
    assert _fired(evidence) >= {"display_name_brand", "link_lookalike_brand"}


def test_a_free_mailbox_proves_nothing_of_its_provider():
    evidence = _evidence("Google <g.support@gmail.com>", _signed("gmail.com"))

    assert not proves(evidence, "Google")
