"""Messages to a scanner over HTTP, so many at once: the same client for Weir and for rspamd."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import aiohttp

__all__ = ["Checked", "check_all"]


class Checked(NamedTuple):
    """How many of the messages were answered with 200, in how many seconds, each in how many."""

    answered: int
    seconds: float
    delays: list[float]


async def check_all(
    url: str, raws: Sequence[bytes], connections: int, headers: Mapping[str, str]
) -> Checked:
    """Post each message once, over so many connections that are kept open."""
    delays: list[float] = []
    waiting = iter(raws)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began = time.perf_counter()

        async def work() -> None:
            """Post what is left, one message after the other."""
            for raw in waiting:
                sent = time.perf_counter()
                async with session.post(url, data=raw) as answer:
                    await answer.read()
                    if answer.status == 200:
                        delays.append(time.perf_counter() - sent)

        await asyncio.gather(*(work() for _ in range(connections)))
        return Checked(len(delays), time.perf_counter() - began, delays)
