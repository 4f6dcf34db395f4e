"""A policy that says what the lists know better is told so."""

import pytest

from detectors.contradictions import policy_contradictions, shipped_contradictions
from detectors.policy_file import read_policy, shipped_policy

BRAND = '[[brands]]\nname = "Kestrel"\nphrases = ["{}"]\ndomains = ["{}"]\n'
ENTRY = '[[{}]]\n{} = "{}"\nreason = "x"\n'


def found(text):
    return policy_contradictions(read_policy(text).default)


def test_the_shipped_files_do_not_contradict_each_other():
    assert shipped_contradictions() == []
    assert policy_contradictions(shipped_policy().default) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            'own_domains = ["gmail.com"]',
            "own_domains: gmail.com is a free mail provider's: anyone may have an address there",
        ),
        ('own_domains = ["kestrel.web.app"]', "is a host where anyone gets a page"),
        ('own_domains = ["tinyurl.com"]', "is a URL shortener"),
        ('own_domains = ["sendgrid.net"]', "is a mail service's click host"),
        ('own_domains = ["mailinator.com"]', "anyone may have an address there"),
        ('own_domains = ["paypal.com"]', "is PayPal's, a brand of the shipped table"),
        (BRAND.format("kestrel", "weebly.com"), "brands (Kestrel): weebly.com is a host"),
        (BRAND.format("PayPal", "kestrel.org"), '"PayPal" means PayPal as shipped'),
        (BRAND.format("my account", "kestrel.org"), "is made of generic words only"),
        (ENTRY.format("allow", "domain", "gmail.com"), "allow: gmail.com is a free mail"),
        (
            'own_domains = ["brookvale.org"]\n' + ENTRY.format("deny", "domain", "brookvale.org"),
            "deny: brookvale.org is your own domain",
        ),
    ],
)
def test_what_contradicts_is_named(text, line):
    assert any(line in said for said in found(text)), found(text)


def test_an_honest_policy_is_left_alone():
    text = (
        'own_domains = ["brookvale.org"]\n'
        + BRAND.format("kestrel metals", "kestrel-metals.com")
        + '[[brands]]\nname = "PayPal"\nphrases = ["paypal"]\ndomains = ["quarrybrook.net"]\n'
        + ENTRY.format("allow", "domain", "lowfield-garden.org")
    )

    assert found(text) == []
