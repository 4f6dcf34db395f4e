import pytest


@pytest.fixture
def overrides(judge_with):
    """Judge a message under list entries and return what they decided."""

    def run(text, **fields):
        verdict = judge_with(text, **fields)
        return [(o.name, o.action) for o in verdict.overrides]

    return run


def entry(kind, **values):
    lines = [f"{key} = {value}" for key, value in {"reason": "'why'", **values}.items()]
    return f"[[{kind}]]\n" + "\n".join(lines) + "\n"


def test_a_domain_is_allowed_only_where_it_is_proven(overrides, proven):
    text = entry("allow", domain="'example.com'")
    assert overrides(text) == []
    assert overrides(text, facts=proven("evil.example.net")) == []
    assert overrides(text, facts=proven("mail.shop.example.com")) == [
        ("allow:domain:example.com", "accept")
    ]


def test_a_domain_that_only_ends_alike_does_not_match(overrides, proven):
    text = entry("allow", domain="'shop.example.com'")
    assert overrides(text, facts=proven("badshop.example.com")) == []


def test_an_address_is_allowed_only_where_its_domain_is_proven(overrides, proven):
    text = entry("allow", address="'NEWS@mail.shop.example.com'")
    assert overrides(text) == []
    assert overrides(text, facts=proven("evil.example.net")) == []
    (name, action), *_ = overrides(text, facts=proven("example.com"))
    assert action == "accept"
    assert name.startswith("allow:address:t1:")
    assert "news" not in name.lower()


def test_a_domain_is_denied_whoever_claims_it(overrides):
    named = [("deny:domain:example.com", "reject")]
    assert overrides(entry("deny", domain="'example.com'")) == named
    assert (
        overrides(
            entry("deny", domain="'example.com'"),
            raw=b"From: a@other.example\n\nx",
            mail_from="b@EXAMPLE.com",
        )
        == named
    )
    assert overrides(entry("deny", domain="'example.net'")) == []


def test_links_addresses_and_content_can_be_denied(overrides, judge_with):
    (name, _), *_ = overrides(entry("deny", address="'Bounce@mail.shop.example.com'"))
    assert name.startswith("deny:address:t1:")
    assert overrides(entry("deny", url_domain="'Example.net'", action="'quarantine'")) == [
        ("deny:url_domain:Example.net", "quarantine")
    ]
    content = judge_with().fingerprint
    assert overrides(entry("deny", fingerprint=f"'{content}'")) == [
        (f"deny:fingerprint:{content}", "reject")
    ]


@pytest.mark.parametrize(
    ("network", "matches"),
    [
        ("192.0.2.0/24", True),
        ("192.0.2.7", True),
        ("0.0.0.0/0", True),
        ("192.0.3.0/24", False),
        ("::/0", False),
    ],
)
def test_networks_match_the_client(overrides, network, matches):
    assert bool(overrides(entry("allow", network=f"'{network}'"))) == matches


def test_behind_a_relay_of_ours_the_network_is_the_real_clients(overrides, client):
    text = entry("deny", network="'192.0.2.0/24'")
    assert overrides(text, client=client("10.0.0.9")) == [("deny:network:192.0.2.0/24", "reject")]
    assert overrides(text, client=client("203.0.113.1")) == []


def test_an_entry_expires_against_the_time_of_receipt(overrides, at):
    text = entry("deny", domain="'example.com'", expires="2025-12-31")
    assert overrides(text, received_at=at("2025-12-31T23:59:59.999999+00:00"))
    assert not overrides(text, received_at=at("2026-01-01T00:00:00+00:00"))
    assert overrides(text, received_at=at("2026-01-01T00:30:00+01:00"))


def test_what_matches_comes_in_the_files_order_and_deny_before_allow(overrides, proven):
    text = (
        entry("allow", domain="'example.com'")
        + entry("deny", url_domain="'example.net'", action="'quarantine'")
        + entry("deny", domain="'example.com'")
    )
    assert [name for name, _ in overrides(text, facts=proven("example.com"))] == [
        "deny:url_domain:example.net",
        "deny:domain:example.com",
        "allow:domain:example.com",
    ]


@pytest.mark.parametrize(
    "from_",
    [
        b"From: news@mail.shop.example.com\nFrom: thief@example.com",
        b"From: thief@example.com, <news@mail.shop.example.com>",
        b"From: <thief@example.com> <news@mail.shop.example.com>",
    ],
)
def test_an_address_is_not_allowed_where_from_names_several(overrides, proven, from_):
    """Proven is one of them, by its domain: an added field needs no signature."""
    text = entry("allow", address="'news@mail.shop.example.com'")
    assert overrides(text, raw=from_ + b"\n\nx", facts=proven("example.com")) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"raw": "From: a@b\u00fccher.example\n\nx".encode()},
        {"raw": b"From: a@XN--bcher-kva.example.\n\nx"},
        {"mail_from": "a@b\u00fccher.example"},
        {"mail_from": "<a@xn--bcher-kva.example.>"},
    ],
)
def test_a_denied_domain_matches_however_it_is_written(overrides, fields):
    text = entry("deny", domain="'xn--bcher-kva.example'")
    assert overrides(text, **fields) == [("deny:domain:xn--bcher-kva.example", "reject")]
