from features.envelope import LogPosition
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, Mention, Move, Query
from streams.stores.rolling_memory import RollingMemory

DAY = 86_400.0


async def test_what_expired_is_forgotten_and_swept():
    now = [0.0]
    store = MemoryStore(record_seconds=10, clock=lambda: now[0])
    places = [LogPosition("e", 0, offset) for offset in range(5000)]
    await store.record([Keeping(places[0], b"verdict")])
    await store.look_up([Query(places[0], "id", "delivery")])
    now[0] = 11
    found = (await store.look_up([Query(places[1], "id", "delivery")]))[0]
    assert (found.revision, found.retry) == (1, True)
    assert (await store.look_up([Query(places[0], "id", "delivery")]))[0].verdict is None
    now[0] = 200_000
    found = (await store.look_up([Query(places[2], "id", "delivery")]))[0]
    assert (found.revision, found.retry) == (0, False)
    await store.look_up([Query(place, str(place), str(place)) for place in places])
    now[0] = 400_000
    await store.look_up([Query(place, "id", "delivery") for place in places])
    assert len(store._ids) == 1


async def test_numbers_of_requeued_ids_stay_as_long_as_dead_letters():
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    places = [LogPosition("e", 0, offset) for offset in range(3)]
    numbers = []
    for place in places:
        query = Query(place, "id", "delivery", requeued=place.offset > 0)
        numbers.append((await store.look_up([query]))[0].revision)
        now[0] += 5 * 86_400
    assert numbers == [0, 1, 2]


def test_the_index_of_message_ids_holds_three_days_and_no_more():
    """By the messages' own time, the first of an id; what is older takes no memory either."""
    memory = RollingMemory()

    def at(day, message_id, name):
        (answer,) = memory.advance("arrival", [Move(None, day * DAY, (), mentions=(b"first",))])
        memory.index(message_id, Mention(name, None, "outbound"))
        return answer.mentions[0]

    assert at(0, b"first", "a") is None
    assert at(1, b"first", "another") == Mention("a", None, "outbound")
    for hour in range(24):
        at(2 + hour / 24, b"%d" % hour, "b")
    assert at(3, b"last", "c") is not None
    assert at(3.1, b"first", "d") is None, "three days and more after it was written"
    assert [key for key, *_ in memory.kept().index] == [
        *[b"%d" % hour for hour in range(24)],
        b"last",
        b"first",
    ]
    assert at(9, b"end", "e") is None
    assert len(memory.kept().index) == 1
