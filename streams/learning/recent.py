"""The last verdicts as the gate reads them: which would change their action by what was learned."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from detectors.actions import MICRO
from detectors.judging import Judge
from detectors.record import decode
from detectors.stack import Stack
from detectors.verdict import Verdict
from features.envelope import Incoming, LogPosition
from models.ensemble import Ensemble
from models.lessons import lesson_of
from models.sample import Sample
from models.step import Lesson
from streams.labels.mail_log import MailLog, open_mail_log
from streams.learning.lessons import terms_of, vector_of
from streams.learning.lineage import Lineage
from streams.learning.saying import Said
from streams.reader import open_reader
from streams.settings import Settings
from streams.topics import TopicError, name

__all__ = ["Recent", "Weighed", "open_recent", "weigh"]

_KEPT: Final = 1_000
_TAKEN: Final = 100  # read at a look; a busy log brings more, of which these are the latest
_WAIT_MS: Final = 500

log = structlog.get_logger(__name__)


class Weighed(NamedTuple):
    """A verdict's logit, the logits from which each action begins, and what models read.

    `shipped` is what the shipped weights alone make of it: the less a young stack has to say, the
    more they have.
    """

    logit: float
    bounds: tuple[float, ...]
    lesson: Lesson
    shipped: float = 0.0

    def flips(self, before: float, after: float) -> bool:
        """Tell whether another action would follow from what models say after, not before."""
        moved = self.logit + after - before
        return _passed(self.bounds, moved) != _passed(self.bounds, self.logit)


class Recent:
    """Keeps the last 1,000 messages that were judged by their logit alone."""

    def __init__(self, stack: Stack, lineage: Lineage, preparer: Judge) -> None:
        self._stack = stack
        self._lineage = lineage
        self._preparer = preparer
        self._kept: OrderedDict[str, Weighed] = OrderedDict()
        self._said = Said()

    def knows(self, message: str) -> bool:
        """Tell whether a message is among them."""
        return message in self._kept

    def take(self, verdict: Verdict, incoming: Incoming) -> None:
        """Take in a verdict with its message; one that a rule or a list decided says nothing."""
        vector = vector_of(verdict)
        if verdict.logit is None or verdict.overrides or vector is None:
            return
        (prepared,) = self._preparer.prepare([incoming])
        if prepared.tokens is None:
            return
        terms = terms_of(verdict, self._stack, self._lineage.head.fusion)
        lesson = lesson_of(Sample(vector, prepared.tokens), terms, abuse=False)
        bounds = tuple(sorted(_logit(score) for score in verdict.thresholds.values() if score > 0))
        shipped = self._stack.bias / MICRO + sum(
            self._stack.in_force(name) * value for name, value in terms.items()
        )
        self._kept[verdict.id] = Weighed(verdict.logit / MICRO, bounds, lesson, shipped)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def flips(self, before: Ensemble, after: Ensemble) -> tuple[int, int]:
        """Return how many of the kept verdicts would change their action; how many there are."""
        kept = tuple(self._kept.values())
        was, will_be = weigh(before, kept, self._said), weigh(after, kept, self._said)
        return sum(map(Weighed.flips, kept, was, will_be)), len(kept)


def weigh(models: Ensemble, kept: Sequence[Weighed], said: Said) -> list[float]:
    """Return what models make of each message, with the part of the weights that came first."""
    rest = 1.0 - models.fusion.share
    logits = said.of(models, [one.lesson for one in kept])
    return [logit + rest * one.shipped for logit, one in zip(logits, kept, strict=True)]


@asynccontextmanager
async def open_recent(
    settings: Settings, recent: Recent, epoch: str, partitions: int, executor: Executor
) -> AsyncIterator[None]:
    """Feed it from the topic of verdicts, beside whatever the block does.

    Raises TopicError where brokers can't be reached at the start.
    """
    async with AsyncExitStack() as opened:
        verdicts = await opened.enter_async_context(open_reader(settings))
        mail = await opened.enter_async_context(open_mail_log(settings, epoch, partitions))
        topic = name(settings, "verdicts")
        verdicts.assign([TopicPartition(topic, number) for number in range(partitions)])
        pause = settings.learner.publish_seconds / 2
        feeding = asyncio.create_task(_feed(verdicts, mail, recent, pause, executor))
        try:
            yield
        finally:
            feeding.cancel()
            with suppress(asyncio.CancelledError):
                await feeding


async def _feed(
    verdicts: Any, mail: MailLog, recent: Recent, pause: float, executor: Executor
) -> None:
    loop = asyncio.get_running_loop()
    done: dict[TopicPartition, int] = {}
    while True:
        try:
            latest = {
                LogPosition(verdict.log.epoch, verdict.log.partition, verdict.log.offset): verdict
                for verdict in await _latest(verdicts, done)
                if verdict.log is not None and not recent.knows(verdict.id)
            }
            arrivals = await mail.messages(list(latest))
            for place, verdict in latest.items():
                arrival = arrivals.get(place)
                if arrival is not None:
                    await loop.run_in_executor(executor, recent.take, verdict, arrival.incoming)
        except (TopicError, KafkaError) as error:
            log.warning("verdicts_not_read", error=str(error))
        await asyncio.sleep(pause)


async def _latest(consumer: Any, done: dict[TopicPartition, int]) -> list[Verdict]:
    """Return the latest verdicts of all partitions; `done` says up to where each was read."""
    ends = await consumer.end_offsets(list(consumer.assignment()))
    each = max(1, _TAKEN // max(1, len(ends)))
    found = []
    for place, end in ends.items():
        start = max(done.get(place, 0), end - each)
        done[place] = end
        if start >= end:
            continue
        consumer.seek(place, start)
        records: Sequence[Any] = ()
        while await consumer.position(place) < end:
            records = (await consumer.getmany(place, timeout_ms=_WAIT_MS)).get(place, ())
            for record in records:
                with suppress(msgspec.MsgspecError, ValueError):
                    found.append(decode(record.value or b""))
            if not records:
                break
    return [verdict for verdict in found if verdict.kind == "judged"]


def _passed(bounds: Sequence[float], logit: float) -> int:
    return sum(logit >= bound for bound in bounds)


def _logit(score: float) -> float:
    held = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(held / (1 - held))
