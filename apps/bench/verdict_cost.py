"""`weir bench core`: CPU time from raw bytes to verdict, by stage, beside others' on that mail."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from apps.bench.machine import machine
from apps.bench.peers import peers
from apps.bench.warm_core import Answered, Example, warmed_up
from apps.evaluation.spent import Spent
from apps.installation import open_judge
from apps.received import content_id, envelope_of
from apps.sources import Mail, read_mail
from detectors.judging import STAGES, Judge
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Limits
from features.envelope import Incoming
from models.ensemble import Ensemble
from streams import heap
from streams.offline import Offline
from streams.settings import Settings
from streams.stores.protocol import Advanced

__all__ = ["MIXES", "measure_core"]

# The mixes by name: folders below the corpora, as patterns. Benchmarks name no message.
MIXES = {
    "spamassassin": ("sa",),
    "modern": ("modern",),
    "phishing": ("phishing_pot*",),
    "today": ("modern", "phishing_pot*"),
}
_BATCH: Final = 32
_WARM_UP: Final = 4  # batches
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)  # for files that tell no time
_STAGES: Final = {
    "without": (*STAGES, "encode"),
    "with_all": (*STAGES[:2], "state", *STAGES[2:], "encode"),
}

Say = Callable[[str], None]


class _Mix(NamedTuple):
    examples: list[Example]
    answers: list[Advanced]

    @property
    def batches(self) -> list[list[Incoming]]:
        found = [example.incoming for example in self.examples]
        return [found[i : i + _BATCH] for i in range(0, len(found), _BATCH)]


def measure_core(
    settings: Settings, corpora: Path, *, rounds: int, limit: int | None, say: Say
) -> dict[str, Any]:
    """Return the core's figures on each mix that the corpora hold (docs/benchmarks.md).

    CPU time is this process's, in us a message; each figure is the median over the rounds.
    Raises FileNotFoundError where the folder holds no mix.
    """
    spent = Spent()
    without = open_judge(settings, stage=spent.end)
    with_all = without.with_models(Ensemble.fresh(shipped_stack().fresh_fusion()))
    mixes = {}
    # All are learned before the first is measured, so that all are judged by the same models.
    for name, patterns in MIXES.items():
        examples = _examples(corpora, patterns, without.context.limits, limit)
        if examples:
            say(f"{name}: {len(examples):,} messages warm up senders and models")
            mixes[name] = _Mix(examples, warmed_up(with_all, examples))
    if not mixes:
        raise FileNotFoundError(2, "holds no sa/, modern/ or phishing_pot*/", str(corpora))
    cores = {"without": without, "with_all": with_all}
    found = {}
    heap.settle()  # as a worker does; the corpora and all answers are no part of its heap
    for name, mix in mixes.items():
        say(f"{name}: {rounds} rounds")
        found[name] = _measure(cores, spent, mix, rounds, say)
    return {
        "benchmark": "core",
        "machine": machine(),
        "engine": without.engine,
        "batch": _BATCH,
        "rounds": rounds,
        "mixes": found,
    }


def _examples(
    corpora: Path, patterns: Sequence[str], limits: Limits, limit: int | None
) -> list[Example]:
    paths = sorted(str(path) for pattern in patterns for path in corpora.glob(pattern))
    return [
        Example(
            Incoming(envelope_of(mail, content_id(mail.raw), _NOW, limits), mail.raw),
            spam="ham" not in Path(mail.name).parent.name,
        )
        for mail in _spread(read_mail(paths, limits.message_bytes), limit)
    ]


def _spread(mail: Iterator[Any], limit: int | None) -> list[Mail]:
    """Take at most `limit` messages, evenly from all of them."""
    found = [item for item in mail if isinstance(item, Mail)]
    if limit is None or len(found) <= limit:
        return found
    return [found[i * len(found) // limit] for i in range(limit)]


def _measure(
    cores: dict[str, Judge], spent: Spent, mix: _Mix, rounds: int, say: Say
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in cores}
    with peers(mix.examples, say) as others:
        others_runs: dict[str, list[float]] = {name: [] for name in others}
        for _ in range(rounds):
            for name, core in cores.items():
                runs[name].append(_run(core, spent, mix, _STAGES[name]))
            for name, handle in others.items():
                others_runs[name].append(handle())
    sizes = [len(example.incoming.raw) for example in mix.examples]
    peers_us = {name: median(found) for name, found in others_runs.items()}
    return {
        "messages": len(sizes),
        "mean_bytes": round(sum(sizes) / len(sizes)),
        **{name: _figures(found, peers_us) for name, found in runs.items()},
        "peers_us": {name: round(cost, 1) for name, cost in peers_us.items()},
    }


def _run(core: Judge, spent: Spent, mix: _Mix, stages: Sequence[str]) -> dict[str, float]:
    """Return the CPU time by stage; the first batches are judged once before, to warm up."""
    state = Answered(mix.answers) if "state" in stages else None
    offline = Offline(core, state, spent.end)
    for batch in mix.batches[:_WARM_UP]:
        core.judge(batch)
    spent.seconds.clear()
    for batch in mix.batches:
        spent.skip()
        judged = offline.judge(batch)
        spent.skip()
        for one in judged:
            encode(one.verdict)
        spent.end("encode")
    return {stage: spent.seconds[stage] / len(mix.examples) * 1e6 for stage in stages}


def _figures(runs: Sequence[dict[str, float]], peers_us: dict[str, float]) -> dict[str, Any]:
    sums = [sum(run.values()) for run in runs]
    cpu = median(sums)
    return {
        "cpu_us": round(cpu, 1),
        "cpu_us_rounds": [round(each, 1) for each in sums],
        "stages_us": {stage: round(median(run[stage] for run in runs), 1) for stage in runs[0]},
        "ratio_to_peers": {name: round(cpu / cost, 2) for name, cost in peers_us.items()},
    }
