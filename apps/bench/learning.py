"""`weir bench learning`: labels to changed actions, learning steps, and what they cost."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import uvloop

from apps.bench.campaigns import Campaign, campaigns
from apps.bench.load import Load
from apps.bench.machine import cpu_ms, machine
from apps.bench.reaction import Reaction, Seen, react
from apps.bench.retraction import measure_retraction
from apps.bench.steps import Steps, judged_campaigns, label_as_spam
from apps.bench.unrelated import measure_unrelated
from apps.bench.workers_run import WorkersRun, bodies, worker_environment
from apps.local.processes import GuardedProcess
from apps.local.stack import LocalStack
from apps.publishing import Publisher, open_publisher
from features.context import Context
from models.label import Source
from streams.settings import Settings, load, read_keys, write_keys

__all__ = ["measure_learning"]

_REPORTERS: Final[dict[Source, int]] = {"report": 3, "trap": 1}
_RATE: Final = 100.0  # messages a second beside the cases
_AT_ONCE: Final = 4  # cases
_STEPS_A_SECOND: Final = 50
_QUIET: Final = 3.0  # seconds after a marker, until what it let out is applied

Say = Callable[[str], None]


def measure_learning(
    mail: str | None, corpora: Path | None, *, cases: int, labels: int, seconds: int, say: Say
) -> dict[str, Any]:
    """Return how fast labels act and what learning costs, on one local stack.

    Of the cases one in four is a trap's label, the others are three people's reports. With
    `corpora`, also what cases move in unrelated mail, and what is left of labels that were taken
    back, by models that began with mail of the SpamAssassin corpus. Raises StackError where the
    stack can't be started or doesn't answer.
    """
    raws = bodies(mail)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as name:
        folder = Path(name)
        say("starting Kafka and Redis")
        with LocalStack(folder / "stack", quick=False) as stack:
            write_keys(folder / "keys.toml")
            (folder / "models").mkdir()
            environment = {
                **worker_environment("weir", stack, folder),
                "WEIR_MODELS__SNAPSHOTS": str(folder / "models"),
            }
            run = _Run(environment, folder, say)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(run.measure(raws, cases, labels, seconds))
    if corpora is not None:
        say("what a case moves in unrelated mail")
        found["unrelated"] = measure_unrelated(load(None, {}), corpora, say)
        say("what is left of a label that was taken back")
        found["retraction"] = measure_retraction(load(None, {}), corpora, say)
    return {"benchmark": "learning", "machine": machine(), **found}


class _Run:
    """A worker and a learner on one stack, and the measurements in their order."""

    def __init__(self, environment: dict[str, str], folder: Path, say: Say) -> None:
        self._environment = environment
        self._folder = folder
        self._say = say
        self._settings: Settings = load(None, environment)
        keys = read_keys(folder / "keys.toml")
        self._context: Context = self._settings.context(keys)

    async def measure(
        self, raws: Sequence[bytes], cases: int, labels: int, seconds: int
    ) -> dict[str, Any]:
        workers = WorkersRun("streams.worker", 1, self._environment, self._folder)
        async with workers.started(raws) as generator, AsyncExitStack() as opened:
            learner = opened.enter_context(self._learner())
            steps = await opened.enter_async_context(Steps.opened(self._settings))
            publisher = await opened.enter_async_context(open_publisher(self._settings))
            seen = await opened.enter_async_context(Seen.opened(self._settings))
            await generator.bulk(1_000)
            found: dict[str, Any] = {}
            await self._back(publisher, seen, steps, seed=4)  # a learner that starts is timed below
            self._say(f"{cases} cases beside {_RATE:g} messages a second")
            reactions = await self._cases(campaigns(cases), generator, seen)
            found["reaction"] = _of_reactions(reactions)
            self._say(f"{labels:,} labels as fast as they go")
            found["learner"] = await self._bulk(labels, publisher, seen, steps, learner)
            self._say(f"a scorer that applies {_STEPS_A_SECOND} steps a second for {seconds} s")
            found["scorer"] = await self._applying(seconds, publisher, seen, steps, workers)
            self._say("a learner that is killed and started again")
            learner.kill()
            opened.enter_context(self._learner())
            found["learner"]["back_seconds"] = await self._back(publisher, seen, steps, seed=3)
            return found

    def _learner(self) -> GuardedProcess:
        module = "streams.learner"
        return GuardedProcess(
            module,
            [sys.executable, "-m", module],
            self._folder / "learner.log",
            environment=self._environment,
        )

    async def _cases(
        self, chosen: Sequence[Campaign], generator: Load, seen: Seen
    ) -> list[Reaction]:
        """Play the cases beside a load that lasts as long as they do, some at once."""
        load_task = asyncio.create_task(_lasting(generator))
        waiting = iter(enumerate(chosen))
        found: list[Reaction] = []

        async def play() -> None:
            async with open_publisher(self._settings) as publisher:
                for number, campaign in waiting:
                    source: Source = "trap" if number % 4 == 3 else "report"
                    found.append(
                        await react(
                            campaign,
                            source,
                            _REPORTERS[source],
                            publisher,
                            seen,
                            self._settings,
                            self._context,
                        )
                    )

        try:
            await asyncio.gather(*(play() for _ in range(_AT_ONCE)))
            return found
        finally:
            load_task.cancel()
            with suppress(asyncio.CancelledError):
                await load_task

    async def _bulk(
        self, labels: int, publisher: Publisher, seen: Seen, steps: Steps, learner: GuardedProcess
    ) -> dict[str, float]:
        """Label different messages at once, and time the learner's steps."""
        idents = await judged_campaigns(self._settings, labels, publisher, seen, seed=1)
        used, start, before = cpu_ms(learner.pid), time.perf_counter(), steps.count
        await label_as_spam(self._settings, idents, publisher)
        await steps.until(before + labels)
        took = time.perf_counter() - start
        cost = (cpu_ms(learner.pid) - used) / labels
        return {
            "labels": labels,
            "steps_a_second": round(labels / took, 1),
            "cpu_ms": round(cost, 3),
            "steps_a_cpu_second": round(1000 / cost, 1),
        }

    async def _applying(
        self, seconds: int, publisher: Publisher, seen: Seen, steps: Steps, workers: WorkersRun
    ) -> dict[str, float]:
        """Compare a scorer's CPU time from the first step to the marker's end with none coming."""
        idents = await judged_campaigns(
            self._settings, seconds * _STEPS_A_SECOND, publisher, seen, seed=2
        )
        await steps.until_published()
        await asyncio.sleep(_QUIET)
        start, before = time.perf_counter(), workers.cpu_ms()
        await asyncio.sleep(seconds)
        idle = (workers.cpu_ms() - before) / (time.perf_counter() - start)
        start, before, known = time.perf_counter(), workers.cpu_ms(), steps.count
        for at in range(0, len(idents), _STEPS_A_SECOND):
            ends = time.perf_counter() + 1
            await label_as_spam(self._settings, idents[at : at + _STEPS_A_SECOND], publisher)
            await asyncio.sleep(max(0.0, ends - time.perf_counter()))
        await steps.until(known + len(idents))
        await steps.until_published()
        await asyncio.sleep(_QUIET)
        spent = workers.cpu_ms() - before - idle * (time.perf_counter() - start)
        return {
            "steps": len(idents),
            "cpu_ms_a_step": round(spent / len(idents), 3),
            "cpu_pct_at_50": round(spent / len(idents) * _STEPS_A_SECOND / 10, 2),
        }

    async def _back(self, publisher: Publisher, seen: Seen, steps: Steps, *, seed: int) -> float:
        """Return the seconds from a learner's start to its first step."""
        start, before = time.perf_counter(), steps.count
        idents = await judged_campaigns(self._settings, 1, publisher, seen, seed=seed)
        await label_as_spam(self._settings, idents, publisher)
        await steps.until(before + 1)
        return round(time.perf_counter() - start, 1)


async def _lasting(generator: Load) -> None:
    while True:
        await generator.paced(_RATE, 5)
        generator.forget()


def _of_reactions(reactions: Sequence[Reaction]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for source in _REPORTERS:
        own = [it for it in reactions if it.source == source]
        took = sorted(it.seconds for it in own if it.seconds is not None)
        centiles = quantiles(took, n=100, method="inclusive") if len(took) > 1 else []
        found[source] = {
            "cases": len(own),
            "changed": len(took),
            "labels_a_case": _REPORTERS[source],
            "p50_s": round(centiles[49], 2) if centiles else None,
            "p95_s": round(centiles[94], 2) if centiles else None,
            "most_s": round(took[-1], 2) if took else None,
            "actions": sorted({f"{it.before} -> {it.after}" for it in own}),
        }
    return {"beside": f"{_RATE:g} messages a second", **found}
