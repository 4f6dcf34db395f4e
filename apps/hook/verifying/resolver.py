"""Asynchronous DNS look-ups: one question at a time for a name, answers kept, failures too."""

import asyncio
from collections.abc import Sequence
from typing import Literal

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.resolver

from apps.hook.verifying.answers import Answer, Answers, Failure, Found
from streams.dns_servers import Server
from streams.settings import SettingsError

__all__ = ["Kind", "Resolver", "UnansweredError"]

Kind = Literal["TXT", "A", "AAAA", "MX", "PTR"]

_LONGEST_TTL = 3_600.0  # seconds; a sender who changes a record needn't wait a day for us
_LONGEST_NEGATIVE_TTL = 300.0  # RFC 2308, 5 allows more; a record that is put right counts soon
_SHORTEST_TTL = 5.0  # a TTL of 0 must not make us ask for each message of a burst
_FAILURE_TTL = 10.0  # RFC 2308, 7: a server that fails isn't asked for each message either
_IN_FLIGHT = 500  # questions that wait for an answer; what exceeds them fails at once
_MOST_RECORDS = 100
_LARGEST_ANSWER = 16_384  # characters of all records of an answer
_TRIES = 6  # a lost packet mustn't cost the whole time
_PAYLOAD = 1_232  # octets over UDP (DNS flag day 2020): no fragments


class UnansweredError(Exception):
    """Nobody could say: a server failure, silence, garbage, or too many questions at once."""


class Resolver:
    """Looks names up at recursive resolvers, all of whose answers are taken as hostile.

    `servers` empty takes those of the system. `timeout` (seconds) bounds a look-up with all its
    tries, over UDP and then, where an answer is truncated, TCP. `most` answers are kept. A look-up
    that its caller has given up goes on, so that the next one finds its answer. Raises
    SettingsError where there are no servers at all.
    """

    def __init__(self, servers: Sequence[Server] = (), *, timeout: float, most: int) -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        except dns.resolver.NoResolverConfiguration:
            raise SettingsError(
                "dns.servers is empty and the system names no resolver; allowed: addresses"
            ) from None
        if servers:
            self._resolver.nameservers = [
                dns.nameserver.Do53Nameserver(server.address, server.port) for server in servers
            ]
        self._resolver.timeout = timeout / _TRIES
        self._resolver.lifetime = timeout
        self._resolver.use_edns(0, 0, _PAYLOAD)
        self._answers = Answers(most)
        self._asked: dict[tuple[str, str], asyncio.Task[Found]] = {}

    async def look_up(self, name: str, kind: Kind) -> Answer:
        """Return what the DNS says; a name that can't be in it doesn't exist.

        Raises UnansweredError where nobody could say within the time.
        """
        key = (name.removesuffix(".").lower(), kind)
        loop = asyncio.get_running_loop()
        found = self._answers.get(key, loop.time())
        if found is None:
            question = _dns_name(key[0])
            if question is None:
                return Answer(exists=False)
            asked = self._asked.get(key)
            if asked is None:
                if len(self._asked) >= _IN_FLIGHT:
                    raise UnansweredError("too many questions at once")
                asked = loop.create_task(self._ask(key, question, kind))
                self._asked[key] = asked
                asked.add_done_callback(lambda _: self._asked.pop(key, None))
            found = await asyncio.shield(asked)
        if isinstance(found, Failure):
            raise UnansweredError(found.reason)
        return found

    async def close(self) -> None:
        """Give up the questions that still wait."""
        waiting = list(self._asked.values())
        for asked in waiting:
            asked.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _ask(self, key: tuple[str, str], question: dns.name.Name, kind: Kind) -> Found:
        found, ttl = await self._answer(question, kind)
        self._answers.put(key, found, asyncio.get_running_loop().time() + ttl)
        return found

    async def _answer(self, question: dns.name.Name, kind: Kind) -> tuple[Found, float]:
        try:
            answer = await self._resolver.resolve(question, kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            return Answer(exists=False), _negative_ttl(error.kwargs["responses"].get(question))
        except dns.exception.Timeout:
            return Failure("timeout"), _FAILURE_TTL
        except Exception as error:  # noqa: BLE001 - whatever a hostile answer breaks is no answer
            return Failure(type(error).__name__), _FAILURE_TTL
        if answer.rrset is None:
            return Answer(), _negative_ttl(answer.response)
        records = tuple(_read(rdata, kind) for rdata in answer.rrset)
        if len(records) > _MOST_RECORDS or sum(map(len, records)) > _LARGEST_ANSWER:
            return Failure("too large"), _FAILURE_TTL
        ttl = float(answer.rrset.ttl)
        return Answer(records), min(max(ttl, _SHORTEST_TTL), _LONGEST_TTL)


def _negative_ttl(response: object) -> float:
    """Return how long "there is none" holds: the SOA's word (RFC 2308, 5), bounded."""
    ttl = 0.0
    if isinstance(response, dns.message.QueryMessage):
        try:
            ttl = float(response.resolve_chaining().minimum_ttl)
        except dns.exception.DNSException:
            ttl = 0.0
    return min(max(ttl, _SHORTEST_TTL), _LONGEST_NEGATIVE_TTL)


def _read(rdata: dns.rdata.Rdata, kind: Kind) -> str:
    if kind == "TXT":
        return b"".join(rdata.strings).decode("latin-1")  # type: ignore[attr-defined]  # a TXT's
    if kind == "MX":
        return _host(rdata.exchange)  # type: ignore[attr-defined]  # an MX's
    if kind == "PTR":
        return _host(rdata.target)  # type: ignore[attr-defined]  # a PTR's
    return str(rdata.address)  # type: ignore[attr-defined]  # an A's or AAAA's


def _host(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _dns_name(name: str) -> dns.name.Name | None:
    """Return the name in wire form, each label as it is; None for what no name can be.

    Not by dnspython's own reading, in which a backslash from a hostile message would escape.
    """
    try:
        labels = [label.encode("ascii") for label in name.split(".")]
        return dns.name.Name([*labels, b""])
    except (UnicodeEncodeError, dns.exception.DNSException):
        return None
