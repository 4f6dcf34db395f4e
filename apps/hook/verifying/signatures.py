"""DKIM signatures (RFC 6376, 8301, 8463), by dkimpy on what has been split and bounded before."""

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import Executor
from typing import NamedTuple

import dkim  # type: ignore[import-untyped]  # no types
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]  # no types

from apps.hook.verifying.body_hashes import SignatureChecker
from apps.hook.verifying.key_records import Key, fetch_key
from apps.hook.verifying.resolver import Resolver
from apps.hook.verifying.splitting import Split, longest_blank_run
from features.authentication_results import Result
from features.domains import to_ascii

__all__ = ["Checked", "Tags", "overall", "read_tags", "signature_checks", "usable_tags"]

Tags = dict[bytes, bytes]

_MOST_SIGNATURES = 8  # from the top; RFC 6376, 6.1 leaves the number to us
_LONGEST_FIELD = 8_192
_LONGEST_RUN = 100  # blanks; dkimpy's expressions take the square of it
_MOST_SIGNED = 200  # names of h=
_ALGORITHMS = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}  # RFC 8301, 3.1: never SHA-1
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9])?")
_ORDER: tuple[Result, ...] = ("pass", "temperror", "fail", "policy", "neutral", "permerror")


class Checked(NamedTuple):
    """One signature's result and the domain that signed (d=), lower-case, in letters of the DNS."""

    result: Result
    domain: str


def overall(signatures: list[Checked]) -> Result:
    """Return one word for all signatures: `pass` if any passes, `none` where there is none."""
    results = {signature.result for signature in signatures}
    return next((word for word in _ORDER if word in results), "none")


def signature_checks(
    message: Split, resolver: Resolver, executor: Executor
) -> list[Coroutine[None, None, Checked]]:
    """Return a check for each of the message's signatures, the topmost eight, in their order.

    Keys are looked up beside each other, the arithmetic is done in the executor. A signature on
    a part of the body only (l=) is `policy`: what comes behind is anybody's.
    """
    values = message.all(b"dkim-signature")[:_MOST_SIGNATURES]
    return [_check(message, index, value, resolver, executor) for index, value in enumerate(values)]


async def _check(
    message: Split, index: int, value: bytes, resolver: Resolver, executor: Executor
) -> Checked:
    tags = read_tags(value)
    domain = to_ascii(tags.get(b"d", b"").decode("utf-8", "replace").lower())
    if message.broken or tags.get(b"v") != b"1" or not usable_tags(tags):
        return Checked("permerror", domain if _HOST.fullmatch(domain) else "")
    selector = tags[b"s"].decode("utf-8", "replace")
    key = await fetch_key(domain, selector, resolver)
    if not isinstance(key, Key):
        return Checked(key, domain)
    if key.kind != _ALGORITHMS[tags[b"a"]] or (key.strict and not _same_identity(tags)):
        return Checked("permerror", domain)
    if b"l" in tags:
        return Checked("policy", domain)
    loop = asyncio.get_running_loop()
    result = await loop.run_in_executor(executor, _verify, message, index, key)
    # RFC 6376, 3.6.1: a signer who only tests isn't blamed.
    return Checked("neutral" if result == "fail" and key.testing else result, domain)


def read_tags(value: bytes) -> Tags:
    """Read a signature's tags; none of a field that is malformed, or too long to be looked at."""
    if len(value) > _LONGEST_FIELD or longest_blank_run(value) > _LONGEST_RUN:
        return {}
    try:
        tags: Tags = parse_tag_value(value)
    except InvalidTagValueList:
        return {}
    return tags


def usable_tags(tags: Tags) -> bool:
    """Tell whether a signature may be checked: all tags there, From signed, nothing out of bounds.

    For DKIM-Signature and ARC-Message-Signature alike.
    """
    if not all(tags.get(name) for name in (b"a", b"b", b"bh", b"d", b"h", b"s")):
        return False
    signed = [name.strip().lower() for name in tags[b"h"].split(b":")]
    return (
        tags[b"a"] in _ALGORITHMS
        and b"from" in signed
        and len(signed) <= _MOST_SIGNED
        and _HOST.fullmatch(to_ascii(tags[b"d"].decode("utf-8", "replace").lower())) is not None
    )


def _same_identity(tags: Tags) -> bool:
    """Tell whether i= names d= itself, as a key with t=s wants."""
    identity = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2]
    return identity.lower() == tags[b"d"].lower()


def _verify(message: Split, index: int, key: Key) -> Result:
    checker = SignatureChecker(message.fields, message.hashes)
    try:
        passed = checker.verify(index, dnsfunc=lambda *_, **__: key.record)
    except dkim.ValidationError:  # also of what is expired, or signed in the future
        return "fail"
    except Exception:  # noqa: BLE001 - whatever a hostile signature breaks is the signature's fault
        return "permerror"
    return "pass" if passed else "fail"
