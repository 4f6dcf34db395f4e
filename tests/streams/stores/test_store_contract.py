"""One contract, held by the store in memory and by the store in Redis."""

import pytest

from features.envelope import LogPosition
from streams.stores.protocol import Found, Keeping, Query, Store

A, B, C = (LogPosition("e", 0, offset) for offset in (1, 2, 3))
NEW = Found(None, 0, retry=False)


@pytest.fixture
def store(either_store) -> Store:
    return either_store


async def test_what_was_never_seen_is_new(store):
    assert await store.look_up([Query(A, "a", "da"), Query(B, "b", "db")]) == [NEW, NEW]
    assert await store.look_up([]) == []


async def test_a_redelivery_from_the_same_place_is_not_a_duplicate(store):
    await store.look_up([Query(A, "a", "d")])
    assert await store.look_up([Query(A, "a", "d")]) == [NEW]


async def test_an_id_at_other_places_gets_rising_revisions_that_stay(store):
    await store.look_up([Query(A, "a", "1")])
    first = await store.look_up([Query(B, "a", "2"), Query(C, "a", "3")])
    assert [found.revision for found in first] == [1, 2]
    again = await store.look_up([Query(C, "a", "3"), Query(B, "a", "2"), Query(A, "a", "1")])
    assert [found.revision for found in again] == [2, 1, 0]


async def test_an_id_twice_in_one_batch_is_a_duplicate(store):
    found = await store.look_up([Query(A, "a", "1"), Query(B, "a", "2")])
    assert [entry.revision for entry in found] == [0, 1]


async def test_a_requeued_id_is_never_first_and_has_numbers_of_its_own(store):
    """Also where the place it was first seen at is forgotten: `ID.revised.1` is given once."""
    requeued = [Query(B, "a", "1", requeued=True), Query(C, "a", "1", requeued=True)]
    assert [found.revision for found in await store.look_up(requeued)] == [1, 2]
    plain = Query(A, "a", "1")
    assert [found.revision for found in await store.look_up([plain, *requeued])] == [3, 1, 2]


async def test_a_delivery_seen_elsewhere_is_a_retry(store):
    found = await store.look_up([Query(A, "a", "same"), Query(B, "b", "same")])
    assert [entry.retry for entry in found] == [False, True]
    assert [f.retry for f in await store.look_up([Query(A, "a", "same")])] == [False]


async def test_the_first_recorded_verdict_is_in_force(store):
    assert await store.record([Keeping(A, b"one"), Keeping(B, b"two")]) == [b"one", b"two"]
    assert await store.record([Keeping(A, b"other"), Keeping(C, b"three")]) == [b"one", b"three"]
    assert (await store.look_up([Query(A, "a", "d")]))[0].verdict == b"one"
    assert await store.record([]) == []


async def test_an_epoch_tells_a_recreated_topics_records_from_the_old(store):
    await store.record([Keeping(A, b"one")])
    other = LogPosition("f", A.partition, A.offset)
    assert await store.look_up([Query(other, "x", "y")]) == [NEW]


async def test_a_forgotten_verdict_is_gone_and_forgetting_twice_is_fine(store):
    await store.record([Keeping(A, b"one")])
    await store.forget([A, B])
    await store.forget([A])
    await store.forget([])
    assert (await store.look_up([Query(A, "a", "d")]))[0].verdict is None


async def test_the_first_proposed_epoch_is_kept_until_the_topic_is_created_anew(store):
    assert await store.epoch("t", "1") == "1"
    assert await store.epoch("t", "2") == "1"
    await store.set_epoch("t", "3")
    assert await store.epoch("t", "4") == "3"
    assert await store.epoch("other", "5") == "5"
    assert await store.stored_epoch("t") == "3"
    assert await store.stored_epoch("none") is None


async def test_a_policy_is_kept_by_its_digest(store):
    await store.keep_policy("digest", b"text")
    assert await store.policy("digest") == b"text"
    assert await store.policy("none") is None


async def test_it_answers(store):
    await store.ping()
