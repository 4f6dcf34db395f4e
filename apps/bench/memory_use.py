"""`weir bench memory`: what a worker holds while a long stream passes."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from apps.bench.machine import machine
from apps.bench.worker_cost import Say
from apps.bench.workers_run import WorkersRun, bodies, worker_environment
from apps.local.stack import LocalStack
from streams.settings import write_keys

__all__ = ["measure_memory"]

_STEP = 2_000  # messages between readings
_SETTLED = 5  # the first part in so many is warm-up, and says nothing about a leak


def measure_memory(mail: str | None, *, messages: int, say: Say) -> dict[str, Any]:
    """Return a worker's memory over a stream of long-tailed senders (docs/benchmarks.md).

    Raises StackError where the stack can't be started, or the worker doesn't answer.
    """
    raws = bodies(mail)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        say("starting Kafka and Redis")
        with LocalStack(Path(folder) / "stack", quick=False) as stack:
            write_keys(Path(folder) / "keys.toml")
            environment = worker_environment("weir", stack, Path(folder))
            run = WorkersRun("streams.worker", 1, environment, Path(folder))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                held = runner.run(_measure(run, raws, messages, say))
    settled = held[len(held) // _SETTLED :]
    half = len(settled) // 2
    return {
        "benchmark": "memory",
        "machine": machine(),
        "messages": len(held) * _STEP,
        "mail": {"distinct": len(raws), "mean_bytes": round(sum(map(len, raws)) / len(raws))},
        "most_mib": round(max(held), 1),
        "first_half_mib": round(sum(settled[:half]) / max(1, half), 1),
        "second_half_mib": round(sum(settled[half:]) / max(1, len(settled) - half), 1),
        "resident_mib": [round(value, 1) for value in held[:: max(1, len(held) // 50)]],
    }


async def _measure(run: WorkersRun, raws: Sequence[bytes], messages: int, say: Say) -> list[float]:
    held = []
    async with run.started(raws) as generator:
        for done in range(_STEP, messages + 1, _STEP):
            await generator.bulk(_STEP)
            generator.forget()
            held.append(run.resident_mib())
            if done % (10 * _STEP) == 0:
                say(f"{done:,} of {messages:,} messages, {held[-1]:.0f} MiB")
    return held
