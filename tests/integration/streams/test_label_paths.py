"""How far a label has come is told, in Redis or in a file, and read back in the order of time."""

import secrets

import pytest

from streams.labels.path import LabelPaths, Passed, ToldPaths
from streams.settings import load
from streams.stores.redis_store import open_redis
from streams.stores.told import Told

pytestmark = pytest.mark.integration

APPENDED = 1_770_000_000.0


class Clock:
    def __init__(self):
        self.now = APPENDED + 1

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture(params=["redis", "file"])
async def paths(request, redis_url, tmp_path):
    if request.param == "file":
        told = Told(load(None, {"WEIR_EMBEDDED__FOLDER": str(tmp_path)}))
        yield ToldPaths(told, Clock())
        told.close()
        return
    environment = {"WEIR_REDIS__URL": redis_url, "WEIR_REDIS__KEY_PREFIX": secrets.token_hex(4)}
    settings = load(None, environment)
    client = open_redis(settings)
    yield LabelPaths(client, settings, Clock())
    await client.aclose()


def stages(path):
    return [passed.stage for passed in path]


async def test_stages_are_noted_when_they_are_told_and_the_first_as_the_log_took_it(paths):
    for stage in ("received", "matched", "counted"):
        await paths.tell([Passed("a", stage, APPENDED, "x")])
    ((received, matched, counted),) = await paths.read(["a"])
    assert received == ("a", "received", APPENDED, "x")
    assert APPENDED < matched.at < counted.at


async def test_a_label_that_is_received_again_begins_anew(paths):
    await paths.tell([Passed("a", "received", APPENDED), Passed("a", "refused", APPENDED, "gone")])
    await paths.tell([Passed("a", "received", APPENDED)])
    assert [stages(path) for path in await paths.read(["a", "b"])] == [["received"], []]


async def test_labels_are_published_with_their_steps_and_those_the_gate_held_are_revoked(paths):
    for number, label in enumerate("abc", 1):
        await paths.tell([Passed(label, "learned", APPENDED, str(number))])
    first = await paths.published(1, waiting=2)
    none = await paths.published(1, waiting=2)
    await paths.published(1, waiting=0)
    found = [stages(path) for path in await paths.read("abc")]
    assert (first, none) == (1, 0)
    assert found == [["learned", "published"], ["learned", "revoked"], ["learned", "revoked"]]


async def test_a_reason_is_kept_within_bounds(paths):
    await paths.tell([Passed("a", "refused", APPENDED, "x" * 10_000)])
    ((refused,),) = await paths.read(["a"])
    assert len(refused.detail) == 300
