"""`weir bench state`: what the sender state costs in Redis, in time and in bytes."""

import asyncio
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from apps.bench.machine import machine
from apps.bench.traffic import Traffic
from apps.bench.worker_cost import Say
from apps.bench.workers_run import bodies
from apps.local.redis_server import RedisServer
from features.context import Context
from features.envelope import Incoming, LogPosition
from features.evidence import Evidence, extract
from features.rolling import KINDS
from features.sender import outcome, read_history
from streams.settings import load
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore, open_redis

__all__ = ["measure_state"]

_DAYS = 3.0  # the stream's own time
_PREFIX = "state:"
# Segments end in class (f: full records, s: sightings), kind's code and number.
_SEGMENT = re.compile(rb":([fs])(.)(\d+)$")
_KIND_OF = {kind.code: name for name, kind in KINDS.items()}


def measure_state(mail: str | None, *, messages: int, batch: int, say: Say) -> dict[str, Any]:
    """Return the state's cost on a stream of long-tailed senders (docs/benchmarks.md).

    Raises StackError where Redis can't be started.
    """
    raws = bodies(mail)
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            found = asyncio.run(_measure(server.url, raws, messages, batch, say))
        finally:
            server.stop()
    return {
        "benchmark": "state",
        "machine": machine(),
        "messages": messages,
        "batch": batch,
        "mail": {"distinct": len(raws), "mean_bytes": round(sum(map(len, raws)) / len(raws))},
        **found,
    }


async def _measure(
    url: str, raws: Sequence[bytes], messages: int, batch: int, say: Say
) -> dict[str, Any]:
    settings = load(
        None,
        {
            "WEIR_REDIS__URL": url,
            "WEIR_REDIS__KEY_PREFIX": _PREFIX,
            "WEIR_REDIS__TIMEOUT_SECONDS": "30",
        },
    )
    store, redis = RedisStore(settings), open_redis(settings)
    context = Context(hash_key=b"benchmark")
    traffic = Traffic(raws, datetime.now(UTC) - timedelta(days=_DAYS), messages / (_DAYS * 86_400))
    spent: dict[str, float] = defaultdict(float)
    idle = await _redis_cpu(redis)
    try:
        for first in range(0, messages, batch):
            size = min(batch, messages - first)
            await _advance(store, traffic, context, first, size, spent)
            if first % (batch * 500) == 0:
                say(f"{first:,} of {messages:,} messages")
        spent["redis"] = await _redis_cpu(redis) - idle
        held = await _held(redis)
    finally:
        await store.close()
        await redis.aclose()
    cpu = {name: round(seconds / messages * 1e6, 1) for name, seconds in spent.items()}
    return {"cpu_us": cpu, **held}


async def _advance(
    store: RedisStore,
    traffic: Traffic,
    context: Context,
    first: int,
    size: int,
    spent: dict[str, float],
) -> None:
    """Send one batch's arrivals and outcomes, each in one call, as a worker does."""
    found = [_examined(traffic, context, first + number) for number in range(size)]
    started = time.process_time()
    answers = await store.advance([move for _, move in found])
    spent["arrival"] += time.process_time() - started
    started = time.process_time()
    outcomes = []
    for (evidence, move), answer in zip(found, answers, strict=True):
        directions = [mention and mention.direction for mention in answer.mentions]
        history = read_history(evidence.touches, answer.readings, directions, move.at)
        added = outcome(evidence.touches, history, delivered=True, bad=False)
        outcomes.append(Move(move.position, move.at, added))
    spent["history"] += time.process_time() - started
    started = time.process_time()
    await store.record([], outcomes)
    spent["outcome"] += time.process_time() - started


def _examined(traffic: Traffic, context: Context, number: int) -> tuple[Evidence, Move]:
    envelope, raw = traffic.message(f"m{number}")
    position = LogPosition("bench", number % 4, number // 4)
    evidence = extract(Incoming(envelope, raw, position), context)
    at = envelope.received_at.timestamp()
    touches = evidence.touches
    return evidence, Move(position, at, touches.increments, mentions=touches.mentions)


async def _redis_cpu(redis: Redis) -> float:
    used = await redis.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


async def _held(redis: Redis) -> dict[str, Any]:
    """Return entities and bytes by kind, for full records and for sightings."""
    kinds: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_COLUMNS, 0))
    async for key in redis.scan_iter(match=f"{_PREFIX}*", count=1000):
        segment = _SEGMENT.search(key)
        if segment is None:
            continue
        row = kinds[_KIND_OF[segment[2].decode()]]
        entries = int(await redis.hlen(key))
        size = int(await redis.memory_usage(key, samples=0) or 0)
        full = segment[1] == b"f"
        row["full" if full else "sightings"] += entries
        row["full_bytes" if full else "sighting_bytes"] += size
    total = {column: sum(row[column] for row in kinds.values()) for column in _COLUMNS}
    memory = await redis.info("memory")
    return {
        "bytes_a_full_entity": round(total["full_bytes"] / max(1, total["full"]), 1),
        "bytes_a_sighting": round(total["sighting_bytes"] / max(1, total["sightings"]), 1),
        "used_memory_mib": round(memory["used_memory"] / 1_048_576, 1),
        "kinds": {name: dict(row) for name, row in sorted(kinds.items())},
    }


_COLUMNS = ("full", "full_bytes", "sightings", "sighting_bytes")
