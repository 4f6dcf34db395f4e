"""`weir bench core`: CPU time from raw bytes to verdict, by stage, beside a bare parse."""

import email
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from apps.bench.machine import machine
from apps.installation import open_judge
from apps.received import content_id, envelope_of
from apps.sources import Mail, read_mail
from detectors.judging import STAGES, Judge
from detectors.record import encode
from features.context import Limits
from features.envelope import Incoming
from streams.settings import Settings

__all__ = ["MIXES", "measure_core"]

# The mixes by name: folders below the corpora, as patterns. Benchmarks name no message.
MIXES = {
    "spamassassin": ("sa",),
    "modern": ("modern",),
    "phishing": ("phishing_pot*",),
    "today": ("modern", "phishing_pot*"),
}
_BATCH = 32
_WARM_UP = 4  # batches
_NOW = datetime(2026, 1, 1, tzinfo=UTC)  # for files that tell no time

Say = Callable[[str], None]


class _Stages:
    """Adds up CPU time between the ends of stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = 0.0

    def begin(self) -> None:
        self._last = time.process_time()

    def end(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] += now - self._last
        self._last = now


def measure_core(
    settings: Settings, corpora: Path, *, rounds: int, limit: int | None, say: Say
) -> dict[str, Any]:
    """Return the core's figures on each mix that the corpora hold (docs/benchmarks.md).

    CPU time is this process's, in us a message; each figure is the median over the rounds.
    Raises FileNotFoundError where the folder holds no mix.
    """
    stages = _Stages()
    judge = open_judge(settings, stage=stages.end)
    mixes = {}
    for name, patterns in MIXES.items():
        batches = _batches(corpora, patterns, judge.context.limits, limit)
        if batches:
            say(f"{name}: {sum(map(len, batches)):,} messages, {rounds} rounds")
            mixes[name] = _measure(judge, stages, batches, rounds)
    if not mixes:
        raise FileNotFoundError(2, "holds no sa/, modern/ or phishing_pot*/", str(corpora))
    return {
        "benchmark": "core",
        "machine": machine(),
        "engine": judge.engine,
        "batch": _BATCH,
        "rounds": rounds,
        "mixes": mixes,
    }


def _batches(
    corpora: Path, patterns: Sequence[str], limits: Limits, limit: int | None
) -> list[list[Incoming]]:
    paths = sorted(str(path) for pattern in patterns for path in corpora.glob(pattern))
    found = [
        Incoming(envelope_of(mail, content_id(mail.raw), _NOW, limits), mail.raw)
        for mail in _spread(read_mail(paths, limits.message_bytes), limit)
    ]
    return [found[i : i + _BATCH] for i in range(0, len(found), _BATCH)]


def _spread(mail: Iterator[Any], limit: int | None) -> list[Mail]:
    """Take at most `limit` messages, evenly from all of them."""
    found = [item for item in mail if isinstance(item, Mail)]
    if limit is None or len(found) <= limit:
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


def _measure(
    judge: Judge, stages: _Stages, batches: list[list[Incoming]], rounds: int
) -> dict[str, Any]:
    for batch in batches[:_WARM_UP]:
        judge.judge(batch)
    runs = [_run(judge, stages, batches) for _ in range(rounds)]
    peers = [_peers(batches) for _ in range(rounds)]
    raws = [incoming.raw for batch in batches for incoming in batch]
    middle = {key: median(run[key] for run in runs) for key in runs[0]}
    cpu = middle.pop("all")
    bare = {key: median(run[key] for run in peers) for key in peers[0]}
    return {
        "messages": len(raws),
        "mean_bytes": round(sum(map(len, raws)) / len(raws)),
        "cpu_us": round(cpu, 1),
        "cpu_us_rounds": [round(run["all"], 1) for run in runs],
        "stages_us": {key: round(value, 1) for key, value in middle.items()},
        "peers_us": {key: round(value, 1) for key, value in bare.items()},
        "ratio_to_peers": {key: round(cpu / value, 2) for key, value in bare.items()},
    }


def _run(judge: Judge, stages: _Stages, batches: list[list[Incoming]]) -> dict[str, float]:
    stages.seconds.clear()
    started = time.process_time()
    for batch in batches:
        stages.begin()
        judged = judge.judge(batch)
        stages.begin()
        for one in judged:
            encode(one.verdict)
        stages.end("encode")
    total = time.process_time() - started
    count = sum(map(len, batches))
    spent = {stage: stages.seconds[stage] for stage in (*STAGES, "encode")}
    return {"all": total / count * 1e6, **{key: s / count * 1e6 for key, s in spent.items()}}


def _peers(batches: list[list[Incoming]]) -> dict[str, float]:
    """Return what parsing alone costs: the least that any filter in Python has to spend."""
    raws = [incoming.raw for batch in batches for incoming in batch]
    peers = {"email": _cost(_by_email, raws)}
    if find_spec("fast_mail_parser"):  # comes with the development environment
        peers["fast_mail_parser"] = _cost(_by_rust, raws)
    return peers


def _cost(read: Callable[[bytes], None], raws: Sequence[bytes]) -> float:
    started = time.process_time()
    for raw in raws:
        read(raw)
    return (time.process_time() - started) / len(raws) * 1e6


def _by_email(raw: bytes) -> None:
    for part in email.message_from_bytes(raw).walk():
        if not part.is_multipart():
            part.get_payload(decode=True)


def _by_rust(raw: bytes) -> None:
    from fast_mail_parser import parse_email  # noqa: PLC0415 - a peer that need not be installed

    with suppress(Exception):  # it gives up on some mail; that it tried is the cost
        parse_email(raw)
