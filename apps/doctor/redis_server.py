"""Redis: that it answers, keeps what it is given, survives a restart, and agrees on the time."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis.exceptions import RedisError, ResponseError

from apps.doctor.finding import Finding, fault, fine, warning
from streams.settings import Settings
from streams.stores.redis_store import open_redis

__all__ = ["look_at_redis"]

_OLDEST = (7, 0)
_FULL = 0.9
_SKEW = 2.0


async def look_at_redis(settings: Settings) -> list[Finding]:
    """Return findings about Redis; one fault if it doesn't answer."""
    client = open_redis(settings)
    try:
        info: Mapping[str, Any] = await client.info()
        seconds, micros = await client.time()
        ours = time.time()
        try:
            config: Mapping[Any, Any] = await client.config_get("save")
        except ResponseError:  # an ACL may forbid CONFIG
            config = {}
    except (RedisError, OSError) as error:
        return [
            fault(
                "redis",
                f"no answer ({type(error).__name__}: {error})",
                "start it, and check redis.url, redis.host, redis.port, user and password; until "
                "then verdicts are marked degraded",
            )
        ]
    finally:
        await client.aclose()
    skew = seconds + micros / 1e6 - ours
    return [
        *_version(str(info.get("redis_version", "0"))),
        *_memory(info),
        *_persistence(info, config),
        *_clock(skew),
    ]


def _version(version: str) -> Iterator[Finding]:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < _OLDEST:
        yield fault("redis", f"version {version}", "upgrade it to 7.0 or newer")
    else:
        yield fine("redis", f"version {version} answers")


def _memory(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy, limit = str(info.get("maxmemory_policy", "")), int(info.get("maxmemory", 0))
    if policy != "noeviction":
        yield fault(
            "redis memory",
            f"maxmemory-policy is {policy}: records of verdicts could be evicted",
            "set `maxmemory-policy noeviction` in redis.conf",
        )
    used = int(info.get("used_memory", 0))
    if limit and used > _FULL * limit:
        yield warning("redis memory", f"{used / limit:.0%} of maxmemory is used", "raise maxmemory")
    elif policy == "noeviction":
        yield fine("redis memory", f"{used / 1e6:.0f} MB used, nothing is evicted")


def _persistence(info: Mapping[str, Any], config: Mapping[Any, Any]) -> Iterator[Finding]:
    if info.get("aof_enabled"):
        yield fine("redis persistence", "append-only file")
    elif config.get("save"):
        yield warning(
            "redis persistence",
            f"snapshots only (save {config['save']}): a crash loses what came since",
            "set `appendonly yes` in redis.conf",
        )
    else:
        yield warning(
            "redis persistence",
            "none that we can see: a restart forgets records, ids and topic epochs",
            "set `appendonly yes` in redis.conf",
        )
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or (
        info.get("aof_last_write_status", "ok") != "ok"
    ):
        yield fault("redis persistence", "the last write failed", "look at Redis's log and disk")


def _clock(skew: float) -> Iterator[Finding]:
    if abs(skew) > _SKEW:
        yield fault(
            "clock",
            f"Redis is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine",
            "synchronise the clocks (chrony, systemd-timesyncd)",
        )
    else:
        yield fine("clock", f"within {_SKEW:.0f} s of Redis's")
