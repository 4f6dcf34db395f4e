"""Brands are found in words and told from their own domains."""

import pytest

from detectors.brands import BRANDS, GENERIC, brand_of, claims, is_own
from features.domains import split_host
from features.text import fold, words


def _named(text):
    return [(claim.brand.name, claim.pure) for claim in claims(words(fold(text), 64))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PayPal", [("PayPal", True)]),
        ("PayPal Customer Support 24", [("PayPal", True)]),
        ("Erin at PayPal", [("PayPal", False)]),
        ("Deutsche Post", [("Deutsche Post", True)]),
        ("P\u0430yP\u0430l", [("PayPal", True)]),
        ("Micr0soft Support", [("Microsoft", True)]),
        ("D.H.L", [("DHL", True)]),
        ("三井住友カード", [("Mitsui Sumitomo Card", True)]),
        ("Почта России", [("Russian Post", True)]),
        ("Chase Support", [("Chase", True)]),
        ("Chase Morgan", []),
        ("Kestrel Metals", []),
        ("", []),
    ],
)
def test_brands_are_found_whole_in_leet_and_spelled_out(text, expected):
    assert _named(text) == expected


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("www.dhl.com", True),
        ("dhl.com.mx", True),
        ("dhl.co.jp", True),
        ("dhl.top", False),
        ("dhl.com.br", False),
        ("dhl-parcel.com", False),
        ("dhl.quarrybrook.net", False),
        ("", False),
    ],
)
def test_a_brand_owns_its_listed_domains_and_its_name_under_national_suffixes(host, own):
    dhl = next(brand for brand in BRANDS if brand.name == "DHL")

    assert is_own(dhl, split_host(host)) == own


def test_a_government_owns_what_lies_below_its_suffix():
    assert brand_of(split_host("dvla.gov.uk")) is not None


@pytest.mark.parametrize("brand", BRANDS, ids=lambda brand: brand.name)
def test_phrases_are_folded_words_and_domains_are_registrable(brand):
    """What isn't folded would never be found in folded text."""
    for phrase in brand.phrases:
        assert phrase == " ".join(words(fold(phrase), 64))
    for domain in brand.domains:
        assert split_host(f"www.{domain}").registrable in {domain, f"www.{domain}"}
    assert brand.ambiguous <= set(brand.phrases)


def test_names_and_phrases_are_unique():
    names = [brand.name for brand in BRANDS]
    phrases = [phrase for brand in BRANDS for phrase in brand.phrases]

    assert len(set(names)) == len(names)
    assert len(set(phrases)) == len(phrases)


def test_generic_words_are_single_folded_words():
    assert [word for word in GENERIC if words(fold(word), 2) != (word,)] == []
