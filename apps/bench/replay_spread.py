"""What-ifs over an archive by one process, by two, and by Spark: verdicts a second on the clock."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.bench.many_verdicts import FIRST_DAY, received_of
from apps.replay.archive_reading import ArchiveReading
from apps.replay.comparing import Comparing
from apps.replay.in_order import Received
from apps.replay.model_history import ModelHistory
from apps.replay.reading import Stretch
from apps.replay.relive import Relive
from apps.replay.request import WhatIf
from apps.replay.sources import ArchiveSource
from apps.replay.spark import tallied_by_spark
from apps.replay.what_if_task import WhatIfTask
from apps.replay.workers import tallied
from apps.subscriber.archive.block import Block
from apps.subscriber.archive.manifest import ManifestFiles
from apps.subscriber.archive.storage import Storage
from apps.subscriber.once import Once
from detectors.verdict import Verdict
from streams.settings import Settings

__all__ = ["WAYS", "measure_spread"]

WAYS: Final = {"one_process": 1, "workers_2": 2, "spark_1": 1, "spark_2": 2}
"""Ways by name, with how many processes each has."""

_ASKED: Final = WhatIf(thresholds=("reject=0.97",))
_TOPIC: Final = TopicPartition("mail.verdicts", 0)
_SPAN: Final = timedelta(days=4)  # of all verdicts: a file a day
_SLICES: Final = 4

Say = Callable[[str], None]
_Tallies = AsyncGenerator[tuple[Stretch, Comparing], None]


def measure_spread(
    settings: Settings,
    relive: Relive,
    received: Sequence[Received],
    count: int,
    say: Say,
    ways: Mapping[str, int] = WAYS,
) -> dict[str, Any]:
    """Return verdicts a second of each way over `count` verdicts, without their mail.

    They are `received` judged over and over by `relive`, under other ids and times, and lie in four
    slices. `start_seconds` is how long the first tally takes, `per_second` the rate behind it. All
    ways must have the same digest: AssertionError.
    """
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        url, history = f"{folder}/archive", Path(folder, "history")
        ModelHistory.write(history, ())
        say(f"an archive of {count:,} verdicts")
        _archive(url, [one.verdict for one in relive.run(_copies(received, count))])
        task = WhatIfTask(settings, _ASKED, str(history))
        source = ArchiveSource(url)

        def local(workers: int) -> _Tallies:
            return tallied(ArchiveReading(source, mail=False).stretches({}), task, workers)

        def spark(cores: int) -> _Tallies:
            at_least = count // _SLICES
            return tallied_by_spark(source, task, cores=cores, mail=False, at_least=at_least)

        found: dict[str, Any] = {}
        digests = set()
        for name, processes in ways.items():
            way = spark if name.startswith("spark") else local
            say(name.replace("_", " "))
            found[name], digest = asyncio.run(_timed(way(processes)))
            digests.add(digest)
    assert len(digests) == 1, digests
    alone = found["one_process"]["per_second"]
    for figures in found.values():
        figures["ratio"] = round(figures["per_second"] / alone, 2)
    return {"verdicts": count, "slices": _SLICES, "ways": found}


def _copies(received: Sequence[Received], count: int) -> Iterator[Received]:
    for number, one in zip(range(count), cycle(received)):
        incoming = one.arrival.incoming
        at = FIRST_DAY + _SPAN * number / count
        envelope = replace(incoming.envelope, id=f"m{number}", received_at=at)
        position = one.arrival.position._replace(offset=number)
        yield Received(
            one.arrival._replace(
                incoming=incoming._replace(envelope=envelope, position=position),
                position=position,
                appended_ms=int(at.timestamp() * 1000) + 1,
            )
        )


def _archive(url: str, verdicts: Sequence[Verdict]) -> None:
    storage = Storage(url)
    manifests = ManifestFiles(storage)
    block = Block({_TOPIC.topic: "verdicts"}, {_TOPIC: 0}, Once(0))
    records = (received_of(it, n) for n, it in enumerate(verdicts))
    block.add(records, {_TOPIC: len(verdicts)})
    manifests.publish(block.write(storage, datetime.now(UTC)), manifests.read())


async def _timed(tallies: _Tallies) -> tuple[dict[str, float], str]:
    whole = Comparing(0)
    began = time.monotonic()
    first, at_first = 0.0, 0
    async with aclosing(tallies):
        async for _, tally in tallies:
            whole.merge(tally)
            if not first:
                first, at_first = time.monotonic() - began, whole.compared
    seconds = time.monotonic() - began
    return {
        "seconds": round(seconds, 1),
        "start_seconds": round(first, 1),
        "per_second": round((whole.compared - at_first) / (seconds - first)),
    }, whole.digest_after
