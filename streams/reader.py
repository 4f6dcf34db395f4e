"""Reading a topic outside of any consumer group: nothing is committed, and no worker notices.

Where the settings name an embedded installation's folder the topic is one of its local log.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from streams.connection import client_options
from streams.local_log.consumer import LocalConsumer
from streams.settings import Settings
from streams.topics import TopicError, unreachable

__all__ = ["new_consumer", "open_reader"]


def new_consumer(settings: Settings, *, strict: bool = False, **options: Any) -> Any:
    """Return a consumer of no group, not started: aiokafka's, or the local log's.

    `options` are aiokafka's own. With `strict` an offset that isn't there any more raises
    OffsetOutOfRangeError.
    """
    if settings.embedded.folder:
        return LocalConsumer(settings.embedded.folder, strict=strict)
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none" if strict else "latest",
        **options,
    )


@asynccontextmanager
async def open_reader(settings: Settings, *, gather_ms: int = 0) -> AsyncIterator[Any]:
    """Open a consumer to which nothing is assigned yet.

    With `gather_ms` brokers hold what comes for so long and answer with all of it: where records
    come one by one, an answer for each costs more than they do.

    Raises TopicError where the brokers can't be reached, then or while the block reads.
    """
    consumer = new_consumer(
        settings,
        fetch_max_wait_ms=gather_ms or settings.kafka.fetch_wait_ms,
        fetch_min_bytes=settings.record_bytes if gather_ms else 1,
        max_partition_fetch_bytes=settings.dead_letter_bytes,
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    finally:
        await consumer.stop()
