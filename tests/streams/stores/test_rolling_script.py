"""The script and features.rolling, side by side on the same moves."""

import asyncio
import math
import uuid

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from features.envelope import LogPosition
from features.rolling import DAY, KINDS, Entity, Increment, counted, distinct_item
from streams.stores.budgets import Budget, budgets
from streams.stores.protocol import Move
from streams.stores.redis_state import RedisState
from streams.stores.rolling_memory import RollingMemory
from streams.stores.rolling_redis import Layout

SHARDS = 2
START = 1_700_000_000.0
SMALL = budgets(Budget(SHARDS * 4, SHARDS * 4))  # one of each in a segment


@st.composite
def _increments(draw, names, keys):
    """Plain values: a Kind's own repr is too long for hypothesis to print."""
    kind = KINDS[draw(st.sampled_from(names))]
    counters, sketches = [counter.name for counter in kind.counters], kind.sketches
    adding = st.tuples(st.sampled_from(counters), st.integers(-40_000, 40_000))
    if sketches:
        adding |= st.tuples(st.sampled_from(sketches), st.binary(max_size=2))
    tag = draw(st.sampled_from([b"", b"", b"a", b"ab", b"b\x00", b"b\xff"])) if kind.tagged else b""
    return kind.name, draw(st.integers(0, keys - 1)), draw(st.lists(adding, max_size=4)), tag


def _increment(name, key, adding, tag):
    kind = KINDS[name]
    items = b"".join(
        distinct_item(kind, what, amount) if isinstance(amount, bytes)
        else counted(kind, what, amount)
        for what, amount in adding
    )  # fmt: skip
    return Increment(Entity(kind, key.to_bytes(2, "big") + b"k" * 10), items, tag)


def _move(place, at, increments, adds):
    position = place and LogPosition(*place)
    return Move(position, at, tuple(_increment(*each) for each in increments), adds=adds)


_TIMES = st.one_of(
    st.integers(0, 5).map(lambda n: START + n),
    st.floats(0, 6 * DAY, width=32).map(lambda n: START + n),
    st.integers(0, 400).map(lambda n: START + n * DAY),
)
_PLACES = st.none() | st.tuples(st.sampled_from(["e", "f"]), st.integers(0, 1), st.integers(0, 9))
_NEAR = st.sampled_from([START, START, START + 1, *(START + n * DAY / 2 for n in range(1, 6))])


def _batches(names, keys, times):
    moves = st.tuples(
        _PLACES,
        times,
        st.lists(_increments(names, keys), min_size=1, max_size=5),
        st.sampled_from([True, True, True, False]),
    )
    steps = st.sampled_from(["arrival", "arrival", "outcome"])
    return st.lists(st.tuples(steps, st.lists(moves, max_size=4)), min_size=1, max_size=6)


def _agree(ours, theirs):
    """Integers, times, marks of days, sketches and tags are equal, decayed counts to 1e-9."""
    if ours is None or theirs is None:
        return ours is theirs
    exact = {0, 1, 2} | {place for (_, part), place in ours.kind.places.items() if not part}
    if ours.kind.sketches:
        exact.add(ours.kind.doubles - 1)
    return (
        (ours.first, ours.last, ours.previous, ours.sketches, ours.tag)
        == (theirs.first, theirs.last, theirs.previous, theirs.sketches, theirs.tag)
    ) and all(
        one == other if place in exact else math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
        for place, (one, other) in enumerate(zip(ours.numbers, theirs.numbers, strict=True))
    )


async def _side_by_side(url, batches, held):
    redis = Redis.from_url(url)
    state = RedisState(redis, Layout(f"{uuid.uuid4()}:", SHARDS, held))
    memory = RollingMemory(SHARDS, held)
    try:
        for step, plain in batches:
            moves = [_move(*each) for each in plain]
            answer = await state.apply(step, moves)
            assert answer.problem is None, answer.problem
            ours = memory.advance(step, moves)
            if step == "arrival":
                found = answer.calls.readings(answer.records)
                for one, other in zip(ours, found, strict=True):
                    assert all(map(_agree, one.readings, other)), (one.readings, other)
        name = await state.namespace()
        for epoch in "ef":
            assert await state.namespaces.marks(name, epoch) == memory.marks(epoch)
        usage = await state.namespaces.usage(name)
        kept = {kind: held[:2] for kind, held in usage.items()}
        assert kept == {kind: held[:2] for kind, held in memory.usage().items()}
    finally:
        await redis.aclose()


_SETTINGS = settings(
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a failing case is small enough as it is
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.integration
@_SETTINGS
@given(_batches([*KINDS], 3, _TIMES))
def test_script_and_python_read_and_keep_the_same(redis_server_url, batches):
    asyncio.run(_side_by_side(redis_server_url, batches, budgets(Budget())))


@pytest.mark.integration
@_SETTINGS
@given(_batches([*KINDS], 3, _TIMES))
def test_within_small_budgets_both_give_up_the_same(redis_server_url, batches):
    asyncio.run(_side_by_side(redis_server_url, batches, SMALL))


@pytest.mark.integration
@_SETTINGS
@given(_batches(["domain", "content", "name"], 1, _NEAR))
def test_an_entity_that_comes_again_within_days_reads_the_same(redis_server_url, batches):
    asyncio.run(_side_by_side(redis_server_url, batches, budgets(Budget())))
