"""A whole hook whose settings say that it verifies: what an MTA hears over the milter protocol."""

import asyncio

from apps.hook.addresses import parse_address
from apps.hook.probing.milter import tell_milter
from apps.hook.process import Hook
from streams.hook_sections import ApiSection, DnsSection, HookSection, MilterSection
from streams.keys import write_keys
from streams.sections import (
    IdentitySection,
    KafkaSection,
    PrivacySection,
    RedisSection,
)
from streams.settings import Settings


async def test_an_mta_hears_what_was_checked_with_kafka_and_redis_away(zone, signer, tmp_path):
    zone.txt("_dmarc.example.com", "v=DMARC1; p=reject")
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign(canonicalize=(b"simple", b"simple"))  # not a blank may get lost
    write_keys(tmp_path / "keys.toml")
    place = tmp_path / "milter.sock"
    settings = Settings(
        privacy=PrivacySection(keys_file=str(tmp_path / "keys.toml")),
        identity=IdentitySection(authserv_ids=("mx.here.test",)),
        kafka=KafkaSection(brokers=("127.0.0.1:1",)),
        redis=RedisSection(port=1),
        api=ApiSection(listen=()),
        milter=MilterSection(listen=(f"unix:{place}",)),
        hook=HookSection(verify=True),
        dns=DnsSection(servers=(f"127.0.0.1:{zone.port}",)),
    )
    working = asyncio.create_task(Hook(settings).run())
    try:
        async with asyncio.timeout(20):
            while not place.exists():  # noqa: ASYNC110 - a file has no event
                await asyncio.sleep(0.02)
            address = parse_address(f"unix:{place}", "test")
            recipients = ("bob@here.test",)
            heard = [
                await tell_milter(address, "ann@example.com", recipients, raw, 10)
                for raw in (signed, signed.replace(b"Monday", b"Sunday"))
            ]
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    good, bad = (dict(said.added)["Authentication-Results"].replace("\n", "") for said in heard)
    assert "dkim=pass header.d=example.com; dmarc=pass header.from=example.com" in good
    assert "dkim=fail" in bad
    assert "dmarc=pass" not in bad
