"""Records onto topics outside of Faust: Kafka's own, or those of a local log."""

from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # no types

from streams.connection import client_options
from streams.local_log.producer import LocalProducer
from streams.settings import Settings

__all__ = ["new_producer"]


def new_producer(settings: Settings, **options: Any) -> Any:
    """Return an idempotent producer, not started: aiokafka's, or the local log's.

    `options` are aiokafka's own. Raises SettingsError for a certificate file that can't be used.
    """
    if settings.embedded.folder:
        return LocalProducer(settings.embedded.folder)
    return AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        max_request_size=settings.dead_letter_bytes,
        **options,
    )
