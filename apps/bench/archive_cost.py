"""`weir bench archive`: what a verdict costs in the archive, in bytes and CPU time."""

import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.bench.machine import machine
from apps.installation import open_judge
from apps.received import content_id, envelope_of
from apps.sources import Mail, read_mail
from apps.subscriber.archive.block import Block
from apps.subscriber.archive.compacting import compact
from apps.subscriber.archive.manifest import Kind, Manifest, ManifestFiles
from apps.subscriber.archive.storage import Storage
from apps.subscriber.once import Once
from apps.subscriber.received import Received
from detectors.record import encode
from detectors.stack import shipped_stack
from features.envelope import Incoming, LogPosition
from models.ensemble import Ensemble
from streams.offline import Offline
from streams.settings import Settings
from streams.stores.rolling_memory import RollingMemory
from streams.wire import message_record, read_head, verdict_record

__all__ = ["measure_archive"]

_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
_APART: Final = timedelta(seconds=2)  # the mail of years as that of a day, as it comes live
_BATCH: Final = 32
_PARTITIONS: Final = 8
_KINDS: Final[dict[str, Kind]] = {"verdicts": "verdicts", "messages": "messages"}
_BLOCKS: Final = (64, 1_000, 20_000)  # verdicts

Pair = tuple[Received, Received]


def measure_archive(
    settings: Settings, corpora: Path, *, limit: int | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return bytes a verdict and CPU ms a message by size of a block, with raw mail and without.

    CPU time is this process's: from a record as it was fetched to a file on the disk, its entry
    published. Merging is counted apart. Raises FileNotFoundError without corpora/sa.
    """
    pairs = _judged(settings, corpora, limit)
    if not pairs:
        raise FileNotFoundError(2, "holds no sa/", str(corpora))
    say(f"{len(pairs):,} messages judged")
    found = {}
    for size in _BLOCKS:
        found[str(size)] = _measured([(verdict,) for verdict, _ in pairs], size)
        say(f"blocks of {size:,}: {found[str(size)]}")
    with_raw = _measured(pairs, _BLOCKS[-1])
    return {
        "benchmark": "archive",
        "machine": machine(),
        "messages": len(pairs),
        "record_bytes": round(sum(len(it.value) for it, _ in pairs) / len(pairs)),
        "raw_bytes": round(sum(len(it.value) for _, it in pairs) / len(pairs)),
        "blocks": found,
        "with_raw": with_raw,
    }


def _judged(settings: Settings, corpora: Path, limit: int | None) -> list[Pair]:
    core = open_judge(settings).with_models(Ensemble.fresh(shipped_stack().fresh_fusion()))
    shell = Offline(core, RollingMemory())
    limits = core.context.limits
    paths = sorted(str(path) for path in corpora.glob("sa"))
    mails = [item for item in read_mail(paths, limits.message_bytes) if isinstance(item, Mail)]
    mails = mails[:: max(1, len(mails) // limit)] if limit else mails
    pairs: list[Pair] = []
    for start in range(0, len(mails), _BATCH):
        batch = []
        for number, mail in enumerate(mails[start : start + _BATCH], start):
            envelope = replace(
                envelope_of(mail, content_id(mail.raw), _NOW, limits),
                received_at=_NOW + number * _APART,
            )
            place = LogPosition("benchmark", number % _PARTITIONS, number // _PARTITIONS)
            batch.append(Incoming(envelope, mail.raw, place))
        pairs += [
            _records(incoming, encode(result.verdict))
            for incoming, result in zip(batch, shell.judge(batch), strict=True)
        ]
    return pairs


def _records(incoming: Incoming, value: bytes) -> Pair:
    assert incoming.position is not None
    _, partition, offset = incoming.position
    sent = message_record("messages", incoming.envelope, incoming.raw, source="/", now=_NOW)
    said = verdict_record(
        "verdicts", read_head(value), value, judged_at=_NOW, timings={}, worker="w"
    )
    appended = int(incoming.envelope.received_at.timestamp() * 1000)
    verdict, message = (
        Received(it.topic, partition, offset, appended, it.key, it.value, tuple(it.headers))
        for it in (said, sent)
    )
    return verdict, message


def _measured(groups: Sequence[tuple[Received, ...]], size: int) -> dict[str, float]:
    """Archive records in blocks; return bytes a verdict before and after merging, ms a message."""
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(folder)
        entries = ManifestFiles(storage)
        seen = entries.read()
        once = Once(len(groups))
        began = time.process_time()
        for start in range(0, len(groups), size):
            seen = _published(storage, entries, seen, groups[start : start + size], once)
        spent = time.process_time() - began
        written = _bytes(seen)
        began = time.process_time()
        compact(storage, fewest=2)
        merging = time.process_time() - began
        merged = _bytes(entries.read())
    count = len(groups)
    return {
        "bytes": round(written / count),
        "bytes_merged": round(merged / count),
        "cpu_ms": round(spent / count * 1000, 4),
        "merging_cpu_ms": round(merging / count * 1000, 4),
    }


def _published(
    storage: Storage,
    entries: ManifestFiles,
    seen: Manifest,
    groups: Sequence[tuple[Received, ...]],
    once: Once,
) -> Manifest:
    ends = {TopicPartition(*place): end for place, end in seen.ends.items()}
    block = Block(_KINDS, ends, once)
    following = dict(ends)
    for group in groups:
        for record in group:
            following[record.place] = record.offset + 1
    block.add((record for group in groups for record in group), following)
    after = entries.publish(block.write(storage, _NOW), seen)
    assert after is not None  # nobody else writes there
    return after


def _bytes(seen: Manifest) -> int:
    return sum(file.bytes for file in seen.files.values())
