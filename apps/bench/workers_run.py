"""Worker processes under load for a benchmark: started, warmed, watched and stopped."""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from apps.bench.load import Load, LoadError, open_load
from apps.bench.machine import cpu_ms, resident_mib
from apps.bench.traffic import Traffic
from apps.local.errors import StackError
from apps.local.layout import CHECKOUT
from apps.local.processes import GuardedProcess
from apps.local.stack import LocalStack
from apps.sources import Mail, read_mail
from streams.settings import load
from streams.stores.redis_store import RedisStore, open_redis
from streams.topics import create

__all__ = ["WorkersRun", "bodies", "worker_environment"]

_READY_SECONDS = 60.0


def bodies(path: str | None) -> list[bytes]:
    """Return a folder's messages in a mixed order: folders hold mail by kind, a stream doesn't.

    Raises FileNotFoundError where there are none; no path stands for the examples.
    """
    chosen = path or str(CHECKOUT / "examples" / "inbound")
    raws = [item.raw for item in read_mail([chosen], 1_000_000) if isinstance(item, Mail)]
    if not raws:
        raise FileNotFoundError(2, "holds no mail", chosen)
    random.Random(0).shuffle(raws)  # noqa: S311 - the same order each time
    return raws


def worker_environment(name: str, stack: LocalStack, folder: Path) -> dict[str, str]:
    """Give each contender topics, group and keys of its own, so that none sees another's."""
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


class WorkersRun:
    """Processes of one module that share a consumer group."""

    def __init__(
        self, module: str, count: int, environment: Mapping[str, str], folder: Path
    ) -> None:
        self._module = module
        self._count = count
        self._environment = environment
        self._folder = folder
        self._settings = load(None, environment)
        self._redis = open_redis(self._settings)
        self._workers: list[GuardedProcess] = []

    @asynccontextmanager
    async def started(self, mail: Sequence[bytes]) -> AsyncIterator[Load]:
        """Start the workers and a load generator; both are gone when the block is left.

        Raises StackError where the workers don't answer.
        """
        await self._create_topics()
        others = {key: value for key, value in os.environ.items() if not key.startswith("WEIR_")}
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._redis.aclose)
            for number in range(self._count):
                worker = GuardedProcess(
                    self._module,
                    [sys.executable, "-m", self._module],
                    self._folder / f"{self._module}-{self._count}-{number}.log",
                    environment={**others, **self._environment},
                )
                self._workers.append(worker)
                stack.callback(worker.stop)
            traffic = Traffic(mail, datetime.now(UTC), rate=1.0)
            try:
                async with open_load(self._settings, traffic) as generator:
                    await self._ready(generator)
                    yield generator
            except LoadError as error:
                tail = self._workers[0].tail()
                raise StackError(f"{self._module}: {error}; its log ends: {tail}") from None

    def cpu_ms(self) -> float:
        """Return the CPU time that all workers have used, in ms."""
        return sum(cpu_ms(worker.pid) for worker in self._workers)

    def resident_mib(self) -> float:
        """Return the memory that the largest worker holds, in MiB."""
        return max(resident_mib(worker.pid) for worker in self._workers)

    async def redis_cpu_ms(self) -> float:
        """Return the CPU time that Redis has used, in ms."""
        used = await self._redis.info("cpu")
        return 1000 * float(used["used_cpu_user"] + used["used_cpu_sys"])

    async def _create_topics(self) -> None:
        store = RedisStore(self._settings)
        try:
            await create(self._settings, store.set_epoch)
        finally:
            await store.close()

    async def _ready(self, generator: Load) -> None:
        """Wait until probes are answered on all partitions: each worker has its own and a core."""
        until = time.monotonic() + _READY_SECONDS
        await asyncio.sleep(5.0 * (self._count - 1))  # until the group has settled
        answered = asyncio.create_task(generator.bulk(8 * self._count))
        while not answered.done():
            stopped = [worker for worker in self._workers if not worker.running]
            if stopped or time.monotonic() > until:
                answered.cancel()
                worker = (stopped or self._workers)[0]
                raise StackError(f"{worker.name} answered nothing: {worker.tail()}")
            await asyncio.sleep(0.1)
        await answered
