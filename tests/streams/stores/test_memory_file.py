"""The memory store's file: what was kept goes on; what isn't such a file is refused in one line."""

import pytest

from features.envelope import LogPosition
from features.rolling import KINDS, Entity, Increment, counted, distinct_item
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, LayoutError, Mention, Move, Query

NOW = 1_700_000_000.0
PLACE = LogPosition("e", 0, 1)
ENTITIES = [Entity(kind, bytes([at]) * 12) for at, kind in enumerate(KINDS.values())]


def moves():
    increments = []
    for entity in ENTITIES:
        items = counted(entity.kind, entity.kind.counters[0].name)
        items += b"".join(distinct_item(entity.kind, name, b"x") for name in entity.kind.sketches)
        increments.append(Increment(entity, items, b"tag" if entity.kind.tagged else b""))
    return [
        Move(PLACE, NOW, tuple(increments)),
        Move(None, NOW + 60, tuple(increments[::2])),
    ]


async def test_a_store_goes_on_where_it_was_closed(tmp_path):
    path = tmp_path / "state"
    store = MemoryStore(path=path)
    await store.advance(moves())
    await store.look_up([Query(PLACE, "id", "delivery", message_key="text")])
    await store.record([Keeping(PLACE, b"verdict", b"hash", "id", "inbound")])
    await store.set_epoch("t", "e")
    await store.keep_policy("digest", b"policy")
    readings = [await store.read(entity) for entity in ENTITIES]
    store.missed()
    await store.close()

    again = MemoryStore(path=path)
    assert [await again.read(entity) for entity in ENTITIES] == readings
    assert await again.marks("e") == {0: 1}
    (answer,) = await again.advance([moves()[0]._replace(mentions=(b"hash",))])
    assert [one.numbers for one in answer.readings] == [one.numbers for one in readings]
    assert answer.mentions == (Mention("id", PLACE, "inbound"),)
    other = LogPosition("e", 0, 2)
    (found,) = await again.look_up([Query(PLACE, "id", "delivery", message_key="text")])
    assert found.verdict == b"verdict"
    (found,) = await again.look_up([Query(other, "id", "new", message_key="text")])
    assert (found.revision, found.split) == (1, True)
    assert await again.epoch("t", "f") == "e"
    assert await again.policy("digest") == b"policy"
    assert await again.lost()


async def test_what_expires_goes_on_expiring(tmp_path):
    now = [1_000.0]
    store = MemoryStore(record_seconds=10, clock=lambda: now[0], path=tmp_path / "state")
    await store.record([Keeping(PLACE, b"verdict")])
    now[0] += 4
    store.save()
    now[0] = 0.0  # another start of the machine
    again = MemoryStore(clock=lambda: now[0], path=tmp_path / "state")
    now[0] = 5.0
    assert (await again.look_up([Query(PLACE, "id", "d")]))[0].verdict == b"verdict"
    now[0] = 7.0
    assert (await again.look_up([Query(PLACE, "id", "d")]))[0].verdict is None


def _body(found):
    return found.partition(b"\n")[2]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda found: found.replace(b"layout 1", b"layout 0", 1), "allowed: 'weir-state 1 layout"),
        (lambda found: found[:-9] + b"\x00" * 9, "damaged"),
        (lambda found: found[: len(found) // 2], "damaged"),
        (lambda _: b"", "begins with b''"),
    ],
)
def test_what_is_not_a_whole_file_of_this_version_is_refused(tmp_path, spoil, words):
    path = tmp_path / "state"
    MemoryStore(path=path).save()
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(LayoutError, match=words) as caught:
        MemoryStore(path=path)
    assert "\n" not in str(caught.value)


def test_another_number_of_shards_is_refused(tmp_path):
    MemoryStore(path=tmp_path / "state").save()
    with pytest.raises(LayoutError, match=r"state\.shards = 8; allowed: 64"):
        MemoryStore(path=tmp_path / "state", shards=8)


async def test_a_record_that_is_none_is_refused(tmp_path):
    path = tmp_path / "state"
    store = MemoryStore(path=path)
    await store.advance(moves())
    shelf = next(iter(store._state._shelves.values()))
    shelf.full.held[0] = {b"k" * 12: b"x" * 31}
    await store.close()
    with pytest.raises(LayoutError, match="isn't one"):
        MemoryStore(path=path)


def test_only_the_owner_may_read_the_file_and_no_other_is_left(tmp_path):
    store = MemoryStore(path=tmp_path / "state")
    store.save()
    store.save()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="without a path"):
        MemoryStore().save()
