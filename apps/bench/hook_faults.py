"""Brokers killed while SMTP clients send: what the clients notice, and how soon it is over."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from apps.bench.hook_run import HookRun
from apps.bench.smtp_load import Mail, codes, send_all
from apps.bench.topic_tail import TopicTail
from apps.local.stack import LocalStack
from streams.settings import Settings
from streams.wire import read_head

__all__ = ["break_brokers"]

_RATE: Final = 30.0
_BEFORE: Final = 5  # seconds
_AWAY: Final = 15
_AFTER: Final = 30
_SESSIONS: Final = 100

Say = Callable[[str], None]


async def break_brokers(
    stack: LocalStack,
    run: HookRun,
    settings: Settings,
    mail: Callable[[int], list[Mail]],
    say: Say,
) -> dict[str, Any]:
    """Kill Kafka in the middle of a steady stream, and start it again; return what was noticed."""
    say(f"brokers killed for {_AWAY} s in a stream of {_RATE:g} messages a second")
    port = run.contender("kafka").port
    messages = mail(round(_RATE * (_BEFORE + _AWAY + _AFTER)))
    sending = asyncio.create_task(send_all(port, messages, _SESSIONS, _RATE))
    await asyncio.sleep(_BEFORE)
    os.killpg(stack.kafka.process.pid, signal.SIGKILL)
    await asyncio.sleep(_AWAY)
    await asyncio.to_thread(stack.restart_kafka)
    back_ms = time.time() * 1000
    sent = await sending
    async with TopicTail.opened(settings, "verdicts") as tail:
        records = await tail.all()
    judged = [
        record.timestamp - back_ms
        for record in records
        if record.timestamp >= back_ms and read_head(record.value).kind == "judged"
    ]
    longest = max(one.seconds for one in sent.answers)
    deadline = settings.hook.deadline_seconds
    return {
        "messages": len(messages),
        "sessions_broken": sum(one.code == 0 for one in sent.answers),
        "codes": codes(sent.answers),
        "longest_seconds": round(longest, 3),
        "deadline_seconds": deadline,
        "beyond_deadline_ms": round(max(0.0, longest - deadline) * 1000, 1),
        "recovered_seconds": round(min(judged) / 1000, 2) if judged else None,
        "fallbacks": sum(read_head(record.value).kind == "fallback" for record in records),
    }
