"""What both stores promise of the sender state, in memory and in Redis."""

from datetime import UTC, datetime

import pytest

from features.context import Context
from features.envelope import Envelope, Incoming, LogPosition
from features.evidence import extract
from features.rolling import DAY, KINDS, Entity, Increment, counted, distinct_item
from features.sender import read_history
from streams.stores.budgets import Budget, budgets
from streams.stores.protocol import Keeping, Mention, Move, Query

NOW = 1_700_000_000.0
SHARDS = 4
ENTITIES, SIGHTINGS = 64, 160  # 4 and 10 to each segment of a shard
ADDRESS, DOMAIN, NAME, ROUTE = (KINDS[name] for name in ("address", "domain", "name", "route"))
ONE = counted(ADDRESS, "messages")
BAD = counted(ADDRESS, "bad")


@pytest.fixture
def store_settings():
    return {
        "WEIR_STATE__SHARDS": str(SHARDS),
        "WEIR_STATE__BUDGETS": f"route={ENTITIES}/{SIGHTINGS}",
    }


@pytest.fixture
def store(either_store):
    return either_store


def entity(kind=ADDRESS, number=0):
    return Entity(kind, number.to_bytes(4, "little") + b"-" * 8)


def move(items=ONE, at=NOW, offset=None, number=0, **given):
    position = None if offset is None else LogPosition("e", given.pop("partition", 0), offset)
    return Move(position, at, (Increment(entity(number=number), items),), **given)


async def total(store, counter="messages", number=0):
    reading = await store.read(entity(number=number))
    return reading and reading.total(counter)


async def test_a_reading_has_the_messages_own_increment(store):
    (first,) = await store.advance([move()])
    second, third = await store.advance([move(at=NOW + 60), move(at=NOW + 120)])
    assert [one.readings[0].total("messages") for one in (first, second, third)] == [1, 2, 3]
    assert first.readings[0].previous == float("-inf")
    assert (third.readings[0].first, third.readings[0].previous) == (NOW, NOW + 60)


async def test_what_is_only_read_is_neither_made_nor_changed(store):
    (answer,) = await store.advance([move(b"")])
    assert answer.readings == (None,)
    await store.advance([move()])
    (answer,) = await store.advance([move(b"", at=NOW + DAY)])
    assert (answer.readings[0].last, answer.readings[0].total("messages")) == (NOW, 1)


async def test_whether_what_our_users_send_is_seen_is_read_by_what_claims_to_answer(store):
    def touched(days, direction):
        raw = b"From: Jo <jo@example.org>\nSubject: Re: Your order\n\nHello\n"
        at = datetime.fromtimestamp(NOW + days * DAY, UTC)
        return extract(
            Incoming(Envelope(id="m", received_at=at, direction=direction), raw), Context()
        ).touches

    watched = []
    for days, direction in ((0, "inbound"), (1, "outbound"), (3, "outbound"), (5, "inbound")):
        touches = touched(days, direction)
        (answer,) = await store.advance([Move(None, touches.at, touches.increments)])
        history = read_history(touches, answer.readings, (), touches.at)
        watched.append(history.watched_outbound)
    assert watched == [0, 0, 2 * DAY, 4 * DAY]


async def test_a_message_delivered_again_is_counted_once(store):
    batch = [move(offset=4), move(offset=5, at=NOW + 1)]
    first = await store.advance(batch)
    again = await store.advance(batch)
    assert [one.readings[0].total("messages") for one in first] == [1, 2]
    assert [one.readings[0].total("messages") for one in again] == [2, 2]


async def test_marks_are_of_a_partition_an_epoch_and_a_step(store):
    await store.advance([move(offset=4)])
    other = Move(LogPosition("f", 0, 4), NOW, (Increment(entity(), ONE),))
    await store.advance([move(offset=4, partition=1), other])
    assert await total(store) == 3
    outcome = move(BAD, offset=4)
    await store.record([], [outcome])
    await store.record([], [outcome])
    assert await total(store, "bad") == 1
    assert await store.marks("e") == {0: 4, 1: 4}
    assert await store.marks("g") == {}


async def test_all_of_a_messages_entities_are_counted_though_they_share_a_mark(store):
    increments = tuple(Increment(entity(number=number), ONE) for number in range(20))
    for _ in range(2):
        await store.advance([Move(LogPosition("e", 0, 7), NOW, increments)])
    assert [await total(store, number=number) for number in range(20)] == [1] * 20


async def test_a_place_that_comes_twice_in_a_batch_is_counted_once(store):
    """Each message asks anew: the mark of the first holds for the second, and not for a third."""
    others = tuple(Increment(entity(number=number), ONE) for number in range(1, 20))
    twice = Move(LogPosition("e", 0, 4), NOW, (Increment(entity(), ONE), *others))
    batch = [twice, twice, move(offset=5, at=NOW + 1), move(offset=4, at=NOW + 2)]
    answers = await store.advance(batch)
    assert [one.readings[0].total("messages") for one in answers] == [1, 1, 2, 2]
    assert [await total(store, number=number) for number in range(20)] == [2, *[1] * 19]
    await store.record([], [move(BAD, offset=4), move(BAD, offset=4), move(BAD, offset=3)])
    assert await total(store, "bad") == 1


async def test_messages_of_two_partitions_take_turns_on_a_shard(store):
    """What one partition's place decides says nothing of the other's next operation."""
    turns = [move(offset=n, partition=p) for n in range(3) for p in (0, 1)]
    await store.advance([turns[0], turns[1]])
    answers = await store.advance(turns)
    assert [one.readings[0].total("messages") for one in answers] == [2, 2, 3, 4, 5, 6]
    (answer,) = await store.advance([move(offset=3)])
    assert answer.readings[0].total("messages") == 7


async def test_a_mark_rises_with_what_adds_and_not_with_what_only_asks(store):
    """A retry, and a message that asks on this shard, leave the place open."""
    await store.advance([move(offset=4, adds=False), move(b"", offset=5)])
    assert await store.marks("e") == {}
    asks = Increment(entity(number=7 * SHARDS))
    adds = Increment(entity(), ONE)
    (answer,) = await store.advance([Move(LogPosition("e", 0, 4), NOW, (asks, adds))])
    assert answer.readings[1].total("messages") == 1
    assert await store.marks("e") == {0: 4}


async def test_a_retry_reads_and_adds_nothing(store):
    await store.advance([move(offset=1)])
    (answer,) = await store.advance([move(offset=2, adds=False)])
    assert answer.readings[0].total("messages") == 1


async def test_an_outcome_is_no_sight(store):
    await store.advance([move(offset=1)])
    await store.record([], [move(BAD, offset=1)])
    reading = await store.read(entity())
    assert (reading.total("bad"), reading.previous) == (1, float("-inf"))
    assert (await store.usage())["address"][:2] == (0, 1)


async def test_the_second_sight_makes_a_full_record_of_a_sighting(store):
    await store.advance([move()])
    assert (await store.usage())["address"][:2] == (0, 1)
    await store.advance([move(at=NOW + 1)])
    usage = (await store.usage())["address"]
    assert usage[:2] == (1, 0)
    assert usage.bytes > 0


async def test_what_has_a_tag_or_much_to_add_is_full_at_once(store):
    many = b"".join(distinct_item(DOMAIN, "recipients", bytes([n])) for n in range(9))
    tagged = Increment(entity(NAME), counted(NAME, "sent"), b"text")
    await store.advance([Move(None, NOW, (Increment(entity(DOMAIN), many), tagged))])
    usage = await store.usage()
    assert usage["domain"][:2] == usage["name"][:2] == (1, 0)
    assert (await store.read(entity(NAME))).tag == b"text"
    assert 7 < (await store.read(entity(DOMAIN))).distinct("recipients") < 11


async def test_a_flood_of_new_senders_stays_within_its_kinds_budget(store):
    """The oldest first sightings are given up first; what comes again is kept."""
    known = Increment(entity(ROUTE, 999_999), counted(ROUTE, "messages"))
    for start in range(0, 2_000, 50):
        flood = [
            Increment(entity(ROUTE, number), counted(ROUTE, "messages"))
            for number in range(start, start + 50)
        ]
        await store.advance([Move(None, NOW + start, (known, *flood))])
    usage = (await store.usage())["route"]
    assert usage.entities == 1
    assert 0.7 * SIGHTINGS < usage.sightings <= SIGHTINGS
    assert (await store.read(known.entity)).total("messages") == 40
    assert await store.read(entity(ROUTE, 0)) is None
    assert await store.read(entity(ROUTE, 1_999)) is not None


async def test_a_sighting_that_becomes_a_full_record_gives_its_place_to_another(store):
    """Within one batch too: else the newest segment would pass for full, and end before its time.

    A segment of a shard holds 10 sightings here, four of them 40.
    """

    def seen(number, at=NOW):
        increment = Increment(entity(ROUTE, number * SHARDS), counted(ROUTE, "messages"))
        return Move(None, at, (increment,))

    await store.advance([seen(number) for number in range(5)])
    again = [seen(number, NOW + 1) for number in range(5)]
    mixed = [move for pair in zip(map(seen, range(5, 10)), again, strict=True) for move in pair]
    await store.advance([*mixed, *[seen(number) for number in range(10, 15)]])
    await store.advance([seen(number) for number in range(15, 45)])
    kept = [await store.read(entity(ROUTE, number * SHARDS)) for number in range(45)]
    assert [reading is not None for reading in kept] == [True] * 45
    assert (await store.usage())["route"][:2] == (5, 40)


async def test_what_is_seen_within_its_days_is_kept_and_what_is_not_goes(store):
    """Others of the shard come by every 21 days; a helo is kept for 60."""
    helo = KINDS["helo"]

    def seen(number, day):
        increment = Increment(entity(helo, number * SHARDS), counted(helo, "messages"))
        return Move(None, NOW + day * DAY, (increment,))

    await store.advance([seen(1, 18), seen(2, 18), seen(2, 19)])
    for number in range(1, 5):
        await store.advance([seen(9 + number, 21 * number), seen(0, 21 * number)])
    assert await store.read(entity(helo, 1 * SHARDS)) is not None
    assert await store.read(entity(helo, 2 * SHARDS)) is not None
    for number in range(5, 9):
        await store.advance([seen(9 + number, 21 * number), seen(0, 21 * number)])
    assert await store.read(entity(helo, 1 * SHARDS)) is None
    assert await store.read(entity(helo, 2 * SHARDS)) is None
    assert (await store.read(entity(helo, 0))).total("messages") == 8


async def test_a_message_that_answers_finds_the_one_it_answers(store):
    place = LogPosition("e", 3, 9)
    await store.advance([move()])
    await store.record([Keeping(place, b"v", b"hash", "an|id", "outbound")])
    await store.record([Keeping(LogPosition("e", 3, 10), b"v", b"hash", "other", "inbound")])
    answer, other = await store.advance([move(mentions=(b"none", b"hash")), move(mentions=())])
    assert answer.mentions == (None, Mention("an|id", place, "outbound"))
    assert other.mentions == ()


async def test_a_copy_for_other_recipients_is_a_split_and_no_retry(store):
    first, second = LogPosition("e", 0, 1), LogPosition("e", 0, 2)
    one, other = (
        Query(first, "a", "to-one", message_key="text"),
        Query(second, "b", "to-other", message_key="text"),
    )
    found = await store.look_up([one, other])
    assert [(each.retry, each.split) for each in found] == [(False, False), (False, True)]
    found = await store.look_up([one, other])
    assert [(each.retry, each.split) for each in found] == [(False, False), (False, True)]
    retried = Query(LogPosition("e", 0, 3), "c", "to-other", message_key="text")
    (found,) = await store.look_up([retried])
    assert (found.retry, found.split) == (True, False)


async def test_without_a_message_key_nothing_is_a_split(store):
    queries = [Query(LogPosition("e", 0, n), str(n), str(n)) for n in range(2)]
    assert not any(found.split for found in await store.look_up(queries))


async def test_a_forgotten_entity_is_unknown(store):
    await store.advance([move(number=1), move(number=2), move(number=2, at=NOW + 1)])
    assert await store.forget_entities([entity(number=n) for n in (1, 2, 3)]) == 2
    assert await total(store, number=1) is None
    assert await total(store, number=2) is None


async def test_lost_increments_are_told_with_the_next_success(store):
    await store.advance([move()])
    assert not await store.lost()
    store.missed()
    await store.advance([move()])
    assert await store.lost()


async def test_verdicts_without_outcomes_and_outcomes_without_verdicts(store):
    place = LogPosition("e", 0, 1)
    assert await store.record([Keeping(place, b"v")]) == [b"v"]
    assert await store.record([Keeping(place, b"w")], [move(BAD)]) == [b"v"]
    assert await store.record([], [move(BAD)]) == []
    assert await total(store, "bad") == 2
    assert await store.advance([]) == []


def test_budgets_name_kinds_and_numbers():
    default = Budget(1, 2)
    assert budgets(default, ["pair=3/4"])["pair"] == (3, 4)
    assert budgets(default)["domain"] == (1, 2)
    for wrong in ("pears=1/2", "pair=1", "pair=1/x", "pair"):
        with pytest.raises(ValueError, match="allowed: kind=entities/sightings"):
            budgets(default, [wrong])
