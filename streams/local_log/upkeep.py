"""What keeps a local log small: old records given up, the write-ahead file folded in."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.local_log.log import LocalLog

__all__ = ["upkeep"]

_TICK: Final = 1.0  # seconds between two foldings
_RETIRING: Final = 60.0  # seconds between two looks for what is too old
_BREATH: Final = 0.05  # seconds between two transactions: those who append come first

log = structlog.get_logger(__name__)


async def upkeep(
    folder: str,
    now: Callable[[], float] = time.time,
    *,
    bounded: Sequence[str] = (),
    most: int = 0,
) -> None:
    """Keep the log of a folder until cancelled, in a thread of its own; `now` in epoch seconds.

    Of the topics `bounded` the oldest records go where the whole log holds over `most` bytes.
    """
    thread = ThreadPoolExecutor(1, "weir-upkeep")
    loop = asyncio.get_running_loop()
    opened: LocalLog | None = None
    looked = -_RETIRING
    try:
        while True:
            try:
                if opened is None:
                    opened = await loop.run_in_executor(thread, LocalLog, folder)
                await loop.run_in_executor(thread, opened.checkpoint)
                gone = 0
                while bounded and (
                    more := await loop.run_in_executor(thread, opened.shrink, bounded, most)
                ):
                    gone += more
                    await asyncio.sleep(_BREATH)
                if gone:
                    log.warning("log_full", records_given_up=gone, bytes=most)
                if loop.time() - looked >= _RETIRING:
                    looked = loop.time()
                    at = int(now() * 1000)
                    while await loop.run_in_executor(thread, opened.retire, at):  # noqa: ASYNC110 - it works
                        await asyncio.sleep(_BREATH)
            except KafkaError as error:
                log.warning("log_not_kept", error=str(error))
            await asyncio.sleep(_TICK)
    finally:
        if opened is not None:
            thread.submit(opened.close)
        thread.shutdown(wait=False)
