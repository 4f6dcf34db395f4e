"""`weir bench hook`: what a verdict adds to an SMTP transaction, and what failures do to it."""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import uvloop

from apps.bench.hook_faults import break_brokers
from apps.bench.hook_run import Contender, HookRun, mail_of
from apps.bench.http_load import check_all
from apps.bench.machine import cpu_ms, machine
from apps.bench.rspamd import rspamd, version_of
from apps.bench.smtp_load import Mail, codes, send_all
from apps.bench.topic_tail import TopicTail
from apps.bench.traffic import Traffic
from apps.bench.workers_run import bodies, worker_environment
from apps.local.stack import LocalStack
from streams.settings import Settings, load, write_keys
from streams.stores.redis_store import RedisStore
from streams.topics import create
from streams.wire import read_head

__all__ = ["measure_hook"]

_NAMES: Final = ("none", "pass_through", "kafka", "embedded")
_WARM_UP: Final = 500
_BUSY: Final = 16  # sessions that saturate a contender
_PACED: Final = 40  # sessions of which a steady rate finds one free
_AT_ONCE: Final = 100
_CONNECTIONS: Final = 8

Say = Callable[[str], None]


def measure_hook(mail: str | None, *, messages: int, seconds: int, say: Say) -> dict[str, Any]:
    """Return the figures of all contenders from one run on one machine (docs/benchmarks.md).

    Raises StackError where something can't be started, PeerMissingError without rspamd.
    """
    raws = bodies(mail)
    version_of()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as name:
        folder = Path(name)
        say("starting Kafka, Redis, Postfix, a worker and three milters")
        with LocalStack(folder / "stack", quick=False) as stack:
            write_keys(folder / "keys.toml")
            environment = worker_environment("hook", stack, folder)
            settings = load(None, environment)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_create_topics(settings))
                with HookRun(folder, environment).started() as run:
                    bench = _Bench(run, settings, raws, say)
                    found = runner.run(bench.smtp(seconds))
                    found["together"] = runner.run(bench.together(messages))
                    found["brokers_killed"] = runner.run(
                        break_brokers(stack, run, settings, bench.mail, say)
                    )
                    port = int(stack.redis_url.rpartition(":")[2].partition("/")[0])
                    with rspamd(folder / "rspamd", port) as peer:
                        taught = _teach(peer.learn, raws)
                        say(f"/checkv2 beside rspamd, which learned {taught} messages")
                        found["checkv2"] = {
                            "rspamd": runner.run(
                                bench.checked(peer.url, lambda: {"rspamd": cpu_ms(peer.pid())})
                            ),
                            **{
                                name: runner.run(
                                    bench.checked(
                                        f"http://127.0.0.1:{port}", run.contender(name).cpu_ms
                                    )
                                )
                                for name, port in run.apis.items()
                            },
                        }
    return {
        "benchmark": "hook",
        "machine": machine(),
        "rspamd": version_of(),
        "mail": {
            "distinct": len(raws),
            "mean_bytes": round(sum(map(len, raws)) / len(raws)),
        },
        **found,
    }


class _Bench:
    def __init__(self, run: HookRun, settings: Settings, raws: Sequence[bytes], say: Say) -> None:
        self._run = run
        self._settings = settings
        self._raws = raws
        self._say = say
        self._traffic = Traffic(raws, datetime.now(UTC), rate=1.0)

    def mail(self, count: int) -> list[Mail]:
        """Return messages that nobody has seen yet."""
        return mail_of(self._traffic, count)

    async def smtp(self, seconds: int) -> dict[str, Any]:
        """Saturate each contender, then hold half of what the Kafka path took with each."""
        found: dict[str, dict[str, Any]] = {}
        for name in _NAMES:
            contender = self._run.contender(name)
            await send_all(contender.port, self.mail(_WARM_UP), _BUSY)
            found[name] = await self._saturated(contender)
            self._say(f"{name}: {found[name]['rate']:g} messages a second")
        rate = found["kafka"]["rate"] / 2
        for name in _NAMES:
            found[name] |= await self._paced(self._run.contender(name), rate, seconds)
            self._say(f"{name}: p50 {found[name]['p50_ms']:g} ms at {rate:.0f} a second")
        base = found["pass_through"]
        return {
            "half_rate": round(rate, 1),
            "smtp": found,
            "added": {
                name: {key: round(found[name][key] - base[key], 2) for key in ("p50_ms", "p99_ms")}
                for name in ("kafka", "embedded")
            },
        }

    async def _saturated(self, contender: Contender) -> dict[str, Any]:
        count = 4 * _WARM_UP
        used = contender.cpu_ms()
        sent = await send_all(contender.port, self.mail(count), _BUSY)
        return {
            "rate": round(count / sent.seconds, 1),
            "cpu_ms": _spent(contender, used, count),
            "codes": codes(sent.answers),
        }

    async def _paced(self, contender: Contender, rate: float, seconds: int) -> dict[str, Any]:
        count = round(rate * seconds)
        used = contender.cpu_ms()
        sent = await send_all(contender.port, self.mail(count), _PACED, rate)
        centiles = quantiles((one.seconds * 1000 for one in sent.answers), n=100)
        return {
            "half_rate_messages": count,
            "half_rate_late": sent.late,
            "half_rate_cpu_ms": _spent(contender, used, count),
            "p50_ms": round(centiles[49], 2),
            "p99_ms": round(centiles[98], 2),
        }

    async def together(self, messages: int) -> dict[str, Any]:
        """Hold 100 sessions at once; compare what clients heard with the verdicts published."""
        self._say(f"{_AT_ONCE} sessions at once, {messages:,} messages")
        async with TopicTail.opened(self._settings, "verdicts", from_now=True) as verdicts:
            sent = await send_all(self._run.contender("kafka").port, self.mail(messages), _AT_ONCE)
            actions: dict[str, str] = {}
            quiet = 0
            while len(actions) < messages and quiet < 50:
                records = await verdicts.more()
                quiet = 0 if records else quiet + 1
                for record in records:
                    head = read_head(record.value)
                    if head.kind == "fallback" or head.id not in actions:
                        actions[head.id] = head.action
        refused = {one for one, action in actions.items() if action == "reject"}
        told = {
            ident
            for one in sent.answers
            if one.code == 550
            for ident in refused
            if ident in one.text
        }
        return {
            "messages": messages,
            "sessions": _AT_ONCE,
            "seconds": round(sent.seconds, 1),
            "unanswered": sum(one.code == 0 for one in sent.answers),
            "without_verdict": messages - len(actions),
            "rejected": len(refused),
            "rejected_and_told_so": len(told),
            "codes": codes(sent.answers),
            "max_seconds": round(max(one.seconds for one in sent.answers), 2),
        }

    async def checked(self, url: str, spent: Callable[[], dict[str, float]]) -> dict[str, Any]:
        """Post messages to /checkv2, and tell the rate and the CPU time of each process."""
        count = 2 * _WARM_UP
        # With Hostname, as MTAs send it, rspamd needs no look-up of it that would take a second.
        headers = {
            "From": "sender@example.net",
            "Rcpt": "ours@example.org",
            "IP": "192.0.2.1",
            "Helo": "mail.example.net",
            "Hostname": "mail.example.net",
        }
        for warm in (True, False):
            raws = [one.raw for one in self.mail(_WARM_UP if warm else count)]
            used = spent()
            done = await check_all(f"{url}/checkv2", raws, _CONNECTIONS, headers)
        centiles = quantiles((each * 1000 for each in done.delays), n=100)
        return {
            "answered": done.answered,
            "of": count,
            "rate": round(count / done.seconds, 1),
            "cpu_ms": {name: round((now - used[name]) / count, 3) for name, now in spent().items()},
            "p50_ms": round(centiles[49], 2),
            "p99_ms": round(centiles[98], 2),
        }


async def _create_topics(settings: Settings) -> None:
    store = RedisStore(settings)
    try:
        await create(settings, store.set_epoch)
    finally:
        await store.close()


def _spent(contender: Contender, used: dict[str, float], count: int) -> dict[str, float]:
    return {name: round((now - used[name]) / count, 3) for name, now in contender.cpu_ms().items()}


def _teach(learn: Callable[..., int], raws: Sequence[bytes]) -> int:
    """Teach rspamd's Bayes half of the bodies as spam, half as ham: only its cost is asked."""
    half = len(raws) // 2
    return learn(raws[:half], "spam") + learn(raws[half:], "ham")
