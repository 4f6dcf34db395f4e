"""DMARC's DNS tree walk (RFC 9989, 4.10): which record applies, and whose domain a name is."""

import asyncio
from typing import NamedTuple

from apps.hook.verifying.policy_records import PolicyRecord, parse_policies
from apps.hook.verifying.resolver import Resolver

__all__ = ["Walk", "names_walked", "organizational_domain", "policy_record", "walk"]

_MOST_ABOVE = 7  # labels of the longest name after the first


class Walk(NamedTuple):
    """A tree walk from `start`: the records that were found, from the longest name up."""

    start: str
    found: tuple[tuple[str, PolicyRecord], ...]


def names_walked(domain: str) -> list[str]:
    """Return the names that are asked in order, the domain first; never more than eight."""
    labels = domain.split(".")
    above = labels[1:][-_MOST_ABOVE:]
    return [domain, *(".".join(above[at:]) for at in range(len(above)))]


async def walk(domain: str, resolver: Resolver) -> Walk:
    """Walk from a domain up to its top level; raises UnansweredError where a step has no answer.

    All names are asked at once: the upper ones are nearly always kept already. What lies beyond
    a record that ends the walk (psd=n, or psd=y) doesn't count, whatever it says.
    """
    names = names_walked(domain)
    answers = await asyncio.gather(
        *(resolver.look_up(f"_dmarc.{name}", "TXT") for name in names), return_exceptions=True
    )
    found: list[tuple[str, PolicyRecord]] = []
    for name, answer in zip(names, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        record = parse_policies(answer.records)
        if record is None:
            continue
        found.append((name, record))
        if record.psd != "u":
            break
    return Walk(domain, tuple(found))


def organizational_domain(walked: Walk) -> str:
    """Return the organizational domain of the name that the walk started from (4.10.2).

    A record with psd=n ends the walk, so that it is the one with the fewest labels.
    """
    for name, record in walked.found:
        if record.psd == "y" and name != walked.start:
            below = walked.start.removesuffix(f".{name}").rpartition(".")[2]
            return f"{below}.{name}"
    return walked.found[-1][0] if walked.found else walked.start


def policy_record(walked: Walk) -> tuple[str, PolicyRecord] | None:
    """Return the record that applies, with its name (4.10.1).

    The author domain's own comes first, then the organizational domain's, then the suffix's.
    """
    records = dict(walked.found)
    organization = organizational_domain(walked)
    suffixes = [name for name, record in walked.found if record.psd == "y"]
    for name in (walked.start, organization, *suffixes):
        if name in records:
            return name, records[name]
    return None
