"""Who is forgotten has given no label, and is named by none."""

import pytest

from features.envelope import LogPosition
from features.reported import who_is
from features.rolling import KINDS, Entity
from models.hearing import MessageFacts
from models.label import Label, Target
from models.trust import Trust
from streams.labels.counting import Counting, Task
from streams.labels.forgetting import forget_labels
from streams.labels.message import Taken
from streams.settings import load
from streams.stores.label_state import LabelRecord, Touched
from streams.stores.redis_store import RedisStore

pytestmark = pytest.mark.integration

NOW = 1_700_000_000.0
ANN, BOB = "1:" + "a" * 32, "1:" + "b" * 32
CONTENT = Entity(KINDS["content"], b"c" * 12, "content:0.ab")
PAIR = Entity(KINDS["pair"], b"p" * 9 + bytes.fromhex("aaaaaa"), f"pair:{ANN},1:cd")


@pytest.fixture
async def store(own_redis):
    store = RedisStore(load(None, own_redis))
    yield store
    await store.close()


def tasks(*given):
    """Return labels of one message, of each reporter (an analyst's: None)."""
    touched = tuple(Touched(it.kind.name, it.key, it.label) for it in (CONTENT, PAIR))
    place = LogPosition("log", 0, 0)
    record = LabelRecord("m", "default", "inbound", NOW, place, touched, MessageFacts())
    found = []
    for offset, who in enumerate(given):
        label = Label(
            id=f"{offset:016x}",
            of=Target(id="m"),
            truth="spam",
            source="report" if who else "analyst",
            reporter=who or "",
            given_at="",
        )
        found.append(Task(Taken(label, offset, NOW + offset), record))
    return found


async def counted(store, batch):
    believed = Trust(reputation_prior=0.9)  # anybody's label moves counters
    await Counting(store, "labels", lambda _: believed, 86_400).apply(batch)


async def left(store):
    state = await store.label_state(["m"], [who_is(ANN, ""), who_is(BOB, "")], [CONTENT, PAIR])
    reading = await store.read(CONTENT)
    return state, reading and reading.total("spam")


async def test_the_only_label_is_taken_back(store):
    await counted(store, tasks(ANN))
    assert (await left(store))[1] == 1
    assert await forget_labels(store, ANN) == 2
    state, count = await left(store)
    assert (count, state.reporters, state.reports) == (0, {}, {})
    assert ANN not in repr(state)
    assert await forget_labels(store, ANN) == 0


async def test_labels_of_others_stay(store):
    await counted(store, tasks(ANN, BOB))
    await forget_labels(store, ANN)
    state, count = await left(store)
    assert count == 1
    assert list(state.reporters) == [who_is(BOB, "")]
    assert [it.who for it in state.reports[CONTENT.key]] == [who_is(BOB, "")]


async def test_nobody_is_a_witness_any_more(store):
    await counted(store, tasks(ANN, None))
    assert who_is(ANN, "") in [
        it.who for voice in (await left(store))[0].labelled["m"].voices for it in voice.witnesses
    ]
    await forget_labels(store, ANN)
    state, count = await left(store)
    assert count == 1
    assert repr(who_is(ANN, "")) not in repr(state)
    assert [it.label for it in state.labelled["m"].touched] == [CONTENT.label]


async def test_labels_counted_later_count_from_what_is_left(store):
    batch = tasks(ANN, BOB)
    await counted(store, batch[:1])
    await forget_labels(store, ANN)
    await counted(store, batch[1:])
    state, count = await left(store)
    assert count == 1
    assert [it.who for it in state.reports[CONTENT.key]] == [who_is(BOB, "")]
