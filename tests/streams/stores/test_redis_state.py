"""What only the store in Redis has: namespaces, a script that is forgotten, refusals."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from features.addresses import hash_address
from features.context import Context
from features.entities import concerns
from features.envelope import Client, Envelope, Fact, Incoming, LogPosition
from features.evidence import extract
from features.rolling import DAY, KINDS, Entity, Increment, counted
from models.hearing import MessageFacts
from streams.settings import load
from streams.stores.breaker import Breaker, GuardedStore
from streams.stores.label_state import LabelChange, LabelRecord
from streams.stores.protocol import (
    Keeping,
    LayoutError,
    Move,
    Query,
    StateMovingError,
    StoreError,
)
from streams.stores.redis_store import RedisStore, open_redis
from streams.stores.round_trip import round_trip

pytestmark = pytest.mark.integration
NOW = 1_700_000_000.0
ADDRESS = KINDS["address"]
ENTITY = Entity(ADDRESS, b"k" * 12)
PLACE = LogPosition("e", 0, 1)
MOVE = Move(PLACE, NOW, (Increment(ENTITY, counted(ADDRESS, "messages")),))
BAD = Move(PLACE, NOW, (Increment(ENTITY, counted(ADDRESS, "bad")),))


@pytest.fixture
def prefix(own_redis):
    return own_redis["WEIR_REDIS__KEY_PREFIX"]


@pytest.fixture
async def opened(own_redis):
    """Open stores of one prefix: workers that share a state."""
    stores = []

    def make(**given):
        stores.append(RedisStore(load(None, own_redis | {"WEIR_STATE__SHARDS": "4"} | given)))
        return stores[-1]

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def redis(redis_server_url):
    client = Redis.from_url(redis_server_url)
    yield client
    await client.aclose()


async def keys(redis, prefix):
    return sorted([key.decode() async for key in redis.scan_iter(match=f"{prefix}s*")])


async def test_workers_share_one_state(opened):
    one, other = opened(), opened()
    await asyncio.gather(one.advance([MOVE]), other.advance([MOVE._replace(position=None)]))
    assert (await one.read(ENTITY)).total("messages") == 2
    assert await one.namespaces.current() == await other.namespaces.current()


async def test_another_number_of_shards_is_refused_in_one_line(opened):
    await opened().advance([MOVE])
    with pytest.raises(LayoutError, match=r"^state\.shards = 5; allowed: 4, [^\n]*$"):
        await opened(WEIR_STATE__SHARDS="5").marks("e")


async def test_a_script_that_redis_forgot_is_sent_again(opened, redis):
    store = opened()
    await store.advance([MOVE])
    await redis.script_flush()
    (answer,) = await store.advance([MOVE._replace(position=None)])
    assert answer.readings[0].total("messages") == 2


async def test_a_shards_keys_share_its_hash_tag_and_segments_expire(opened, redis, prefix):
    await opened().advance([MOVE])
    shard = int.from_bytes(ENTITY.key[:2], "big") % 4
    (segment,) = [key for key in await keys(redis, prefix) if key.endswith("}:sa1")]
    assert f":{{{shard}}}:" in segment
    assert 180 * DAY < await redis.ttl(segment) <= 240 * DAY


async def test_a_closed_namespace_takes_nothing_until_another_is_in_use(opened):
    store, rebuilding = opened(), opened()
    await store.advance([MOVE])
    old = (await rebuilding.namespaces.current()).name
    await rebuilding.namespaces.create("fresh")
    await rebuilding.namespaces.close(old)
    with pytest.raises(StateMovingError):
        await store.advance([MOVE._replace(position=None)])
    with pytest.raises(StateMovingError) as caught:
        await store.record([Keeping(PLACE, b"verdict")], [BAD])
    assert caught.value.verdicts == [b"verdict"]
    assert (await rebuilding.namespaces.usage(old))["address"].sightings == 1
    await rebuilding.namespaces.switch("fresh")
    (answer,) = await store.advance([MOVE])
    assert answer.readings[0].total("messages") == 1
    assert await store.marks("e") == {0: 1}


async def test_a_dropped_namespace_leaves_nothing_and_nobody_revives_it(opened, redis, prefix):
    store, rebuilding = opened(), opened()
    await store.advance([MOVE])
    old = (await rebuilding.namespaces.current()).name
    with pytest.raises(StoreError, match="is in use"):
        await rebuilding.namespaces.drop(old)
    await rebuilding.namespaces.create("fresh")
    await rebuilding.namespaces.close(old)
    await rebuilding.namespaces.switch("fresh")
    await rebuilding.namespaces.drop(old)
    await store.advance([MOVE])
    assert not [key for key in await keys(redis, prefix) if old in key]
    assert not await rebuilding.lost()


async def test_one_rebuild_at_a_time_and_what_a_dead_one_left_is_dropped(opened, redis, prefix):
    store, rebuilding = opened(), opened()
    await store.advance([MOVE])
    await rebuilding.namespaces.claim("first")
    with pytest.raises(StoreError, match=r"^redis: state: another rebuild [^\n]* in 60 s$"):
        await opened().namespaces.claim("second")
    assert 0 < await redis.ttl(f"{prefix}s1:rebuilding") <= 60
    await redis.delete(f"{prefix}s1:rebuilding")  # as when its time is over
    await rebuilding.namespaces.claim("second")
    assert not [key for key in await keys(redis, prefix) if "first" in key]
    await rebuilding.namespaces.renew("second")
    await rebuilding.namespaces.release("first")
    assert await redis.get(f"{prefix}s1:rebuilding") == b"second"
    await rebuilding.namespaces.switch("second")
    await rebuilding.namespaces.release("second")
    await rebuilding.namespaces.claim("third")
    assert (await opened().advance([MOVE]))[0].readings[0].total("messages") == 1


async def test_only_the_namespace_in_use_is_opened_again(opened):
    store = opened()
    await store.advance([MOVE])
    old = (await store.namespaces.current()).name
    await store.namespaces.create("fresh")
    await store.namespaces.close(old)
    with pytest.raises(StateMovingError, match="weir state rebuild"):
        await store.advance([MOVE])
    await store.namespaces.reopen(old)
    await store.advance([MOVE])
    await store.namespaces.close(old)
    await store.namespaces.switch("fresh")
    await store.namespaces.reopen(old)
    late = opened()
    late._state._namespace = old
    await late.advance([MOVE])
    assert (await store.namespaces.usage(old))["address"].sightings == 1
    assert (await store.namespaces.usage("fresh"))["address"].sightings == 1


async def test_who_has_free_mail_is_forgotten_in_each_kind_that_names_people(opened):
    """There the person stands in the domain's place, in the route's too; others' records stay."""
    store, context = opened(), Context(hash_key=b"a key of a test", hash_key_id="k")
    envelope = Envelope(
        id="1",
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
        client=Client(ip="192.0.2.9", helo="mail.example.org"),
        rcpt_to=("bob@our.example",),
        facts={"dkim": Fact("pass"), "dkim.domains": Fact("gmail.com")},
    )
    raw = b"From: Jane Doe <jane@gmail.com>\r\nTo: bob@our.example\r\n\r\nSee https://example.net/\r\n"
    reply = msgspec.structs.replace(
        envelope, direction="outbound", user="bob@our.example", rcpt_to=("jane@gmail.com",)
    )
    answer = b"From: bob@our.example\r\nTo: Jane Doe <jane@gmail.com>\r\n\r\nThanks\r\n"
    touched = [
        increment
        for one in (Incoming(envelope, raw), Incoming(reply, answer))
        for increment in extract(one, context).touches.increments
        if increment.items
    ]
    await store.advance([Move(None, NOW, tuple(touched))])
    person = hash_address("jane@gmail.com", context)
    hers = [it.entity for it in touched if concerns(it.entity.key, person) or it.tag]
    assert {it.kind.name for it in hers} == {"domain", "route", "pair", "name"}
    assert await store.forget_person(person) == len({(it.kind.name, it.key) for it in hers})
    for increment in touched:
        kept = await store.read(increment.entity) is not None
        assert kept is (increment.entity not in hers), increment.entity.label


async def test_a_redis_that_lost_all_is_begun_anew_and_the_loss_is_told(opened, redis, prefix):
    store = opened()
    await store.advance([MOVE])
    await redis.delete(f"{prefix}state", *await keys(redis, prefix))
    (answer,) = await store.advance([MOVE._replace(position=None)])
    assert answer.readings[0].total("messages") == 1
    assert await opened().lost()


async def test_verdicts_stand_where_outcomes_are_refused_and_the_loss_is_told(
    opened, redis, prefix
):
    store = opened()
    await store.advance([MOVE])
    name = (await store.namespaces.current()).name
    shard = int.from_bytes(ENTITY.key[:2], "big") % 4
    book = f"{prefix}s1:{name}:{{{shard}}}:m"
    await redis.rename(book, f"{book}-aside")
    await redis.set(book, "what no script of ours wrote")
    assert await store.record([Keeping(PLACE, b"verdict")], [BAD]) == [b"verdict"]
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.advance([MOVE])
    await redis.rename(f"{book}-aside", book)
    assert not await opened().lost()
    await store.advance([MOVE])
    assert await opened().lost()


async def test_calls_that_an_open_breaker_spares_are_lost(opened):
    store = opened()
    guarded = GuardedStore(store, Breaker(failures=1, seconds=60), timeout=5)
    await guarded.advance([MOVE])
    guarded.breaker.failed()
    with pytest.raises(StoreError, match="breaker is open"):
        await guarded.advance([MOVE])
    guarded.breaker.succeeded()
    await guarded.record([], [BAD])
    assert await guarded.lost()
    assert await guarded.marks("e") == {0: 1}


async def test_a_state_on_the_move_does_not_open_the_breaker(opened):
    store = opened()
    guarded = GuardedStore(store, Breaker(failures=1, seconds=60), timeout=5)
    await guarded.advance([MOVE])
    await store.namespaces.close((await store.namespaces.current()).name)
    with pytest.raises(StateMovingError):
        await guarded.advance([MOVE])
    assert guarded.breaker.state == "closed"


async def test_a_round_trip_that_is_cut_off_leaves_no_answer_for_the_next(redis):
    """The connection is given up: an answer that comes late would be taken for another's."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await round_trip(redis, [("BLPOP", "nothing", 0), ("ECHO", "late")])
    assert await round_trip(redis, [("ECHO", "one"), ("NO-COMMAND",), ("ECHO", b"two")]) == [
        b"one",
        Matching(ResponseError),
        b"two",
    ]
    assert await round_trip(redis, []) == []


class Matching:
    def __init__(self, kind):
        self.kind = kind

    def __eq__(self, other):
        return isinstance(other, self.kind)

    __hash__ = None


async def test_a_stale_connection_is_made_anew(redis, redis_server_url):
    client = open_redis(load(None, {"WEIR_REDIS__URL": redis_server_url}))
    try:
        assert await round_trip(client, [("ECHO", "one")]) == [b"one"]
        await redis.client_kill_filter(_type="normal", skipme=True)
        assert await round_trip(client, [("ECHO", "two")]) == [b"two"]
    finally:
        await client.aclose(close_connection_pool=True)


async def test_counts_that_are_sent_again_are_not_lost_when_the_state_moves(opened):
    store = opened()
    await store.advance([MOVE])
    name = (await store.namespaces.current()).name
    await store.namespaces.close(name)
    with pytest.raises(StateMovingError):
        await store.count([BAD])
    await store.namespaces.reopen(name)
    await store.count([BAD])
    assert (await store.read(ENTITY)).total("bad") == 1
    assert not await store.lost()


async def test_labels_are_held_back_while_a_rebuild_counts_them(opened):
    store, other = opened(), opened()
    change = LabelChange(None, PLACE)
    await other.labels.hold(60)
    assert not await store.keep_labels(change)
    await other.labels.release()
    assert await store.keep_labels(change)


async def test_every_labelled_message_is_told_once(opened):
    store = opened()
    records = [
        LabelRecord(f"m{number}", "default", "inbound", NOW, None, (), MessageFacts())
        for number in range(1500)
    ]
    await store.keep_labels(LabelChange(None, PLACE, records))
    found = [record async for record in store.labels.every_labelled()]
    assert sorted(record.message for record in found) == sorted(it.message for it in records)


async def test_who_gets_no_labels_is_asked_nothing_about_reports(opened, redis, prefix):
    store = opened(WEIR_REDIS__KEY_PREFIX=f"{prefix}quiet:")
    content = Entity(KINDS["content"], b"c" * 12)
    asked = Move(None, NOW, (Increment(content),))

    async def mgets():
        return (await redis.info("commandstats")).get("cmdstat_mget", {"calls": 0})["calls"]

    await store.look_up([Query(PLACE, "id", "key")])
    before = await mgets()
    await store.advance([asked])
    assert await mgets() == before
    await store.keep_labels(LabelChange(None, PLACE))
    await store.look_up([Query(PLACE, "id", "key")])
    await store.advance([asked])
    assert await mgets() == before + 1
