"""Keeps a worker from judging a log that the state has not counted."""

import secrets
from collections.abc import Mapping

import structlog
from faust.types import TP

from streams import topics
from streams.app import App
from streams.log_epoch import mail_epoch
from streams.marks import log_ends, refusal
from streams.settings import Settings
from streams.stores.protocol import Store
from streams.topics import TopicError

__all__ = ["LogWatch", "read_epoch"]

log = structlog.get_logger(__name__)


async def read_epoch(settings: Settings, store: Store, role: topics.Role) -> str:
    """Return a topic's epoch; a new one is set, and said, where Redis has lost it."""
    proposed = secrets.token_hex(4)
    topic = topics.name(settings, role)
    epoch = await store.epoch(topic, proposed)
    if epoch == proposed:
        log.warning("epoch_was_missing", topic=topic, epoch=epoch)
    return epoch


class LogWatch:
    """Compares the mail log with the marks of the sender state: offsets restart in a new log."""

    def __init__(self, settings: Settings, store: Store, app: App) -> None:
        self._settings = settings
        self._store = store
        self._app = app
        self._topic = topics.name(settings, "messages")
        self._epoch = ""
        self._checked: frozenset[TP] = frozenset()

    async def start(self, partitions: Mapping[str, int]) -> str:
        """Return the log's epoch; raises TopicError where it ends below what was counted."""
        count = partitions[self._topic]
        self._epoch = await mail_epoch(self._settings, self._store, count)
        marks = await self._store.marks(self._epoch)
        ends = await log_ends(self._settings, self._topic, count) if marks else {}
        line = refusal(self._topic, {**dict.fromkeys(marks, 0), **ends}, marks)
        if line is not None:
            raise TopicError(line)
        return self._epoch

    async def given_another(self) -> bool:
        """Tell whether a partition that was just assigned is none that the state has counted."""
        try:
            assigned = frozenset(self._app.consumer.assignment())
            if not assigned - self._checked:
                self._checked = assigned
                return False
            marks = await self._store.marks(self._epoch)
            ends = await self._app.consumer.highwaters(*assigned)
        except Exception:  # noqa: BLE001 - in a rebalance, or without broker or store: looked again
            return False
        self._checked = assigned
        line = refusal(self._topic, {tp.partition: end for tp, end in ends.items()}, marks)
        if line is not None:
            log.error("another_log", reason=line)
        return line is not None
