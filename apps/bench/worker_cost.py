"""`weir bench worker`: Kafka to Kafka, Weir's worker beside Faust with nothing to do."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop

from apps.bench.machine import machine
from apps.bench.workers_run import WorkersRun, bodies, worker_environment
from apps.local.stack import LocalStack
from streams.settings import write_keys

__all__ = ["measure_worker"]

# Module and number of processes.
_CONTENDERS = {
    "pass_through": ("apps.bench.pass_through", 1),
    "weir": ("streams.worker", 1),
    "two_weirs": ("streams.worker", 2),
}
_WARM_UP = 500  # messages

Say = Callable[[str], None]


def measure_worker(mail: str | None, *, messages: int, seconds: int, say: Say) -> dict[str, Any]:
    """Return both workers' figures from one run on one local stack (docs/benchmarks.md).

    Raises StackError where the stack can't be started, or a worker doesn't answer.
    """
    raws = bodies(mail)
    found = {}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        say("starting Kafka and Redis")
        with LocalStack(Path(folder) / "stack", quick=False) as stack:
            write_keys(Path(folder) / "keys.toml")
            for name, (module, count) in _CONTENDERS.items():
                run = WorkersRun(
                    module, count, worker_environment(name, stack, Path(folder)), Path(folder)
                )
                say(f"{name}: {messages:,} messages in bulk, then {seconds} s at half of that rate")
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    found[name] = runner.run(_measure(run, raws, messages, seconds))
    bare, ours = found["pass_through"], found["weir"]
    return {
        "benchmark": "worker",
        "machine": machine(),
        "mail": {
            "distinct": len(raws),
            "mean_bytes": round(sum(map(len, raws)) / len(raws)),
        },
        "workers": found,
        "ratio_to_pass_through": {
            key: round(ours[key] / bare[key], 2) for key in ("cpu_ms", "rate", "p50_ms", "p99_ms")
        },
        "two_workers_rate_ratio": round(found["two_weirs"]["rate"] / ours["rate"], 2),
    }


async def _measure(
    run: WorkersRun, raws: Sequence[bytes], messages: int, seconds: int
) -> dict[str, float | int]:
    async with run.started(raws) as generator:
        await generator.bulk(_WARM_UP)
        before, redis_before = run.cpu_ms(), await run.redis_cpu_ms()
        took = await generator.bulk(messages)
        cpu = (run.cpu_ms() - before) / messages
        redis_cpu = (await run.redis_cpu_ms() - redis_before) / messages
        rate = messages / took
        before = run.cpu_ms()
        delays = await generator.paced(rate / 2, seconds)
        paced_cpu = (run.cpu_ms() - before) / len(delays)
    centiles = quantiles(delays, n=100, method="inclusive")
    return {
        "messages": messages,
        "cpu_ms": round(cpu, 3),
        "redis_cpu_ms": round(redis_cpu, 3),
        "rate": round(rate, 1),
        "half_rate": round(rate / 2, 1),
        "half_rate_messages": len(delays),
        "half_rate_cpu_ms": round(paced_cpu, 3),
        "p50_ms": round(centiles[49], 2),
        "p99_ms": round(centiles[98], 2),
        "max_ms": round(max(delays), 2),
    }
