"""From a message and what the DNS says of it to what the MTA writes, through front and core."""

import pytest

from apps.hook.verifying.verifier import Verifier
from features.envelope import Client
from streams.sections import IdentitySection
from tests.apps.hook.verifying.signers import MESSAGE

SENDER = Client(ip="203.0.114.7", helo="mx.example.com")
FORGED = b"Authentication-Results: mx.here.test; dmarc=pass; dkim=pass header.d=example.com\r\n"


@pytest.fixture
async def check(zone, signer, resolver, front, core, mail):
    zone.txt("example.com", "v=spf1 ip4:203.0.114.7 -all")
    zone.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    zone.txt(signer.key_name, signer.record)
    verifier = Verifier(resolver, (), ("bl.test",), budget=5.0)
    ours = IdentitySection(authserv_ids=("mx.here.test",))
    when = "dmarc_policy == 'reject' && 'bl.test' in blocklists"
    rule = {"name": "listed", "when": when, "action": "quarantine", "reason": "a list"}
    rules = "[[rules]]\n" + "".join(f'{key} = "{value}"\n' for key, value in rule.items())
    made = front(decide=core(rules), look_up=verifier.facts, identity=ours)

    async def checked(raw, client):
        outcome = await made.check(mail(raw=raw, client=client, mail_from="ann@example.com"))
        (verdict,) = outcome.verdicts
        (field,) = [one for one in outcome.add if one.name == "Authentication-Results"]
        assert outcome.authserv_ids == ("mx.here.test",)
        return verdict, field.value.replace("\n", "")

    yield checked
    await verifier.close()


async def test_what_is_proven_is_written_and_known_to_rules(check, zone, signer):
    zone.records["7.114.0.203.bl.test", "A"] = ["127.0.0.2"]
    verdict, results = await check(signer.sign(), SENDER)
    assert results == (
        "mx.here.test; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com; "
        "dmarc=pass header.from=example.com; arc=none"
    )
    assert verdict.facts["dmarc.policy"].value == "reject"
    assert verdict.facts["dnsbl.bl.test"].value == "127.0.0.2"
    assert verdict.action == "quarantine"


async def test_a_forged_sender_with_forged_results_is_found_out(check):
    verdict, results = await check(FORGED + MESSAGE, Client(ip="198.51.100.1", helo="x"))
    assert results == (
        "mx.here.test; spf=fail smtp.mailfrom=example.com; dkim=none; "
        "dmarc=fail header.from=example.com; arc=none"
    )
    assert verdict.action != "quarantine"
