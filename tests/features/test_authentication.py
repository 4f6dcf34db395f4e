"""Who is proven, by whom, and whose word counts."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from features.authentication import read_authentication
from features.authentication_results import parse_authentication_results
from features.context import Context, Limits
from features.envelope import Client, Envelope, Fact
from features.headers import read_headers
from features.message import parse

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OURS = Context(authserv_ids=frozenset({"mx.example.com"}), upstream_verifies=True)
FROM = b"From: Ada <ada@news.example.org>\n"
OUTSIDE = b"Received: from out (out.example.org [93.184.216.34]) by mx.example.com; x\n"


def read(raw, context=OURS, facts=(), **envelope):
    given = {name: Fact(value) for name, value in dict(facts).items()}
    made = Envelope(id="1", received_at=NOW, facts=given, **envelope)
    message = parse(raw + b"\n", Limits())
    return read_authentication(read_headers(message, made, context), message, made, context)


def results(text):
    return b"Authentication-Results: " + text + b"\n"


def test_nobody_looked_is_missing_and_not_a_failure():
    found = read(FROM)

    assert (found.spf, found.dkim, found.dmarc, found.arc) == ("missing",) * 4
    assert found.aligned is None
    assert (found.proven, found.proven_by, found.source) == ("", "", "")


def test_facts_of_the_edge_are_believed():
    found = read(
        FROM,
        facts={"spf": "pass", "dkim": "PASS", "dkim.domains": "esp.example.net example.org",
               "dmarc": "pass", "spf.domain": "bounce.example.net"},
    )  # fmt: skip

    assert (found.spf, found.dkim, found.dmarc, found.source) == ("pass", "pass", "pass", "facts")
    assert found.dkim_domains == ("esp.example.net", "example.org")
    assert (found.proven, found.proven_by, found.aligned) == ("example.org", "dkim", True)


def test_facts_go_before_headers():
    found = read(results(b"mx.example.com; spf=pass") + OUTSIDE + FROM, facts={"spf": "fail"})

    assert (found.spf, found.source) == ("fail", "facts")


@pytest.mark.parametrize(
    ("envelope", "domain"),
    [
        ({"mail_from": "x@bounce.example.org"}, "bounce.example.org"),
        ({"mail_from": "", "client": Client(helo="Helo.Example.org")}, "helo.example.org"),
    ],
)
def test_spf_proves_mail_from_or_for_the_null_sender_helo(envelope, domain):
    found = read(FROM, facts={"spf": "pass"}, **envelope)

    assert (found.spf_domain, found.proven, found.proven_by) == (domain, domain, "spf")
    assert found.aligned is True


def test_a_failing_method_proves_nothing():
    found = read(
        FROM,
        facts={"spf": "softfail", "dkim": "fail", "dkim.domains": "example.org"},
        mail_from="x@example.org",
    )

    assert (found.proven, found.spf_domain, found.dkim_domains) == ("", "", ())
    assert found.aligned is False


@pytest.mark.parametrize(
    ("facts", "proven", "by", "aligned"),
    [
        ({"dkim": "pass", "dkim.domains": "other.net", "spf": "pass", "spf.domain": "example.org"},
         "example.org", "spf", True),
        ({"dkim": "pass", "dkim.domains": "other.net", "spf": "pass", "spf.domain": "third.net"},
         "other.net", "dkim", False),
        ({"spf": "pass", "spf.domain": "third.net"}, "third.net", "spf", False),
        ({"dkim": "pass", "dkim.domains": "org"}, "org", "dkim", False),
    ],
)  # fmt: skip
def test_aligned_goes_before_unaligned_and_dkim_before_spf(facts, proven, by, aligned):
    found = read(FROM, facts=facts)

    assert (found.proven, found.proven_by, found.aligned) == (proven, by, aligned)


def test_tenants_of_a_shared_suffix_are_not_aligned():
    found = read(
        b"From: a@victim.github.io\n", facts={"dkim": "pass", "dkim.domains": "evil.github.io"}
    )

    assert found.aligned is False


def test_our_verifier_s_header_above_our_received_is_believed():
    found = read(
        results(
            b"MX.example.com (weir); spf=pass (sender SPF) smtp.mailfrom=x@example.org;\n"
            b"\tdkim=fail header.d=bad.example; dkim=pass header.i=@example.org; dmarc=pass"
        )
        + OUTSIDE
        + FROM
    )

    assert (found.spf, found.dkim, found.dmarc, found.source) == ("pass", "pass", "pass", "header")
    assert found.spf_domain == "example.org"
    assert found.dkim_domains == ("example.org",)
    assert found.forged == 0


def test_a_header_right_below_our_received_is_believed_where_none_stands_above():
    found = read(OUTSIDE + results(b"mx.example.com; spf=fail") + FROM)

    assert (found.spf, found.forged) == ("fail", 0)


def test_what_the_sender_wrote_below_is_a_forgery():
    found = read(
        results(b"mx.example.com; spf=fail")
        + OUTSIDE
        + results(b"mx.example.com; spf=pass; dmarc=pass")
        + FROM
    )

    assert (found.spf, found.dmarc, found.forged) == ("fail", "missing", 1)


def test_a_header_below_other_fields_of_the_sender_is_a_forgery():
    found = read(OUTSIDE + FROM + results(b"mx.example.com; spf=pass"))

    assert (found.spf, found.source, found.forged) == ("missing", "", 1)


def test_relays_of_ours_stand_above_the_edge():
    relay = b"Received: from mx (mx.example.com [10.0.0.7]) by store.example.com; x\n"
    local = b"Received: from localhost (localhost [127.0.0.1]) by mx.example.com; x\n"
    raw = local + relay + results(b"mx.example.com; spf=pass") + OUTSIDE + FROM
    inside = Context(
        authserv_ids=OURS.authserv_ids,
        upstream_verifies=True,
        trusted_relays=(ip_network("10.0.0.0/8"),),
    )

    assert read(raw, context=inside).spf == "pass"


def test_our_name_is_a_forgery_where_no_verifier_of_ours_writes():
    context = Context(authserv_ids=frozenset({"mx.example.com"}))
    found = read(results(b"mx.example.com; spf=pass") + OUTSIDE + FROM, context=context)

    assert (found.spf, found.forged) == ("missing", 1)


def test_another_s_name_is_neither_believed_nor_a_forgery():
    found = read(results(b"mx.elsewhere.net; spf=pass") + OUTSIDE + FROM)

    assert (found.spf, found.forged) == ("missing", 0)


def test_of_two_statements_on_a_method_the_topmost_counts():
    found = read(
        results(b"mx.example.com; dmarc=fail")
        + results(b"mx.example.com; dmarc=pass; spf=neutral")
        + OUTSIDE
        + FROM
    )

    assert (found.dmarc, found.spf) == ("fail", "neutral")


@pytest.mark.parametrize(
    ("trusted", "sealer"), [({"lists.example.net"}, "lists.example.net"), (set(), "")]
)
def test_the_newest_sealer_counts_if_it_is_trusted_and_the_chain_passes(trusted, sealer):
    context = Context(
        authserv_ids=OURS.authserv_ids, upstream_verifies=True, trusted_sealers=frozenset(trusted)
    )
    seals = (
        b"ARC-Seal: i=2; a=rsa-sha256; d=Lists.example.net; cv=pass; b=x\n"
        b"ARC-Seal: i=1; a=rsa-sha256; d=first.example; b=x\nARC-Seal: i=x; d=evil.example\n"
    )
    passed = read(results(b"mx.example.com; arc=pass") + OUTSIDE + seals + FROM, context=context)
    failed = read(results(b"mx.example.com; arc=fail") + OUTSIDE + seals + FROM, context=context)

    assert (passed.arc, passed.arc_sealer) == ("pass", sealer)
    assert (failed.arc, failed.arc_sealer) == ("fail", "")


@pytest.mark.parametrize(
    ("value", "identifier", "found"),
    [
        ("mx.example.com 1; none", "mx.example.com", []),
        ("mx; spf = pass", "mx", [("spf", "pass")]),
        ("mx; dkim/1=pass (a; (nested) \\) b) header.d=x", "mx", [("dkim", "pass")]),
        ('mx; dkim=fail reason="a; spf=pass"', "mx", [("dkim", "fail")]),
        ("mx; spf=hardfail; dmarc=bestguesspass", "mx", [("spf", "fail"), ("dmarc", "neutral")]),
        ("mx; spf=wonderful", "mx", [("spf", "missing")]),
        ("mx; (spf=pass", "mx", []),
        ("", "", []),
        (";;;", "", []),
    ],
)
def test_results_fields_are_read_leniently(value, identifier, found):
    name, results_ = parse_authentication_results(value)

    assert name == identifier
    assert [(result.method, result.result) for result in results_] == found
