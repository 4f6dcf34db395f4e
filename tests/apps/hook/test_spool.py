import pytest

from apps.hook import spool
from apps.hook.link import Link
from apps.hook.metrics import HookMetrics
from apps.hook.spool import Spool
from streams.settings import Settings
from streams.wire import Record


@pytest.fixture
def metrics():
    return HookMetrics()


@pytest.fixture
async def closed(metrics):
    """A spool whose brokers nobody has reached."""
    return Spool(Link(Settings(), lambda _request, _value: None), metrics)


def record(size=10):
    return Record("verdicts", b"key", b"x" * size, [])


def seen(metrics):
    read = metrics.registry.get_sample_value
    return read("weir_hook_spooled"), read("weir_hook_unpublished_total")


async def test_what_waits_is_bounded_in_number(closed, metrics, monkeypatch):
    monkeypatch.setattr(spool, "_MOST", 3)
    for _ in range(5):
        closed.put(record())
    assert seen(metrics) == (3, 2)


async def test_what_waits_is_bounded_in_bytes(closed, metrics, monkeypatch):
    monkeypatch.setattr(spool, "_MOST_BYTES", 25)
    for _ in range(5):
        closed.put(record())
    assert seen(metrics) == (2, 3)


async def test_an_empty_one_has_nothing_to_wait_for(closed):
    await closed.emptied()
