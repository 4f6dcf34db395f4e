import asyncio
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from apps.hook.verifying.verifier import Verifier
from features.authentication import read_authentication
from features.context import Context
from features.envelope import Client, Envelope, Truncated
from features.headers import read_headers
from features.message import parse
from streams.settings import Settings, SettingsError, load
from tests.apps.hook.verifying.signers import MESSAGE

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CLIENT = Client(ip="203.0.114.7", helo="mx.example.com")


def envelope(**changes):
    fields = {"client": CLIENT, "mail_from": "ann@example.com"} | changes
    return Envelope(id="1", received_at=NOW, **fields)


@pytest.fixture
async def verifier(resolver):
    relays = [ip_network("10.0.0.0/8")]
    made = Verifier(resolver, relays, ("bl.test",), budget=5.0)
    yield made
    await made.close()


@pytest.fixture
def look_up(verifier):
    async def looked_up(raw, seconds=5.0, **changes):
        deadline = asyncio.get_running_loop().time() + seconds
        facts = await verifier.facts(envelope(**changes), raw, deadline)
        assert all(fact.source == "hook" and fact.at.tzinfo is UTC for fact in facts.values())
        return {name: fact.value for name, fact in facts.items()}

    return looked_up


@pytest.fixture
def published(zone, signer, other_signer):
    zone.txt("example.com", "v=spf1 ip4:203.0.114.7 -all")
    zone.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    for one in (signer, other_signer):
        zone.txt(one.key_name, one.record)
    return zone


async def test_a_message_has_all_its_facts(published, signer, other_signer, look_up):
    published.records["7.114.0.203.bl.test", "A"] = ["127.0.0.2"]
    raw = signer.seal(other_signer.sign(signer.sign()))
    assert await look_up(raw) == {
        "spf": "pass",
        "spf.domain": "example.com",
        "dkim": "pass",
        "dkim.domains": "list.test example.com",
        "dmarc": "pass",
        "dmarc.domain": "example.com",
        "dmarc.policy": "reject",
        "arc": "pass",
        "arc.sealer": "example.com",
        "dnsbl.bl.test": "127.0.0.2",
    }


async def test_a_forged_sender_fails(published, look_up):
    facts = await look_up(MESSAGE, client=Client(ip="198.51.100.1", helo="x"))
    assert facts == {
        "spf": "fail",
        "spf.domain": "example.com",
        "dkim": "none",
        "dmarc": "fail",
        "dmarc.domain": "example.com",
        "dmarc.policy": "reject",
        "arc": "none",
    }


async def test_the_core_believes_the_facts_and_not_a_header_s_words(published, signer, verifier):
    forged = b"Authentication-Results: us.test; spf=pass smtp.mailfrom=evil.test; dmarc=pass\r\n"
    context = Context(
        authserv_ids=frozenset({"us.test"}),
        upstream_verifies=True,
        trusted_sealers=frozenset({"example.com"}),
    )

    async def judged(raw, client):
        facts = await verifier.facts(envelope(client=client), raw, 1e9)
        known = envelope(client=client, facts=facts)
        message = parse(raw, context.limits)
        headers = read_headers(message, known, context)
        return read_authentication(headers, message, known, context)

    good = await judged(forged + signer.seal(signer.sign()), CLIENT)
    assert (good.source, good.spf, good.dkim, good.dmarc, good.arc) == ("facts",) + ("pass",) * 4
    assert (good.proven, good.proven_by, good.aligned) == ("example.com", "dkim", True)
    assert (good.spf_domain, good.arc_sealer) == ("example.com", "example.com")
    bad = await judged(forged + MESSAGE, Client(ip="198.51.100.1"))
    assert (bad.spf, bad.dmarc, bad.proven, bad.aligned) == ("fail", "fail", "", False)


async def test_a_fact_that_is_late_is_missing_and_the_others_are_there(published, signer, look_up):
    published.faults[signer.key_name] = "silent"
    published.faults["7.114.0.203.bl.test"] = "silent"
    facts = await look_up(signer.sign(), seconds=1.5)
    # SPF's domain is the author's, so that DMARC needn't wait for the key.
    assert {name: facts[name] for name in ("spf", "dmarc", "arc")} == {
        "spf": "pass",
        "dmarc": "pass",
        "arc": "none",
    }
    assert "dkim" not in facts
    assert "dnsbl.bl.test" not in facts


async def test_a_signature_whose_key_is_late_takes_nothing_from_another(
    published, signer, other_signer, look_up
):
    published.faults[other_signer.key_name] = "silent"
    facts = await look_up(other_signer.sign(signer.sign()), seconds=1.5)
    assert (facts["dkim"], facts["dkim.domains"]) == ("pass", "example.com")


async def test_a_proof_is_enough_for_dmarc_whatever_else_is_late(
    published, signer, other_signer, look_up
):
    published.faults["example.com"] = "silent"
    published.faults[other_signer.key_name] = "silent"
    facts = await look_up(other_signer.sign(signer.sign()), seconds=1.5)
    assert "spf" not in facts
    assert (facts["dkim"], facts["dmarc"]) == ("pass", "pass")


async def test_a_signature_proves_where_the_client_is_unknown(published, signer, look_up):
    assert (await look_up(signer.sign(), client=Client()))["dmarc"] == "pass"


async def test_the_budget_holds_where_the_deadline_is_far(published, resolver):
    published.delays["example.com"] = 20.0
    verifier = Verifier(resolver, (), (), budget=1.0)
    async with asyncio.timeout(10):
        facts = await verifier.facts(envelope(), MESSAGE, asyncio.get_running_loop().time() + 60)
    await verifier.close()
    assert "spf" not in facts
    assert facts["dkim"].value == "none"


async def test_a_deadline_that_has_passed_gives_no_facts_and_no_error(published, look_up):
    assert await look_up(MESSAGE, seconds=-1.0) == {}


async def test_outbound_mail_has_no_facts(published, look_up):
    assert await look_up(MESSAGE, direction="outbound") == {}
    assert await look_up(MESSAGE, user="ann") == {}
    assert not published.asked


async def test_nothing_is_said_of_an_unknown_client_s_spf(published, look_up):
    for unknown in ({"client": Client()}, {"client": Client(ip="garbage")}, {"mail_from": None}):
        facts = await look_up(MESSAGE, **unknown)
        assert not {"spf", "dmarc"} & facts.keys()
        assert facts["dmarc.policy"] == "reject"


async def test_behind_a_relay_of_ours_the_client_is_whom_it_names(published, look_up):
    received = (
        b"Received: by inner.us.test; Sun, 22 Nov 2026 10:00:02 +0000\r\n"
        b"Received: from edge.us.test (edge.us.test [10.0.0.9]) by inner.us.test\r\n"
        b"Received: from mx.example.com (mx.example.com [203.0.114.7]) by edge.us.test\r\n"
        b"Received: from liar (liar [198.51.100.1]) by mx.example.com\r\n"
    )
    relay = Client(ip="10.0.0.1", helo="inner.us.test")
    assert (await look_up(received + MESSAGE, client=relay))["spf"] == "pass"
    assert "spf" not in await look_up(MESSAGE, client=relay)
    published.txt("mx.example.com", "v=spf1 ip4:203.0.114.7 -all")
    bounce = await look_up(received + MESSAGE, client=relay, mail_from="")
    assert (bounce["spf"], bounce["spf.domain"]) == ("pass", "mx.example.com")


async def test_of_a_message_that_was_cut_no_signature_is_checked(published, signer, look_up):
    facts = await look_up(signer.sign(), truncated=Truncated(size=10_000_000))
    assert facts["spf"] == "pass"
    assert not {"dkim", "arc", "dmarc"} & facts.keys()


async def test_a_server_that_fails_gives_temporary_errors(published, signer, look_up):
    for name in ("example.com", "_dmarc.example.com", signer.key_name):
        published.faults[name] = "servfail"
    facts = await look_up(signer.sign())
    assert (facts["spf"], facts["dkim"], facts["dmarc"]) == ("temperror",) * 3


async def test_a_hundred_messages_at_once_have_their_own_facts(published, signer, look_up):
    forged = signer.sign().replace(b"Monday", b"Sunday")
    said = await asyncio.gather(*(look_up((signer.sign(), forged)[n % 2]) for n in range(100)))
    assert [facts["dkim"] for facts in said] == ["pass", "fail"] * 50
    assert published.asked[signer.key_name, "TXT"] == 1


async def test_messages_beyond_the_bound_go_without_facts_at_once(published, look_up):
    published.delays["example.com"] = 0.2
    said = await asyncio.gather(*(look_up(MESSAGE) for _ in range(110)))
    assert [bool(facts) for facts in said] == [True] * 100 + [False] * 10
    assert await look_up(MESSAGE)


async def test_a_verifier_is_made_of_the_settings(published, tmp_path):
    path = tmp_path / "weir.toml"
    path.write_text(f'[dns]\nservers = ["127.0.0.1:{published.port}"]\nblocklists = ["bl.test"]\n')
    verifier = Verifier.of(load(path, {}))
    facts = await verifier.facts(envelope(), MESSAGE, 1e9)
    assert facts["spf"].value == "pass"
    assert facts["dnsbl.bl.test"].value is False
    await verifier.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("servers", "dns.test"),
        ("servers", "127.0.0.1:0"),
        ("servers", "127.0.0.1:99999"),
        ("servers", "[::1"),
        ("blocklists", "not a name"),
        ("blocklists", "http://bl.test"),
    ],
)
def test_a_server_or_list_that_can_be_none_is_named(tmp_path, key, value):
    path = tmp_path / "weir.toml"
    path.write_text(f'[dns]\n{key} = ["{value}"]\n')
    with pytest.raises(SettingsError, match=rf"dns\.{key} = .*allowed"):
        load(path, {})


@pytest.mark.parametrize("server", ["::1", "[::1]", "[::1]:5353", "127.0.0.1", "127.0.0.1:53"])
def test_addresses_of_both_families_are_taken(tmp_path, server):
    path = tmp_path / "weir.toml"
    path.write_text(f'[dns]\nservers = ["{server}"]\n')
    assert isinstance(load(path, {}), Settings)
