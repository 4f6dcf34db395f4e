"""A policy's own brands and domains protect its tenant as the shipped table does."""

from datetime import UTC, datetime

import pytest

from detectors.brands import SHIPPED, brand_of, claims, is_own
from detectors.judging import Judge
from detectors.lookalike import likeness
from detectors.own_brands import brands_of
from detectors.policy import OwnBrand, PolicyError
from detectors.policy_file import read_policy, shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.domains import split_host
from features.envelope import Envelope, Incoming
from features.text import fold, words

OWN = 'own_domains = ["brookvale.org", "brookvale-bank.com"]\n'
BRAND = '[[brands]]\nname = "Kestrel"\nphrases = ["kestrel metals", "kestrel"]\n'
KESTREL = BRAND + 'domains = ["kestrel-metals.com"]\nambiguous = ["kestrel"]\n'

MAIL = """From: {sender}
To: a.reader@quarrybrook.net
Subject: your statement
Date: Tue, 11 Nov 2025 10:00:00 +0000
Message-ID: <1@lowfield-garden.org>
Content-Type: text/html

<p>Read your <a href="{link}">statement</a>.</p>
"""


def table(text, tenant=""):
    return brands_of(read_policy(text).for_tenant(tenant))


def named(text, brands):
    return [(claim.brand.name, claim.pure) for claim in claims(words(fold(text), 64), brands)]


def judge_of(text):
    return Judge(Context(), None, read_policy(text), shipped_stack(), "engine")


def signals(judge, sender, link="https://lowfield-garden.org/x", tenant=""):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    raw = MAIL.format(sender=sender, link=link).encode()
    incoming = Incoming(Envelope(id="1", received_at=at, tenant=tenant), raw)
    return {signal.name: signal.reason for signal in judge.judge([incoming])[0].verdict.signals}


def test_a_policy_without_own_brands_has_the_shipped_table_itself():
    assert brands_of(shipped_policy().default) is SHIPPED


def test_equal_settings_share_one_table():
    assert table(OWN + KESTREL) is table("shadow = true\n" + OWN + KESTREL)


def test_own_domains_are_brands_by_their_labels():
    brands = table(OWN)

    assert named("Brookvale Support", brands) == [("brookvale.org", True)]
    assert named("Brookvale Bank", brands) == [("brookvale-bank.com", True)]
    assert named("Brookvale Support", SHIPPED) == []
    assert is_own(claims(["brookvale"], brands)[0].brand, split_host("m.brookvale-bank.com"))


def test_a_short_label_counts_only_among_generic_words():
    brands = table('own_domains = ["bvb.org"]\n')

    assert named("BVB Support", brands) == [("bvb.org", True)]
    assert named("Fans of BVB", brands) == []


def test_a_brand_of_the_policy_is_found_and_its_ordinary_word_marked():
    brands = table(KESTREL)

    assert named("Erin at Kestrel Metals", brands) == [("Kestrel", False)]
    assert named("Erin Kestrel", brands) == []
    assert brand_of(split_host("news.kestrel-metals.com"), brands).name == "Kestrel"


def test_phrases_are_folded_as_the_text_is():
    brands = table(BRAND.replace("kestrel metals", "Köstrel-Metall") + 'domains = ["koe.de"]\n')

    assert named("KÖSTREL METALL", brands) == [("Kestrel", True)]


def test_a_shipped_brand_gains_what_the_policy_says_of_it():
    """So that a brand's unknown sister domain needs no release of ours."""
    brands = table('[[brands]]\nname = "dhl"\ndomains = ["quarrybrook.net"]\n')
    dhl = claims(["dhl"], brands)[0].brand

    assert is_own(dhl, split_host("quarrybrook.net"))
    assert is_own(dhl, split_host("dhl.com"))
    assert brand_of(split_host("dhl.com"), brands) is dhl
    assert brand_of(split_host("dhl.com")) is not dhl


@pytest.mark.parametrize(
    ("host", "brand"),
    [
        ("brookva1e.org", "brookvale.org"),
        ("bookvale.org", "brookvale.org"),
        ("brookvale-login.com", "brookvale.org"),
        ("brookvale.quarrybrook.net", "brookvale.org"),
        ("brookvale.top", "brookvale.org"),
        ("paypa1.com", "PayPal"),
        ("brookvale.org", None),
        ("brookvale.com", None),
        ("brookvale.co.uk", None),
        ("kestrel-metals.com", None),
    ],
)
def test_lookalikes_of_own_domains_are_found_beside_those_of_brands(host, brand):
    found = likeness(split_host(host), table(OWN))

    assert (found.brand if found else None) == brand


def test_only_the_tenant_whose_policy_says_so_is_protected():
    judge = judge_of("[tenant.brookvale]\n" + OWN)
    sender = "Brookvale Support <info@lowfield-garden.org>"

    assert "display_name_brand" in signals(judge, sender, tenant="brookvale")
    assert "display_name_brand" not in signals(judge, sender)


def test_name_domain_and_link_of_an_imitator_are_told():
    judge = judge_of(OWN)
    name = signals(judge, "Brookvale Support <info@lowfield-garden.org>")
    domain = signals(judge, "Erin <info@brookva1e.org>")
    link = signals(judge, "Erin <e@lowfield-garden.org>", "https://brookvale-login.com/")

    assert "brookvale.org" in name["display_name_brand"]
    assert "brookvale.org" in domain["from_lookalike_brand"]
    assert "brookvale.org" in link["link_lookalike_brand"]


def test_our_own_mail_and_links_home_are_not_strange():
    judge = judge_of(OWN)

    assert "display_name_brand" not in signals(judge, "Brookvale <info@brookvale-bank.com>")
    assert "link_lookalike_brand" not in signals(
        judge, "Erin <e@lowfield-garden.org>", "https://www.brookvale.org/"
    )


def test_the_digest_is_that_of_before_where_nothing_is_said():
    plain = read_policy("")

    assert read_policy("own_domains = []\nbrands = []\n").digest == plain.digest
    assert read_policy(OWN).digest != plain.digest
    assert read_policy(KESTREL).digest != plain.digest


def test_a_tenant_adds_brands_and_replaces_domains():
    policies = read_policy(
        OWN
        + KESTREL
        + '[tenant.a]\nown_domains = ["a.org"]\n'
        + '[[tenant.a.brands]]\nname = "kestrel"\nphrases = ["k m"]\ndomains = []\n'
        + '[[tenant.a.brands]]\nname = "New"\nphrases = ["new name"]\ndomains = []\n'
    )
    tenant = policies.for_tenant("a")

    assert tenant.own_domains == ("a.org",)
    assert tenant.brands == (OwnBrand("kestrel", ("k m",)), OwnBrand("New", ("new name",)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'own_domains = ["mail.brookvale.org"]',
            '1:15: own_domains: "mail.brookvale.org" given, allowed: domains as registered, in',
        ),
        ("own_domains = 'brookvale.org'", '1:15: own_domains: "brookvale.org" given, allowed'),
        ("own_domain = []", "1:1: own_domain: unknown key; did you mean own_domains?"),
        ("[brands]\nname = 'x'", "1:1: brands: a table given, allowed: tables [[brands]]"),
        ("[[brands]]\nname = 'X'", "1:1: brands[0]: missing: phrases, domains"),
        ("[[brands]]\nname = 'PayPal'", "1:1: brands[0]: missing: domains"),
        (
            BRAND + "domains = []\nambiguous = ['osprey']",
            '5:13: brands[0].ambiguous: "osprey" given, allowed: phrases of this brand',
        ),
        (
            BRAND + "domains = []\n" + BRAND + "domains = []",
            '6:1: brands[1].name: "Kestrel" is also the name of the brand in line 1',
        ),
        (
            "[[brands]]\nname = 'X'\nphrases = ['one two three four five six']\ndomains = []",
            '3:11: brands[0].phrases: "one two three four five six" given, allowed: texts of one',
        ),
    ],
)
def test_mistakes_are_named_with_their_place(text, problem):
    with pytest.raises(PolicyError) as caught:
        read_policy(text, "my.toml")

    assert any(line.startswith(f"my.toml:{problem}") for line in str(caught.value).splitlines()), (
        caught.value
    )
