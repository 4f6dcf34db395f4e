"""A mail service that no list knows makes all links strange, and its customers aren't guilty."""

from datetime import UTC, datetime

import pytest

from detectors import pretexts, strange_links
from detectors.strange_links import misnamed
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract

AT = datetime(2025, 11, 11, 10, tzinfo=UTC)
CONTEXT = Context()
CLICK = "https://click.harbour-sends.net/ls/click?upn=" + "aB3dE5fG7h" * 5


def _evidence(sender, body, subject="Your order", bounces="b@mail.harbour-sends.net"):
    raw = (
        f"Return-Path: <{bounces}>\nFrom: {sender}\nTo: alex.morgan@brookvale.org\n"
        f"Subject: {subject}\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n{body}\n"
    )
    return extract(Incoming(Envelope(id="x", received_at=AT), raw.encode()), CONTEXT)


def _fired(evidence):
    detectors = (strange_links.DETECTOR, pretexts.DETECTOR)
    return {found.name for detector in detectors for found in detector.detect(evidence, CONTEXT)}


@pytest.mark.parametrize("bounces", ["b@mail.harbour-sends.net", "b@kestrel-metals.com"])
@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Activate your account", "Confirm your email address. The link expires in 24 hours."),
        ("Your order is on its way", "Track your package, it arrives on Monday."),
        ("Your invoice from Kestrel Metals", "Pay your invoice of $42.00 by Friday."),
        ("You are invited to join Kestrel Metals", "Set a password and sign in."),
        ("20% off your next order", "Redeem your gift card before Sunday."),
    ],
)
def test_what_companies_send_through_an_unknown_service_is_no_strangers_lure(
    subject, text, bounces
):
    body = f'<p>{text}</p><a href="{CLICK}"><img src="{CLICK}" alt="Kestrel Metals"></a>'
    evidence = _evidence("Kestrel Metals <hello@kestrel-metals.com>", body, subject, bounces)

    assert _fired(evidence) == set()


def test_the_same_under_a_false_name_is():
    """Else the test above would say nothing."""
    body = f'<p>Redeem your gift card before Sunday.</p><a href="{CLICK}"><img src="{CLICK}"></a>'
    evidence = _evidence(
        "Harbour Rewards <hello@kestrel-metals.com>", body, bounces="b@kestrel-metals.com"
    )

    assert _fired(evidence) >= {"stranger_links_misnamed_lure", "stranger_links_misnamed_picture"}


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("Harbour Rewards <info@kestrel-metals.com>", True),
        ("Harbour Rewards <harbour@kestrel-metals.com>", False),
        ("Kestrel <info@kestrel-metals.com>", False),
        ("The Metals of the North <info@kestrel-metals.com>", False),
        ("Upper Elbe Bank <post@ueb.de>", False),
        ("\u6e2f\u306e\u9280\u884c <info@kestrel-metals.com>", False),
        ("Jo <info@kestrel-metals.com>", False),
        ("info@kestrel-metals.com", False),
    ],
)
def test_a_name_fits_that_shares_a_word_or_its_initials_with_the_address(sender, expected):
    evidence = _evidence(sender, "<p>Hello</p>", bounces="b@kestrel-metals.com")

    assert misnamed(evidence.headers) == expected
