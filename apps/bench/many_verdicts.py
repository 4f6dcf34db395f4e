"""An archive of many verdicts, made from few real ones: other ids, times, senders, numbers."""

import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from msgspec.structs import replace

from apps.subscriber.archive.block import Block
from apps.subscriber.archive.manifest import ManifestFiles
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.once import Once
from apps.subscriber.received import Received
from detectors.actions import MICRO, probability
from detectors.record import encode
from detectors.verdict import FeatureValues, LogPlace, Verdict

__all__ = ["DAYS", "FIRST_DAY", "archive_of", "received_of"]

DAYS: Final = 10
FIRST_DAY: Final = datetime(2025, 11, 10, tzinfo=UTC)
_ROWS: Final = 50_000  # a file: it is made in memory
_DOMAINS: Final = 20_000
_TOPIC: Final = TopicPartition("mail.verdicts", 0)


def archive_of(
    judged: Sequence[Verdict], folder: str, count: int, say: Callable[[str], None]
) -> list[str]:
    """Write an archive of `count` verdicts over ten days to an empty folder; return some ids.

    Each is a real verdict with an id, a time, a domain, a score and a vector of its own. Reasons
    repeat, so the archive is smaller than one of as many different messages.
    """
    storage = Storage(folder)
    manifests = ManifestFiles(storage)
    drawn = random.Random(0)  # noqa: S311 - a benchmark's archive, the same each time
    noise = np.random.default_rng(0)
    offset, ids = 0, []
    for day in range(DAYS):
        start = FIRST_DAY + timedelta(days=day)
        times = sorted(drawn.randrange(86_400_000) for _ in range(count // DAYS))
        for at in range(0, len(times), _ROWS):
            moments = [start + timedelta(milliseconds=ms) for ms in times[at : at + _ROWS]]
            made = list(_varied(judged, moments, offset, drawn, noise))
            block = Block({_TOPIC.topic: "verdicts"}, {_TOPIC: offset}, Once(0))
            following = {_TOPIC: offset + len(made)}
            block.add((received_of(it, n) for n, it in enumerate(made, offset)), following)
            seen = manifests.read()
            if manifests.publish(block.write(storage, start), seen) is None:
                raise ArchiveError(f"{folder}: another writer is at work there")
            offset += len(made)
            ids.append(made[len(made) // 2].id)
        say(f"{offset:,} of {count:,} verdicts archived")
    return ids


def _varied(
    judged: Sequence[Verdict],
    moments: Sequence[datetime],
    offset: int,
    drawn: random.Random,
    noise: np.random.Generator,
) -> Iterator[Verdict]:
    for number, moment in enumerate(moments, offset):
        like = judged[drawn.randrange(len(judged))]
        logit = None if like.logit is None else like.logit + drawn.randrange(-MICRO, MICRO)
        vector = np.frombuffer(b64decode(like.features.f32), "<f4")
        moved = (vector * (1 + 0.01 * noise.standard_normal(len(vector)))).astype("<f4")
        moved = np.where(vector == np.round(vector), vector, moved)  # counts stay counts
        yield replace(
            like,
            id=_uuid7(moment, drawn),
            delivery_key=f"{drawn.getrandbits(256):064x}",
            received_at=moment,
            log=LogPlace("benchmark", 0, number),
            from_domain=f"sender-{drawn.randrange(_DOMAINS)}.example",
            sender=f"bench:{drawn.getrandbits(128):032x}",
            logit=logit,
            score=None if logit is None else probability(logit),
            features=FeatureValues(like.features.schema, b64encode(moved.tobytes()).decode()),
        )


def _uuid7(moment: datetime, drawn: random.Random) -> str:
    """Return an id as publishers give it: RFC 9562, its first 48 bits the time in ms."""
    number = int(moment.timestamp() * 1000) << 80 | drawn.getrandbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def received_of(verdict: Verdict, offset: int) -> Received:
    """Return a verdict as its topic has it, at this offset of the one partition."""
    event = f"{verdict.id}.{verdict.kind}".encode()
    appended = int(verdict.received_at.timestamp() * 1000) + 20
    value, headers = encode(verdict), (("ce_id", event),)
    return Received(_TOPIC.topic, 0, offset, appended, verdict.id.encode(), value, headers)
