from features.envelope import LogPosition
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, Query


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
