from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.hook.verifying.chains import Chain, check_chain
from apps.hook.verifying.splitting import split_message
from tests.apps.hook.verifying.signers import MESSAGE


@pytest.fixture
def check(zone, resolver, signer, other_signer):
    threads = ThreadPoolExecutor(1)
    zone.txt(signer.key_name, signer.record)
    zone.txt(other_signer.key_name, other_signer.record)

    async def checked(raw):
        return await check_chain(split_message(raw), resolver, threads)

    yield checked
    threads.shutdown()


async def test_a_message_that_nobody_sealed_has_no_chain(check):
    assert await check(MESSAGE) == Chain("none")


async def test_a_chain_passes_and_names_its_newest_sealer(signer, other_signer, check):
    once = signer.seal(MESSAGE)
    assert await check(once) == Chain("pass", "example.com")
    twice = other_signer.seal(once, b"arc=pass")
    assert await check(twice) == Chain("pass", "list.test")


async def test_blanks_after_a_field_s_name_do_not_matter(signer, check):
    sealed = signer.seal(MESSAGE).replace(b"Signature: i=", b"Signature:i=")
    assert await check(sealed) == Chain("pass", "example.com")


async def test_a_list_s_footer_breaks_the_old_seal_but_not_the_new_one(signer, other_signer, check):
    changed = signer.seal(MESSAGE) + b"-- \r\nThe list\r\n"
    assert (await check(changed)).result == "fail"
    assert await check(other_signer.seal(changed, b"arc=pass")) == Chain("pass", "list.test")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"minutes of Monday", b"minutes of Sunday"),
        (b"spf=pass", b"spf=fail"),
        (b"cv=none", b"cv=pass"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=2"),
        (b"ARC-Seal: i=1", b"X-Seal: i=1"),
        (b"d=example.com; s=s1", b"d=example.com; s=s9"),
    ],
)
async def test_what_was_changed_after_sealing_fails(signer, check, before, after):
    changed = signer.seal(MESSAGE).replace(before, after)
    assert changed != signer.seal(MESSAGE)
    assert await check(changed) == Chain("fail")


async def test_a_key_that_nobody_can_ask_for_leaves_it_open(zone, signer, check):
    zone.faults[signer.key_name] = "servfail"
    assert await check(signer.seal(MESSAGE)) == Chain("temperror")


async def test_more_sets_than_are_looked_at_leave_it_open(zone, signer, check):
    sealed = b"ARC-Seal: i=1; d=a.test; s=s\r\n" * 11 + MESSAGE
    assert await check(sealed) == Chain("missing")
    assert not zone.asked
