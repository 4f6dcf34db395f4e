"""Keeps the fallback's models and policy as the workers have theirs, as far as that can be read.

Neither Redis nor Kafka is needed for it to begin: what can't be read yet is tried again.
"""

import asyncio
from typing import Final

import structlog

from apps.hook.fallback import Fallback
from apps.hook.metrics import HookMetrics
from detectors.policy import PolicySet
from streams.following.running import following
from streams.local_log import administration as local
from streams.log_watch import read_epoch
from streams.policies import PolicyWatch
from streams.settings import Settings
from streams.stores.protocol import StoreError
from streams.stores.redis_store import RedisStore, open_redis
from streams.topics import name

__all__ = ["follow_models", "follow_policy", "watch_policy"]

_PAUSE: Final = 5.0  # seconds before Redis is asked again

log = structlog.get_logger(__name__)


async def follow_models(settings: Settings, fallback: Fallback, metrics: HookMetrics) -> None:
    """Follow the learner's publish markers until cancelled, once Redis has told their epoch."""
    epoch = await _epoch(settings)
    async with following(settings, fallback.in_force, fallback.executor, metrics.registry, epoch):
        await asyncio.Event().wait()


def watch_policy(settings: Settings, fallback: Fallback, metrics: HookMetrics) -> PolicyWatch:
    """Return what tells of a change of the policy file since now."""
    policies = fallback.in_force.judge.policies
    return PolicyWatch(settings.policy, _Unkept(), metrics, policies)


async def follow_policy(watch: PolicyWatch, fallback: Fallback, seconds: float) -> None:
    """Put a changed policy file in force until cancelled, looking at it every so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        policies = await watch.look()
        if policies is not None:
            _put(fallback, policies)


def _put(fallback: Fallback, policies: PolicySet) -> None:
    fallback.in_force.change(lambda judge: judge.with_policies(policies))


async def _epoch(settings: Settings) -> str:
    if settings.embedded.folder:
        topics = await asyncio.to_thread(local.topics, settings.embedded.folder)
        return topics[name(settings, "models")].epoch
    store = RedisStore(settings, open_redis(settings, guarded=True))
    try:
        while True:
            try:
                async with asyncio.timeout(settings.redis.timeout_seconds):
                    return await read_epoch(settings, store, "models")
            except (StoreError, TimeoutError) as error:
                log.info("models_not_followed_yet", error=str(error)[:200])
            await asyncio.sleep(_PAUSE)
    finally:
        await store.close()


class _Unkept:
    """Keeps no policy: workers keep the same one, and a hook must not need Redis for its own."""

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Do nothing."""
