"""The hook's way to the workers with real parts that hang, die and come back."""

import asyncio
import itertools
import os
import re
import signal
import smtplib
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from apps.hook.addresses import parse_address
from apps.hook.front import Front
from apps.hook.gateway import Gateway
from apps.hook.milter.adapter import adapt
from apps.hook.milter.server import Limits, Server
from apps.hook.submission import Listener
from apps.local import ports, postfix
from apps.local.postfix import Entrance, Postfix
from detectors.record import decode
from features.envelope import Envelope
from streams.keys import read_keys
from streams.wire import new_id

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(served):
    """Settings of a hook whose senders wait less than usual."""
    hook = msgspec.structs.replace(served.settings.hook, deadline_seconds=1.0)
    return msgspec.structs.replace(served.settings, hook=hook)


@pytest.fixture
def hook(settings):
    """Return a gateway, and what asks it about a message."""
    return Hook(settings)


class Hook:
    """A gateway, and what a milter would ask of it."""

    def __init__(self, settings):
        self.gateway = Gateway(settings)
        self._seconds = settings.hook.deadline_seconds

    async def ask(self, raw, **fields):
        deadline = asyncio.get_running_loop().time() + self._seconds
        return await self.gateway(envelope(**fields), raw, deadline)

    async def until(self, holds):
        """Wait until something that nobody tells of is so."""
        async with asyncio.timeout(30):
            for _ in itertools.takewhile(lambda _: not holds(), itertools.count()):
                await asyncio.sleep(0.02)

    async def ready(self):
        await self.until(lambda: all(self.gateway.ready.values()))

    async def judged(self, mail, number=9_000):
        """Ask about one message after another until a worker answers; return how many it took."""
        tries = 0
        async with asyncio.timeout(30):
            while (await self.ask(mail(number + tries))).kind != "judged":
                tries += 1
                await asyncio.sleep(0.05)
        return tries

    def follows(self):
        """Tell whether its models are those that the learner's markers name."""
        return self.gateway.metrics.registry.get_sample_value("weir_models_sequence") == 0

    def count(self, name, **labels):
        return self.gateway.metrics.registry.get_sample_value(f"weir_hook_{name}", labels)


def envelope(**fields):
    given = {
        "id": new_id(),
        "received_at": datetime.now(UTC),
        "mail_from": "a@example.org",
        "rcpt_to": ("you@example.com",),
    }
    return Envelope(**given | fields)


async def test_each_message_has_its_own_verdict_from_a_worker(served, hook, mail):
    async with hook.gateway, asyncio.timeout(30):
        await hook.ready()
        idents = [new_id() for _ in range(60)]
        verdicts = await asyncio.gather(
            *(hook.ask(mail(number), id=ident) for number, ident in enumerate(idents))
        )
        await hook.until(hook.follows)
    assert [verdict.id for verdict in verdicts] == idents
    assert {verdict.kind for verdict in verdicts} == {"judged"}
    published = await served.verdicts(idents)
    for verdict in verdicts:
        assert decode(published[f"{verdict.id}.judged"][0].value) == verdict
    assert hook.count("in_flight") == 0


async def test_a_worker_that_hangs_costs_its_verdict_and_no_more(served, hook, mail):
    """The fallback answers and says so; the late verdict waits for the retry, given once."""
    (worker,) = served.workers
    async with hook.gateway, asyncio.timeout(60):
        await hook.ready()
        assert await hook.judged(mail) == 0
        worker.process.send_signal(signal.SIGSTOP)
        try:
            first = await hook.ask(mail(1))
        finally:
            worker.process.send_signal(signal.SIGCONT)
        assert (first.kind, first.degraded) == ("fallback", ("sender",))
        assert first.log is not None, "the mail log has it, and the report's token leads there"
        await hook.until(lambda: hook.count("late_verdicts"))
        retried = await hook.ask(b"Received: from a by b; now\r\n" + mail(1))
        assert (retried.kind, retried.id) == ("judged", first.id)
        again = await hook.ask(mail(1))
        assert (again.kind, again.id != first.id) == ("judged", True)
    published = await served.verdicts([first.id])
    assert {f"{first.id}.fallback", f"{first.id}.judged"} <= set(published)
    assert decode(published[f"{first.id}.fallback"][0].value) == first


async def test_nobody_waits_for_workers_that_do_not_answer(served, hook, mail):
    """After some misses the breaker opens; it closes by itself when they answer again."""
    (worker,) = served.workers
    async with hook.gateway, asyncio.timeout(60):
        await hook.ready()
        worker.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.gather(*(hook.ask(mail(number)) for number in range(10)))
            assert hook.count("fallbacks_total", reason="deadline") == 10
            await asyncio.gather(*(hook.ask(mail(number)) for number in range(50, 60)))
            assert hook.count("fallbacks_total", reason="breaker") == 10
            assert hook.count("breaker") > 0
        finally:
            worker.process.send_signal(signal.SIGCONT)
        await hook.judged(mail)
        assert hook.count("breaker") == 0


async def test_the_brokers_may_go_and_come_back(stack, served, settings, mail):
    """Messages are answered without them; what was enforced meanwhile is published then.

    A hook that starts meanwhile answers too, and finds them as soon as they are there.
    """
    seen = []
    hook, absent = Hook(settings), Hook(settings)
    async with hook.gateway, AsyncExitStack() as opened, asyncio.timeout(90):
        await hook.ready()
        await hook.judged(mail)
        await asyncio.to_thread(stack.kafka.stop)
        try:
            await opened.enter_async_context(absent.gateway)
            lone = await absent.ask(mail(0))
            assert (lone.kind, absent.gateway.ready["replies"]) == ("fallback", False)
            for _ in range(3):
                seen += await asyncio.gather(*(hook.ask(mail(n)) for n in range(150)))
            assert {verdict.kind for verdict in seen} == {"fallback"}
            assert hook.count("in_flight") <= settings.hook.in_flight + 1
            assert (
                hook.count("fallbacks_total", reason="in_flight") == 150 - settings.hook.in_flight
            )
        finally:
            await asyncio.to_thread(stack.kafka.start)
        await absent.ready()
        await absent.judged(mail)
        await hook.judged(mail)
    published = await served.verdicts([verdict.id for verdict in seen])
    for verdict in seen:
        assert decode(published[f"{verdict.id}.fallback"][0].value) == verdict


async def test_brokers_that_freeze_hold_no_message_up(stack, hook, mail):
    async with hook.gateway, asyncio.timeout(60):
        await hook.ready()
        await hook.judged(mail)
        stack.kafka.pause()
        try:
            verdicts = await asyncio.gather(*(hook.ask(mail(number)) for number in range(20)))
            assert {verdict.kind for verdict in verdicts} == {"fallback"}
        finally:
            stack.kafka.resume()
        await hook.judged(mail)


RULE = """
[[rules]]
name = "asked-for"
when = "subject.contains('phish')"
action = "reject"
reason = "the subject asks for it"
"""


@pytest.fixture
def mx():
    """Return a Postfix before a milter on a port of its own, and that port."""
    if why := postfix.missing():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    port = ports.choose()
    with Postfix([Entrance(milters=(f"inet:127.0.0.1:{port}",))]) as running:
        yield running, port


def deliver(mx, raw):
    """Send a message as an SMTP client does; return the code and the text of the answer."""
    with smtplib.SMTP("127.0.0.1", mx.port(), timeout=30) as client:
        client.ehlo()
        client.mail("a@example.org")
        client.rcpt("you@example.com")
        code, text = client.data(raw)
        return code, text.decode()


async def test_a_retry_after_a_missed_deadline_gets_the_late_verdict_through_postfix(
    served, settings, mail, mx
):
    """The client is put off while the worker hangs, and refused under the same id when it retries.

    What isn't retried costs nothing; a third attempt is judged anew.
    """
    (worker,) = served.workers
    before = served.policy.read_text()
    served.policy.write_text(before + RULE)
    loaded = worker.metric("weir_policy_reloads_total")
    await asyncio.to_thread(
        worker.wait_metric, "weir_policy_reloads_total", lambda seen: seen > loaded
    )
    hook = Hook(settings)
    keys = read_keys(Path(settings.privacy.keys_file))
    metrics = hook.gateway.metrics.registry
    front = Front(settings, keys, hook.gateway, lambda: hook.gateway.policies, metrics)
    milter = Server(adapt(front.check, Listener()), Limits())
    running, port = mx
    raw = mail(7_000).replace(b"Subject: ", b"Subject: phish ")
    async with hook.gateway, asyncio.timeout(60):
        await milter.start(parse_address(f"inet:127.0.0.1:{port}", "test"))
        try:
            await hook.ready()
            await hook.judged(mail, 7_100)
            worker.process.send_signal(signal.SIGSTOP)
            try:
                first = await asyncio.to_thread(deliver, running, raw)
            finally:
                worker.process.send_signal(signal.SIGCONT)
            await hook.until(lambda: hook.count("late_verdicts"))
            retry = await asyncio.to_thread(deliver, running, raw)
            third = await asyncio.to_thread(deliver, running, raw)
        finally:
            await milter.stop()
            served.policy.write_text(before)
    assert [first[0], retry[0], third[0]] == [451, 550, 550]
    ids = [re.findall(r"\(id ([0-9a-f-]{36})\)", text) for _, text in (first, retry, third)]
    assert ids[0] == ids[1] != ids[2]
    assert hook.count("verdicts_total", source="late") == 1


async def test_a_client_that_goes_before_its_answer_leaves_nothing_behind(served, hook, mail):
    """But the answer to its retry."""
    (worker,) = served.workers
    async with hook.gateway, asyncio.timeout(60):
        await hook.ready()
        worker.process.send_signal(signal.SIGSTOP)
        try:
            asking = [asyncio.create_task(hook.ask(mail(number))) for number in range(5)]
            await hook.until(lambda: hook.count("in_flight") == 5)
            for task in asking:
                task.cancel()
            await hook.until(lambda: hook.count("in_flight") == 0)
        finally:
            worker.process.send_signal(signal.SIGCONT)
        await hook.until(lambda: hook.count("late_verdicts") == 5)
        assert (await hook.ask(mail(0))).kind == "judged"
        assert hook.count("verdicts_total", source="late") == 1
