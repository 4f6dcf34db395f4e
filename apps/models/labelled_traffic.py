"""Verdicts beside what was said of their messages: what models are compared on."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types

from detectors.record import decode
from detectors.verdict import Verdict
from models.label import ABUSE, SOURCES, Label, Source, Truth
from streams.label_records import read_record
from streams.reader import open_reader
from streams.settings import Settings
from streams.tokens import id_in
from streams.topics import check, name

__all__ = ["Labelled", "Labels", "Traffic", "read_traffic"]

_WAIT_MS: Final = 500
_JUDGED: Final = b"weir.verdict.judged"

Told = Callable[[int, int], None]


class Labelled(NamedTuple):
    """A verdict on a message of which somebody said what it is; "unwanted" isn't among it."""

    verdict: Verdict
    truth: Truth

    @property
    def abuse(self) -> bool:
        """Whether it was called abuse."""
        return self.truth in ABUSE


class Traffic(NamedTuple):
    """Labelled verdicts in the order of the log, and labels whose message wasn't found there.

    `unresolved` counts those that name their message by its Message-ID or bring its bytes.
    """

    labelled: tuple[Labelled, ...]
    unfound: int
    unresolved: int


class Labels:
    """What is said of messages: retractions taken off, and of several sources the most trusted.

    A source's last word counts. Only labels of the given sources and tenant are kept.
    """

    def __init__(self, sources: Collection[Source], tenant: str) -> None:
        self._sources = sources
        self._tenant = tenant
        self._said: dict[str, tuple[str, Source, Truth]] = {}

    def take(self, label: Label) -> None:
        """Take a label or a retraction in the order of the log."""
        if label.retracts:
            self._said.pop(label.retracts, None)
        elif (
            label.truth not in {None, "unwanted"}
            and label.source in self._sources
            and label.tenant == self._tenant
        ):
            assert label.truth is not None
            self._said[label.id] = (_target(label), label.source, label.truth)

    def truths(self) -> dict[str, Truth]:
        """Return the truth by message: an id, or a place as `epoch:partition:offset`."""
        found: dict[str, tuple[int, Truth]] = {}
        for target, source, truth in self._said.values():
            rank = SOURCES.index(source)
            if target and (target not in found or rank <= found[target][0]):
                found[target] = (rank, truth)
        return {target: truth for target, (_, truth) in found.items()}

    @property
    def unresolved(self) -> int:
        """How many labels name their message in a way that only the learner resolves."""
        return sum(not target for target, _, _ in self._said.values())


async def read_traffic(
    settings: Settings,
    *,
    sources: Collection[Source],
    tenant: str,
    since: datetime,
    told: Told = lambda _done, _total: None,
) -> Traffic:
    """Read labels, and the first verdicts since a time on the messages that they are of.

    `told` is given the records read and all there are. Raises TopicError, in one line, where the
    brokers or a topic can't be read.
    """
    counts = await check(settings)
    labels, verdicts = name(settings, "labels"), name(settings, "verdicts")
    said = Labels(sources, tenant)
    found: dict[str, Labelled] = {}
    async with open_reader(settings) as consumer:
        places = [TopicPartition(labels, 0)]
        async for record in _records(consumer, places, None, lambda _done, _total: None):
            at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
            label = read_record(record.value, record.headers, at)
            if isinstance(label, Label):
                said.take(label)
        truths = said.truths()
        by_place = any(":" in target for target in truths)
        ids = {target.encode() for target in truths}
        places = [TopicPartition(verdicts, number) for number in range(counts[verdicts])]
        async for record in _records(consumer, places, since, told):
            if not by_place and record.key not in ids:
                continue
            verdict = _verdict(record)
            if verdict is None or verdict.tenant != tenant or verdict.id in found:
                continue
            truth = next((truths[key] for key in _keys(verdict) if key in truths), None)
            if truth is not None:
                found[verdict.id] = Labelled(verdict, truth)
    return Traffic(tuple(found.values()), len(truths) - len(found), said.unresolved)


async def _records(
    consumer: Any, places: list[TopicPartition], since: datetime | None, told: Told
) -> Any:
    consumer.assign(places)
    starts = await consumer.beginning_offsets(places)
    ends = await consumer.end_offsets(places)
    if since is not None:
        moment = int(since.timestamp() * 1000)
        later = await consumer.offsets_for_times(dict.fromkeys(places, moment))
        starts = {at: later[at].offset if later.get(at) else ends[at] for at in places}
    for at in places:
        consumer.seek(at, starts[at])
    total, done = sum(ends[at] - starts[at] for at in places), 0
    while any([await consumer.position(at) < ends[at] for at in places]):
        for records in (await consumer.getmany(timeout_ms=_WAIT_MS)).values():
            done += len(records)
            for record in records:
                yield record
        told(min(done, total), total)


def _verdict(record: Any) -> Verdict | None:
    kind = next((value for key, value in record.headers if key == "ce_type"), _JUDGED)
    if kind != _JUDGED:
        return None
    try:
        return decode(record.value or b"")
    except msgspec.MsgspecError:
        return None


def _keys(verdict: Verdict) -> Iterable[str]:
    yield verdict.id
    if verdict.log is not None:
        yield f"{verdict.log.epoch}:{verdict.log.partition}:{verdict.log.offset}"


def _target(label: Label) -> str:
    of = label.of
    if of.position is not None:
        return f"{of.position.epoch}:{of.position.partition}:{of.position.offset}"
    return of.id or (id_in(of.token) if of.token else "")
