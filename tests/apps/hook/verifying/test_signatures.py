import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.hook.verifying.signatures import Checked, overall, signature_checks
from apps.hook.verifying.splitting import split_message
from tests.apps.hook.verifying.signers import MESSAGE, Ed25519Signer, Signer


@pytest.fixture
def check(resolver):
    threads = ThreadPoolExecutor(1)

    async def checked(raw):
        checks = signature_checks(split_message(raw), resolver, threads)
        return list(await asyncio.gather(*checks))

    yield checked
    threads.shutdown()


@pytest.mark.parametrize("head", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"simple", b"relaxed"])
async def test_a_signature_passes_in_each_canonical_form(zone, signer, check, head, body):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign(canonicalize=(head, body))
    assert await check(signed) == [Checked("pass", "example.com")]


async def test_line_ends_do_not_matter(zone, signer, check):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign().replace(b"\r\n", b"\n")
    assert await check(signed) == [Checked("pass", "example.com")]


async def test_an_ed25519_signature_passes(zone, check):
    signer = Ed25519Signer("example.com", "ed")
    zone.txt(signer.key_name, signer.record)
    assert await check(signer.sign()) == [Checked("pass", "example.com")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"minutes of Monday", b"minutes of Sunday"),
        (b"are the minutes", b"are the accounts"),
        (
            b"From: Ann <ann@example.com>\r\n",
            b"From: Eve <e@evil.test>\r\nFrom: <ann@example.com>\r\n",
        ),
    ],
)
async def test_what_was_changed_after_signing_fails(zone, signer, check, before, after):
    zone.txt(signer.key_name, signer.record)
    assert (await check(signer.sign().replace(before, after)))[0].result == "fail"


async def test_each_of_several_signatures_counts_by_itself(zone, signer, other_signer, check):
    zone.txt(signer.key_name, signer.record)
    zone.txt(other_signer.key_name, other_signer.record)
    signed = other_signer.sign(signer.sign())
    assert await check(signed) == [Checked("pass", "list.test"), Checked("pass", "example.com")]
    spoilt = signed.replace(b"d=list.test", b"d=list2.test")
    assert await check(spoilt) == [
        Checked("permerror", "list2.test"),
        Checked("pass", "example.com"),
    ]


async def test_a_key_that_is_not_there_is_a_permanent_error(signer, check):
    assert (await check(signer.sign()))[0].result == "permerror"


async def test_a_key_that_nobody_can_ask_for_is_a_temporary_error(zone, signer, check):
    zone.faults[signer.key_name] = "servfail"
    assert (await check(signer.sign()))[0].result == "temperror"


async def test_a_signature_on_a_part_of_the_body_proves_nothing(zone, signer, check):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign(length=True) + b"and this is from somebody else\r\n"
    assert (await check(signed))[0].result == "policy"


async def test_sha1_is_not_taken(zone, signer, check):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign(signature_algorithm=b"rsa-sha1")
    assert (await check(signed))[0].result == "permerror"


async def test_from_must_be_signed(zone, signer, check):
    zone.txt(signer.key_name, signer.record)
    signed = re.sub(rb"h=[^;]*;", b"h=to : subject : date;", signer.sign())
    assert (await check(signed))[0].result == "permerror"


async def test_a_signer_who_tests_is_not_blamed(zone, signer, check):
    zone.txt(signer.key_name, signer.record + "; t=y")
    assert (await check(signer.sign()))[0].result == "pass"
    assert (await check(signer.sign().replace(b"Monday", b"Sunday")))[0].result == "neutral"


async def test_a_key_for_the_domain_itself_signs_for_no_subdomain(zone, signer, check):
    zone.txt(signer.key_name, signer.record + "; t=s")
    assert (await check(signer.sign()))[0].result == "pass"
    signed = signer.sign(identity=b"@news.example.com")
    assert (await check(signed))[0].result == "permerror"


async def test_only_the_topmost_eight_signatures_are_looked_at(zone, signer, check):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign()
    field = signed[: len(signed) - len(MESSAGE)]
    assert len(await check(field * 30 + MESSAGE)) == 8


async def test_no_signature_is_worth_anything_where_readers_disagree_on_the_header(
    zone, signer, check
):
    zone.txt(signer.key_name, signer.record)
    signed = signer.sign().replace(b"Subject:", b"this is no field\r\nSubject:")
    assert (await check(signed))[0].result == "permerror"


async def test_the_smallest_key_that_counts_has_1024_bits(zone, check):
    signer = Signer("example.com", "weak", bits=1_024)
    zone.txt(signer.key_name, signer.record)
    assert (await check(signer.sign()))[0].result == "pass"


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([], "none"),
        (["fail", "pass"], "pass"),
        (["fail", "temperror"], "temperror"),
        (["permerror", "fail"], "fail"),
        (["permerror", "policy"], "policy"),
    ],
)
def test_one_word_stands_for_all_signatures(results, word):
    assert overall([Checked(result, "a.test") for result in results]) == word
