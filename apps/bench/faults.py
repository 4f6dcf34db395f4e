"""`weir bench faults`: a learner that is killed while labels flow, beside one that isn't.

Both handle the same records of the topic of labels, each with Redis keys, a consumer group and a
folder of snapshots of its own, on the same messages and verdicts.
"""

import asyncio
import logging
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from apps.bench.fault_labels import Planned, plan_labels
from apps.bench.fault_log import judged_messages, make_anew
from apps.bench.fault_making import Faults, draw_faults
from apps.bench.fault_state import Counted, Learned, copy_keys, read_counted, read_learned
from apps.bench.machine import machine
from apps.bench.supervised import Supervised
from apps.bench.topic_tail import TopicTail
from apps.bench.workers_run import worker_environment
from apps.local.errors import StackError
from apps.local.stack import LocalStack
from apps.publishing import open_publisher
from streams.learning.metrics import LearnerMetrics
from streams.learning.opening import Parts
from streams.learning.rebuilding import Rebuilt, rebuild
from streams.model_records import Marker, read_model_record
from streams.registry import Registry
from streams.settings import Settings, load, write_keys
from streams.stores.redis_store import RedisStore, open_redis
from streams.topics import create, name

__all__ = ["is_exact", "measure_faults"]

_MESSAGES: Final = 400
_NONE_COUNTED: Final = (
    "lost",
    "twice",
    "entities_wrong",
    "entities_different",
    "records_different",
)
_NONE_LEARNED: Final = ("lost", "more", "twice", "gaps", "revoked")
_PATIENCE: Final = 120.0  # seconds until all labels are handled
_NAMES: Final = ("weir", "calm")

Say = Callable[[str], None]


def measure_faults(*, labels: int, rate: float, kills: int, seed: int, say: Say) -> dict[str, Any]:
    """Return what became of labels while the learner was killed and Redis and Kafka restarted.

    Raises StackError where the stack can't be started or labels aren't handled in time.
    """
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        say("starting Kafka and Redis")
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what is away is away by intent
        with LocalStack(Path(folder) / "stack", durable=True) as stack:
            write_keys(Path(folder) / "keys.toml")
            run = _Run(stack, Path(folder), labels, rate, kills, seed, say)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                found = runner.run(run.measure())
    return {"benchmark": "faults", "machine": machine(), "seed": seed, **found}


def is_exact(found: Mapping[str, Any]) -> bool:
    """Tell whether nothing was lost, nothing counted or learned twice, and both states are one."""
    counted, learned, letters = found["counted"], found["learned"], found["dead_letters"]
    wrong = [
        *(counted[key] for key in _NONE_COUNTED),
        *(learned[key] for key in _NONE_LEARNED),
        letters["wanted"] - letters["found"],
    ]
    return not any(wrong) and learned["in_order"] and all(found["digest"].values())


class _Run:
    """One flow of labels under faults, then the same without."""

    def __init__(
        self,
        stack: LocalStack,
        folder: Path,
        labels: int,
        rate: float,
        kills: int,
        seed: int,
        say: Say,
    ) -> None:
        self._stack = stack
        self._folder = folder
        self._labels = labels
        self._rate = rate
        self._kills = kills
        self._seed = seed
        self._say = say
        self._environments = [self._environment(own) for own in _NAMES]
        self._settings: list[Settings] = [load(None, each) for each in self._environments]
        self._offsets: list[int] = []

    def _environment(self, own: str) -> dict[str, str]:
        (self._folder / own).mkdir()
        return {
            **worker_environment(own, self._stack, self._folder),
            "WEIR_TOPICS__PREFIX": "weir.",  # the same messages, verdicts and labels for both
            "WEIR_MODELS__SNAPSHOTS": str(self._folder / own),
            "WEIR_LEARNER__PUBLISH_SECONDS": "1",
            "WEIR_LEARNER__SNAPSHOT_LABELS": "100",
            "WEIR_LEARNER__WAIT_SECONDS": "2",
            "WEIR_REDIS__TIMEOUT_SECONDS": "2",
        }

    async def measure(self) -> dict[str, Any]:
        first, calm = self._settings
        store = RedisStore(first)
        await create(first, store.set_epoch)
        await store.close()
        async with Supervised.running(
            "streams.worker", self._environments[0], self._folder / "worker.log"
        ):
            self._say(f"{_MESSAGES} messages")
            idents = await judged_messages(first, _MESSAGES, self._seed)
            plan = plan_labels(name(first, "labels"), idents, self._labels, self._seed)
            redis = open_redis(first)
            await copy_keys(redis, first.redis.key_prefix, calm.redis.key_prefix)
            await redis.aclose()
            self._say(f"{self._labels:,} labels at {self._rate:g} a second, {self._kills} kills")
            faults = await self._disturbed(plan)
        counted, learned = await self._state(first)
        rebuilt = await self._rebuilt(first)
        dead = await self._dead_letters(first)
        self._say("the same labels undisturbed")
        await make_anew(calm, "models")
        async with Supervised.running(
            "streams.learner", self._environments[1], self._folder / "calm.log"
        ) as learner:
            took = time.perf_counter()
            await self._until_handled(calm, learner)
            took = time.perf_counter() - took
        counted_calm, learned_calm = await self._state(calm)
        known = [self._offsets[number] for number in sorted(plan.known)]
        malformed = plan.sorts["malformed"]
        return {
            "labels": self._labels,
            "sorts": plan.sorts,
            "faults": faults,
            "counted": _of_counts(known, counted, counted_calm),
            "learned": _of_steps(learned, learned_calm),
            "dead_letters": {"wanted": malformed, "found": dead},
            "digest": {
                "equal": learned.digest == learned_calm.digest,
                "rebuilt_equal": rebuilt.agrees,
            },
            "undisturbed_s": round(took, 1),
        }

    async def _disturbed(self, plan: Planned) -> dict[str, Any]:
        """Let the labels flow while faults happen; return what happened."""
        async with Supervised.running(
            "streams.learner", self._environments[0], self._folder / "learner.log"
        ) as learner:
            planned = draw_faults(self._labels, self._kills, self._seed)
            faults = Faults(planned, self._stack, learner, self._say)
            started = time.monotonic()
            flowing = asyncio.create_task(self._flow(plan, faults))
            try:
                await faults.make(self._settings[0])
                await flowing
            finally:
                flowing.cancel()
            flowed = time.monotonic() - started
            await self._until_handled(self._settings[0], learner)
            return {
                "kills": faults.made["kill"] + faults.made["kill_starting"],
                "kills_at_work": faults.made["kill"],
                "redis_restarts": faults.made["redis"],
                "kafka_restarts": faults.made["kafka"],
                "starts": learner.starts,
                "exits": len(learner.exits),
                "flow_s": round(flowed, 1),
                "behind_s": round(time.monotonic() - started - flowed, 1),
            }

    async def _flow(self, plan: Planned, faults: Faults) -> None:
        """Publish the labels evenly, and note at which offsets they lie."""
        due = time.monotonic()
        async with open_publisher(self._settings[0]) as publisher:
            done = []
            for number, record in enumerate(plan.records):
                await faults.may_flow(number)
                due = max(due + 1 / self._rate, time.monotonic() - 1.0)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                done += await publisher.send(record)
            done += await publisher.flush()
        self._offsets = [each.offset for each in done]

    async def _until_handled(self, settings: Settings, learner: Supervised) -> None:
        """Return when a marker says that every label is handled."""
        deadline = time.monotonic() + _PATIENCE
        handled = -1
        async with (
            TopicTail.opened(settings, "labels") as labels,
            TopicTail.opened(settings, "models") as models,
        ):
            while handled < (end := await labels.end()) - 1:
                for record in await models.more():
                    found = read_model_record(record.headers, record.value)
                    if isinstance(found, Marker) and found.labels is not None:
                        handled = found.labels.offset
                if time.monotonic() > deadline:
                    raise StackError(
                        f"labels are handled up to {handled}, and end at {end}, for "
                        f"{_PATIENCE:.0f} s; the learner's log ends: {learner.tail()}"
                    )

    async def _state(self, settings: Settings) -> tuple[Counted, Learned]:
        async with AsyncExitStack() as opened:
            store, redis = RedisStore(settings), open_redis(settings)
            opened.push_async_callback(store.close)
            opened.push_async_callback(redis.aclose)
            models = await opened.enter_async_context(TopicTail.opened(settings, "models"))
            learned = read_learned(await models.all())
            return await read_counted(store, redis, settings.redis.key_prefix), learned

    async def _rebuilt(self, settings: Settings) -> Rebuilt:
        parts, registry, store = (
            Parts(settings, LearnerMetrics()),
            Registry.of(settings),
            RedisStore(settings),
        )
        try:
            epoch = await store.epoch(name(settings, "models"), "none")
            return await rebuild(
                settings, parts.snapshots, registry, epoch, lambda *_: None, from_nothing=True
            )
        finally:
            await registry.close()
            await store.close()

    async def _dead_letters(self, settings: Settings) -> int:
        """Return of how many labels there are dead letters; one may be there twice."""
        async with TopicTail.opened(settings, "deadletter") as letters:
            places = {
                value
                for record in await letters.all()
                for key, value in record.headers
                if key == "weir-offset"
            }
            return len(places)


def _of_counts(known: Sequence[int], found: Counted, calm: Counted) -> dict[str, Any]:
    times = [found.heard[offset] for offset in known]
    different = {
        key
        for key in found.kept.keys() | calm.kept.keys()
        if found.kept.get(key) != calm.kept.get(key)
    }
    return {
        "labels": len(known),
        "lost": times.count(0),
        "twice": sum(time > 1 for time in times),
        "entities": len(found.totals),
        "entities_wrong": sum(found.totals[it] != found.wanted[it] for it in found.totals),
        "entities_different": sum(
            found.totals.get(it) != calm.totals.get(it)
            for it in found.totals.keys() | calm.totals.keys()
        ),
        "records": len(found.kept),
        "records_different": len(different),
    }


def _of_steps(found: Learned, calm: Learned) -> dict[str, Any]:
    pauses = [after - before for before, after in zip(found.times, found.times[1:], strict=False)]
    gaps = [
        after - before - 1
        for before, after in zip(found.sequences, found.sequences[1:], strict=False)
    ]
    return {
        "steps": len(found.offsets),
        "lost": len(set(calm.offsets) - set(found.offsets)),
        "more": len(set(found.offsets) - set(calm.offsets)),
        "twice": len(found.offsets) - len(set(found.offsets)),
        "gaps": sum(gaps),
        "in_order": found.offsets == sorted(found.offsets),
        "revoked": found.revoked,
        "longest_pause_s": round(max(pauses, default=0.0), 1),
    }
