"""Lookalikes of brands and of one's own domain, and the names that only seem alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.brands import BRANDS
from detectors.lookalike import likeness, resembles
from features.domains import split_host


@pytest.mark.parametrize(
    ("host", "brand"),
    [
        ("paypa1.com", "PayPal"),
        ("xn--pypal-4ve.com", "PayPal"),
        ("rnicrosoft.com", "Microsoft"),
        ("microsfot.com", "Microsoft"),
        ("netfliix.com", "Netflix"),
        ("coinbas.com", "Coinbase"),
        ("amazon-security.net", "Amazon"),
        ("mycoinbaseaccount.com", "Coinbase"),
        ("paypal.lowfield-garden.net", "PayPal"),
        ("paypal.top", "PayPal"),
        ("paypal-login.web.app", "PayPal"),
        ("sparkasse-sicherheit.de", "Sparkasse"),
        ("nintendoaccount.com", "Nintendo"),
    ],
)
def test_imitations_are_found(host, brand):
    found = likeness(split_host(host))

    assert found is not None
    assert found.brand == brand


@pytest.mark.parametrize(
    "host",
    [
        "paypal.com",
        "www.paypal.com",
        "paypal.se",
        "kestrel-metals.com",
        "payroll.com",
        "chase-morgan.com",
        "hotmail.fr",
        "yahoo.com.br",
        "hubspotlinks.net",
        "mailchimpsites.com",
        "sparkasse-kleinstadt.de",
        "kreissparkasse-kleinstadt.de",
        "nintendogarden.com",
        "revolution.com",
        "hotpoint.co.uk",
        "public.com",
        "alliant.com",
        "amazingly.com",
        "localhost",
        "",
        "xn--a.com",
    ],
)
def test_brands_themselves_and_other_names_are_left_alone(host):
    assert likeness(split_host(host)) is None


def test_no_brand_imitates_a_brand():
    """Own domains of the table must not be taken for lookalikes of each other."""
    taken = {d: likeness(split_host(f"www.{d}")) for brand in BRANDS for d in brand.domains}

    assert {domain: found for domain, found in taken.items() if found} == {}


@pytest.mark.parametrize(
    ("host", "alike"),
    [
        ("brookva1e.org", True),
        ("bookvale.org", True),
        ("brookvlae.org", True),
        ("brookvale-support.com", True),
        ("brookvale.org", False),
        ("brookvale.com", False),
        ("brookfield.org", False),
        ("brook.org", False),
    ],
)
def test_imitations_of_ones_own_domain(host, alike):
    assert bool(resembles(split_host(host), split_host("brookvale.org"))) == alike


@settings(derandomize=True)
@given(st.text(max_size=80))
def test_any_host_is_judged_without_raising(host):
    likeness(split_host(f"{host}.com"))
    resembles(split_host(f"{host}.com"), split_host("brookvale.org"))
