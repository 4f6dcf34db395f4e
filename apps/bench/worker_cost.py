"""`weir bench worker`: Kafka to Kafka, Weir's worker beside Faust with nothing to do."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop

from apps.bench.machine import cpu_ms, machine
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
_WARM_UP = 2_000  # messages
# Kafka compiles itself while it runs: its first 15,000 messages cost it four times what later ones
# do, and whoever came first would pay.
_BROKER_WARM_UP = 20_000

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

            def started(name: str, contender: str) -> WorkersRun:
                environment = worker_environment(name, stack, Path(folder))
                return WorkersRun(*_CONTENDERS[contender], environment, Path(folder))

            say(f"warming the broker up with {_BROKER_WARM_UP:,} messages")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_warm_up(started("warm_up", "pass_through"), raws, _BROKER_WARM_UP))
            for name in _CONTENDERS:
                run = started(name, name)
                say(f"{name}: {messages:,} messages in bulk, then {seconds} s at half of that rate")
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    found[name] = runner.run(
                        _measure(run, stack.kafka.process.pid, raws, messages, seconds)
                    )
    bare, ours, two = found["pass_through"], found["weir"], found["two_weirs"]
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
        "broker_warm_up": _BROKER_WARM_UP,
        "two_workers_rate_ratio": round(two["rate"] / ours["rate"], 2),
        "two_workers_cpu_ratio": round(two["cpu_ms"] / ours["cpu_ms"], 2),
    }


async def _warm_up(run: WorkersRun, raws: Sequence[bytes], messages: int) -> None:
    async with run.started(raws) as generator:
        for _ in range(0, messages, _WARM_UP):
            await generator.bulk(_WARM_UP)


async def _measure(
    run: WorkersRun, broker: int, raws: Sequence[bytes], messages: int, seconds: int
) -> dict[str, float | int]:
    async def spent() -> dict[str, float]:
        return {
            "cpu_ms": run.cpu_ms(),
            "redis_cpu_ms": await run.redis_cpu_ms(),
            "broker_cpu_ms": cpu_ms(broker),
            "generator_cpu_ms": time.process_time() * 1000,
        }

    async with run.started(raws) as generator:
        await generator.bulk(_WARM_UP)
        mail = generator.made(messages)
        before = await spent()
        took = await generator.publish(mail)
        bulk = {name: (now - before[name]) / messages for name, now in (await spent()).items()}
        rate = messages / took
        paced_before = run.cpu_ms()
        delays = await generator.paced(rate / 2, seconds)
        paced_cpu = (run.cpu_ms() - paced_before) / len(delays)
    centiles = quantiles(delays, n=100, method="inclusive")
    return {
        "messages": messages,
        **{name: round(used, 3) for name, used in bulk.items()},
        "rate": round(rate, 1),
        "cores_used": round(sum(bulk.values()) * rate / 1000, 2),
        "half_rate": round(rate / 2, 1),
        "half_rate_messages": len(delays),
        "half_rate_cpu_ms": round(paced_cpu, 3),
        "p50_ms": round(centiles[49], 2),
        "p99_ms": round(centiles[98], 2),
        "max_ms": round(max(delays), 2),
    }
