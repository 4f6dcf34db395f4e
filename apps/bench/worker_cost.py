"""`weir bench worker`: Kafka to Kafka, Weir's worker beside Faust with nothing to do."""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import uvloop

from apps.bench.load import Load, LoadError, open_load
from apps.bench.machine import cpu_ms, machine
from apps.local.errors import StackError
from apps.local.layout import CHECKOUT
from apps.local.processes import GuardedProcess
from apps.local.stack import LocalStack
from apps.sources import Mail, read_mail
from streams.settings import Settings, load, write_keys
from streams.stores.redis_store import RedisStore
from streams.topics import create

__all__ = ["measure_worker"]

_CONTENDERS = {"pass_through": "apps.bench.pass_through", "weir": "streams.worker"}
_READY_SECONDS = 60.0
_WARM_UP = 500  # messages

Say = Callable[[str], None]


def measure_worker(mail: str | None, *, messages: int, seconds: int, say: Say) -> dict[str, Any]:
    """Return both workers' figures from one run on one local stack (docs/benchmarks.md).

    Raises StackError where the stack can't be started, or a worker doesn't answer.
    """
    raws = _mail(mail)
    found = {}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        say("starting Kafka and Redis")
        with LocalStack(Path(folder) / "stack", quick=False) as stack:
            write_keys(Path(folder) / "keys.toml")
            for name, module in _CONTENDERS.items():
                environment = _environment(name, stack, Path(folder))
                say(f"{name}: {messages:,} messages in bulk, then {seconds} s at half of that rate")
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    found[name] = runner.run(
                        _measure(module, environment, Path(folder), raws, messages, seconds)
                    )
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
    }


def _mail(path: str | None) -> list[bytes]:
    chosen = path or str(CHECKOUT / "examples" / "inbound")
    raws = [item.raw for item in read_mail([chosen], 1_000_000) if isinstance(item, Mail)]
    if not raws:
        raise FileNotFoundError(2, "holds no mail", chosen)
    random.Random(0).shuffle(raws)  # noqa: S311 - folders hold mail by kind, a stream doesn't
    return raws


def _environment(name: str, stack: LocalStack, folder: Path) -> dict[str, str]:
    """Give each worker topics, group and keys of its own, so that neither sees the other's."""
    return {
        "WEIR_KAFKA__BROKERS": stack.brokers,
        "WEIR_KAFKA__GROUP": name,
        "WEIR_TOPICS__PREFIX": f"{name}.",
        "WEIR_REDIS__URL": stack.redis_url,
        "WEIR_REDIS__KEY_PREFIX": f"{name}:",
        "WEIR_PRIVACY__KEYS_FILE": str(folder / "keys.toml"),
        "WEIR_HTTP__BIND": "",
        "WEIR_LOG__LEVEL": "warning",
    }


async def _measure(
    module: str,
    environment: Mapping[str, str],
    folder: Path,
    raws: Sequence[bytes],
    messages: int,
    seconds: int,
) -> dict[str, float | int]:
    settings = load(None, environment)
    await _create_topics(settings)
    others = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
    worker = GuardedProcess(
        module,
        [sys.executable, "-m", module],
        folder / f"{module}.log",
        environment={**others, **environment},
    )
    try:
        async with open_load(settings, raws) as generator:
            await _ready(generator, worker)
            await generator.bulk(_WARM_UP)
            before = cpu_ms(worker.pid)
            took = await generator.bulk(messages)
            cpu = (cpu_ms(worker.pid) - before) / messages
            rate = messages / took
            before = cpu_ms(worker.pid)
            delays = await generator.paced(rate / 2, seconds)
            paced_cpu = (cpu_ms(worker.pid) - before) / len(delays)
    except LoadError as error:
        raise StackError(f"{module}: {error}; its log ends: {worker.tail()}") from None
    finally:
        worker.stop()
    centiles = quantiles(delays, n=100, method="inclusive")
    return {
        "messages": messages,
        "cpu_ms": round(cpu, 3),
        "rate": round(rate, 1),
        "half_rate": round(rate / 2, 1),
        "half_rate_messages": len(delays),
        "half_rate_cpu_ms": round(paced_cpu, 3),
        "p50_ms": round(centiles[49], 2),
        "p99_ms": round(centiles[98], 2),
        "max_ms": round(max(delays), 2),
    }


async def _create_topics(settings: Settings) -> None:
    store = RedisStore(settings)
    try:
        await create(settings, store.set_epoch)
    finally:
        await store.close()


async def _ready(generator: Load, worker: GuardedProcess) -> None:
    """Wait until a probe is answered: partitions are assigned and the core is loaded."""
    until = time.monotonic() + _READY_SECONDS
    answered = asyncio.create_task(generator.bulk(1))
    while not answered.done():
        if not worker.running or time.monotonic() > until:
            answered.cancel()
            raise StackError(f"{worker.name} answered nothing: {worker.tail()}")
        await asyncio.sleep(0.1)
    await answered
