"""ARC chains (RFC 8617), by dkimpy on what has been split and bounded before."""

import asyncio
from concurrent.futures import Executor
from typing import NamedTuple

import dkim  # type: ignore[import-untyped]  # no types

from apps.hook.verifying.body_hashes import ChainChecker
from apps.hook.verifying.key_records import Key, fetch_key
from apps.hook.verifying.resolver import Resolver
from apps.hook.verifying.signatures import read_tags, usable_tags
from apps.hook.verifying.splitting import Split, longest_blank_run
from features.authentication_results import Result
from features.domains import to_ascii

__all__ = ["Chain", "check_chain"]

_FIELDS = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
_MOST_SETS = 10  # RFC 8617, 4.2.1 allows 50; each costs two keys and two signatures
_LONGEST_FIELD = 16_384
_LONGEST_RUN = 100


class Chain(NamedTuple):
    """The chain's result, and d= of the newest seal where it passes."""

    result: Result
    sealer: str = ""


async def check_chain(message: Split, resolver: Resolver, executor: Executor) -> Chain:
    """Check a chain of at most ten sets: all seals, and the newest signature over the message.

    `missing` for a longer one.
    """
    seals = [read_tags(value) for value in message.all(b"arc-seal")]
    signatures = [read_tags(value) for value in message.all(b"arc-message-signature")]
    if not seals and not signatures:
        return Chain("none")
    if max(len(seals), len(signatures)) > _MOST_SETS:
        return Chain("missing")
    if not (
        _sound(message)
        and all(usable_tags(tags) for tags in signatures)
        and all(tags.get(b"d") and tags.get(b"s") for tags in seals)
    ):
        return Chain("fail")
    names = list(dict.fromkeys((tags[b"d"], tags[b"s"]) for tags in (*seals, *signatures)))
    fetched = await asyncio.gather(*(_fetch(*name, resolver) for name in names))
    if "temperror" in fetched:
        return Chain("temperror")
    keys = {
        selector + b"._domainkey." + domain + b".": key.record
        for (domain, selector), key in zip(names, fetched, strict=True)
        if isinstance(key, Key)
    }
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(executor, _verify, message, keys)


async def _fetch(domain: bytes, selector: bytes, resolver: Resolver) -> Key | str:
    return await fetch_key(
        domain.decode("utf-8", "replace").lower(), selector.decode("utf-8", "replace"), resolver
    )


def _sound(message: Split) -> bool:
    if message.broken:
        return False
    return all(
        len(value) <= _LONGEST_FIELD and longest_blank_run(value) <= _LONGEST_RUN
        for name in _FIELDS
        for value in message.all(name)
    )


def _verify(message: Split, keys: dict[bytes, bytes]) -> Chain:
    # dkimpy finds a field of a set by " i="; the blank before it says nothing in relaxed form.
    fields = [
        (name, b" " + value.lstrip(b" \t") if name.lower() in _FIELDS else value)
        for name, value in message.fields
    ]
    checker = ChainChecker(fields, message.hashes)
    try:
        result, sets, _ = checker.verify(dnsfunc=lambda name, **_: keys.get(name))
    except Exception:  # noqa: BLE001 - whatever a hostile chain breaks is the chain's fault
        return Chain("fail")
    if result != dkim.CV_Pass:
        return Chain("fail")
    return Chain("pass", to_ascii(sets[0]["as-domain"].decode("utf-8", "replace").lower()))
