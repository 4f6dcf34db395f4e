"""The peer of `weir bench worker`: Faust with Weir's settings and transport, and nothing to do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any, cast

import faust
import uvloop
from faust.types import EventT

from streams import heap
from streams.app import build_app
from streams.settings import Settings, load
from streams.topics import name

__all__ = ["main"]


def main() -> None:
    """Run `python -m apps.bench.pass_through` until SIGTERM: each message goes out as it came."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_run(load(None, os.environ)))


async def _run(settings: Settings) -> None:
    app = build_app(settings)
    outgoing = _raw(app, name(settings, "verdicts"))

    async def pass_through(stream: Any) -> None:
        # A stream that acks by itself does so past our transport's count of bytes, and stalls.
        async for event in cast("AsyncIterator[EventT[Any]]", stream.noack().events()):
            await outgoing.send(key=event.key, value=event.value)
            event.ack()

    app.agent(_raw(app, name(settings, "messages")), concurrency=1)(pass_through)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    heap.settle()  # as Weir's worker does
    await app.start()
    await stop.wait()
    await app.stop()


def _raw(app: faust.App, topic: str) -> Any:
    return app.topic(
        topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )


if __name__ == "__main__":
    main()
