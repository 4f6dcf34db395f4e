"""Following beside a worker's judging: everything it needs, opened and closed with a block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import Executor

from prometheus_client import CollectorRegistry

from streams.following.artifacts import Artifacts
from streams.following.follower import Follower
from streams.following.metrics import FollowingMetrics
from streams.in_force import InForce
from streams.registry import Registry
from streams.settings import Settings

__all__ = ["following"]


@contextlib.asynccontextmanager
async def following(
    settings: Settings,
    in_force: InForce,
    executor: Executor,
    registry: CollectorRegistry,
    epoch: str,
) -> AsyncIterator[None]:
    """Follow the topic of models, whose epoch is given, while the block runs.

    `executor` is the one thread in which the judge runs, `registry` that of the worker's metrics.
    """
    judge, artifacts = in_force.judge, Registry.of(settings)
    opened = Artifacts(artifacts, settings.models.snapshots, judge.context, judge.stack)
    metrics = FollowingMetrics(registry)
    follower = Follower(settings, in_force, opened, executor, metrics, epoch=epoch)
    task = asyncio.create_task(follower.run(), name="weir-following")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await artifacts.close()
