"""A milter that accepts everything: the protocol's own cost, for `weir bench hook`.

python -m apps.bench.pass_through_milter unix:PATH
"""

import asyncio
import signal
import sys

import uvloop

from apps.hook.addresses import parse_addresses
from apps.hook.milter.answer import Answer
from apps.hook.milter.server import Limits, Server
from apps.hook.milter.transaction import Transaction

__all__ = ["main"]


async def _accept(_: Transaction) -> Answer:
    return Answer()


async def _serve(place: str) -> None:
    (address,) = parse_addresses((place,), "the address")
    server = Server(_accept, Limits())
    await server.start(address, "the address")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop()


def main() -> None:
    """Accept all mail that comes over the address of the command line, until SIGTERM."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(sys.argv[1]))


if __name__ == "__main__":
    main()
