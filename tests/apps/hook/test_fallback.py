"""The core as the fallback asks it; in the place of mail that takes long, a core that waits."""

import asyncio
import contextlib
import threading
from datetime import UTC, datetime

import msgspec
import pytest

from apps.hook.ahead import Ahead
from apps.hook.fallback import Fallback, enforced
from apps.hook.metrics import HookMetrics
from detectors.actions import Override
from detectors.verdict import LogPlace
from features.envelope import Envelope, Incoming, LogPosition
from streams.settings import load, write_keys

RAW = (
    b"From: A <a@example.org>\r\nTo: b@example.com\r\nSubject: Notes\r\n\r\n"
    b"Here are the notes: https://example.org/notes\r\n"
)
PDF = (
    b"From: A <a@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
    b'Content-Disposition: attachment; filename="a.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + 20 * b"JVBERi0xLjQK"
)


class Held:
    """The real core behind a gate; `broken` is what it raises instead of judging."""

    def __init__(self, core):
        self._core = core
        self.gate = threading.Event()
        self.gate.set()
        self.prepared = []
        self.broken = None

    def prepare(self, batch):
        self.gate.wait(30)
        if self.broken:
            raise self.broken
        self.prepared += [one.envelope.id for one in batch]
        return self._core.prepare(batch)

    def conclude(self, prepared, histories):
        return self._core.conclude(prepared, histories)

    def degraded(self, incoming, *missing):
        return self._core.degraded(incoming, *missing)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fallback")
    write_keys(folder / "keys.toml")
    (folder / "policy.toml").write_text('shadow = false\non_failure = "defer"\n')
    return load(
        None,
        {
            "WEIR_PRIVACY__KEYS_FILE": str(folder / "keys.toml"),
            "WEIR_POLICY__FILE": str(folder / "policy.toml"),
        },
    )


@pytest.fixture
def metrics():
    return HookMetrics()


@pytest.fixture
def held():
    return []


@pytest.fixture
async def fallback(settings, metrics, held, monkeypatch):
    """A fallback with the real core, warm, whose budget no busy machine exceeds."""
    monkeypatch.setattr("apps.hook.fallback.BUDGET", 20.0)

    def wrap(core):
        held.append(Held(core))
        return held[-1]

    made = Fallback(settings, metrics, wrap)
    await made.warm()
    yield made
    held[-1].gate.set()
    made.close()


def message(ident="1", raw=RAW, **fields):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    given = {"mail_from": "a@example.org", "rcpt_to": ("b@example.com",)}
    return Incoming(Envelope(id=ident, received_at=at, **given | fields), raw)


async def test_it_judges_as_a_worker_would_that_knows_no_sender(fallback):
    verdict = await fallback.judge(message())
    assert verdict.degraded == ("sender",)
    assert verdict.logit is not None
    (other,) = fallback.in_force.judge.judge([message()])
    assert verdict == msgspec.structs.replace(other.verdict, degraded=("sender",))


async def test_attachments_that_it_has_no_time_for_are_named_as_missing(fallback):
    assert (await fallback.judge(message(raw=PDF))).degraded == ("sender", "attachments")


async def test_what_takes_too_long_is_abandoned_and_on_failure_decides(
    fallback, held, metrics, monkeypatch
):
    """The loop goes on meanwhile; what waits behind it is never begun."""
    monkeypatch.setattr("apps.hook.fallback.BUDGET", 0.05)
    held[-1].gate.clear()
    verdicts = await asyncio.gather(
        *(fallback.judge(message(str(number))) for number in range(3)),
        fallback.judge(message("out", direction="outbound")),
    )
    assert {verdict.degraded for verdict in verdicts} == {("judgement",)}
    assert [verdict.action for verdict in verdicts] == ["defer", "defer", "defer", "accept"]
    assert metrics.registry.get_sample_value("weir_hook_unjudged_total") == 4
    held[-1].gate.set()
    monkeypatch.setattr("apps.hook.fallback.BUDGET", 20.0)
    assert (await fallback.judge(message("after"))).degraded == ("sender",)
    assert held[-1].prepared == ["warm", "0", "after"]


async def test_what_takes_longer_than_the_budget_is_waited_for_while_the_deadline_allows(
    fallback, held, monkeypatch
):
    """A sender who pads a message until the core is slow mustn't buy acceptance with it."""
    monkeypatch.setattr("apps.hook.fallback.BUDGET", 0.0)
    monkeypatch.setattr("apps.hook.fallback._LONGEST", 20.0)
    loop = asyncio.get_running_loop()
    assert (await fallback.judge(message(), loop.time())).degraded == ("judgement",)
    assert (await fallback.judge(message(), loop.time() + 30)).degraded == ("sender",)


async def test_what_has_waited_for_half_its_time_is_judged_before_its_deadline(
    fallback, held, monkeypatch
):
    """When brokers go, all that is in flight misses at once, and one thread judges."""
    deadline = asyncio.get_running_loop().time() + 20
    waiting = [Ahead(fallback, message(str(number)), deadline - 40) for number in range(5)]
    with contextlib.ExitStack() as stack:
        for one in waiting:
            stack.enter_context(one)
        await asyncio.sleep(0.01)
        works = [one.take() for one in waiting]
        async with asyncio.timeout(20):
            await asyncio.wait(works)
        monkeypatch.setattr("apps.hook.fallback.BUDGET", 0.0)
        place = LogPosition("e", 1, 7)
        verdicts = [
            await fallback.judge(message(str(number))._replace(position=place), 0.0, work)
            for number, work in enumerate(works)
        ]
    assert [verdict.id for verdict in verdicts] == ["0", "1", "2", "3", "4"]
    assert {verdict.degraded for verdict in verdicts} == {("sender",)}
    assert {verdict.log for verdict in verdicts} == {LogPlace("e", 1, 7)}


async def test_what_is_answered_in_time_is_never_begun(fallback, held):
    deadline = asyncio.get_running_loop().time()
    with Ahead(fallback, message("early"), deadline + 0.02) as early:
        assert early.take() is None
        await asyncio.sleep(0.05)
    held[-1].gate.clear()
    with Ahead(fallback, message("first"), deadline), Ahead(fallback, message("next"), deadline):
        await asyncio.sleep(0.05)
    await asyncio.sleep(0)
    held[-1].gate.set()
    await fallback.judge(message("last"))
    assert held[-1].prepared == ["warm", "first", "last"]


async def test_no_more_than_a_few_wait_for_the_thread(fallback, held, monkeypatch):
    monkeypatch.setattr("apps.hook.fallback._MOST", 2)
    held[-1].gate.clear()
    waiting = [asyncio.create_task(fallback.judge(message(str(n)))) for n in range(2)]
    await asyncio.sleep(0)
    assert (await fallback.judge(message("more"))).degraded == ("judgement",)
    held[-1].gate.set()
    assert {verdict.degraded for verdict in await asyncio.gather(*waiting)} == {("sender",)}


async def test_a_defect_of_the_core_is_no_ones_lack_of_a_verdict(fallback, held):
    held[-1].broken = RuntimeError("a defect")
    assert (await fallback.judge(message())).degraded == ("pipeline",)
    held[-1].broken = None
    assert (await fallback.judge(message())).degraded == ("sender",)


@pytest.fixture
async def verdict(fallback):
    """Make a verdict with an action."""
    inbound = await fallback.judge(message())
    outbound = await fallback.judge(message(direction="outbound"))

    def make(action, direction="inbound", **fields):
        base = inbound if direction == "inbound" else outbound
        return msgspec.structs.replace(base, action=action, **fields)

    return make


@pytest.mark.parametrize(
    ("wanted", "direction", "taken"),
    [
        ("accept", "inbound", "accept"),
        ("add_header", "inbound", "add_header"),
        ("rewrite_subject", "inbound", "add_header"),
        ("quarantine", "inbound", "add_header"),
        ("defer", "inbound", "defer"),
        ("reject", "inbound", "defer"),
        ("discard", "inbound", "defer"),
        ("accept", "outbound", "accept"),
        ("quarantine", "outbound", "quarantine"),
        ("defer", "outbound", "add_header"),
        ("reject", "outbound", "quarantine"),
        ("discard", "outbound", "quarantine"),
    ],
)
async def test_what_is_enforced_of_a_verdict_that_lacks_parts(verdict, wanted, direction, taken):
    found = enforced(verdict(wanted, direction), lambda: True)
    assert (found.kind, found.action) == ("fallback", taken)


@pytest.mark.parametrize("wanted", ["defer", "reject", "discard"])
async def test_beyond_the_budget_of_deferrals_mail_passes_marked(verdict, wanted):
    assert enforced(verdict(wanted), lambda: False).action == "add_header"


async def test_the_budget_is_asked_for_nothing_that_is_not_deferred(verdict):
    def never():
        raise AssertionError("asked")

    for action in ("accept", "add_header", "quarantine"):
        enforced(verdict(action), never)
    enforced(verdict("reject", "outbound"), never)


async def test_a_deny_list_holds_whatever_is_missing(verdict):
    denied = (Override("deny:domain:bad.example", "reject", "never again"),)
    assert enforced(verdict("reject", overrides=denied), lambda: False).action == "reject"


async def test_an_operators_quarantine_on_failure_holds(verdict):
    unjudged = verdict("quarantine", logit=None, score=None)
    assert enforced(unjudged, lambda: True).action == "quarantine"
