"""Increments fold into a record in any order, and readings say what was folded."""

import hashlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.context import Context
from features.entities import Namer
from features.rolling import (
    DAY,
    HALF_LIVES,
    KINDS,
    LAYOUT_VERSION,
    SIGHTING_BYTES,
    counted,
    decode,
    distinct_item,
    fold,
    read_sighting,
    sighting,
)

DOMAIN = KINDS["domain"]
START = 20_500 * DAY
TIMES = st.floats(0, 3 * DAY).map(lambda seconds: START + round(seconds))
ITEMS = st.one_of(
    st.builds(
        lambda name, amount: counted(DOMAIN, name, amount),
        st.sampled_from([counter.name for counter in DOMAIN.counters]),
        st.integers(-3, 40),
    ),
    st.builds(
        lambda name, number: distinct_item(DOMAIN, name, b"%d" % number),
        st.sampled_from(DOMAIN.sketches),
        st.integers(0, 200),
    ),
)


def folded(kind, increments, *, arrival=True):
    record = None
    for at, items in increments:
        record = fold(kind, record, at, items, arrival=arrival)
    return record


@given(
    increments=st.lists(
        st.tuples(TIMES, ITEMS), min_size=1, max_size=12, unique_by=lambda it: it[0]
    ),
    seed=st.randoms(use_true_random=False),
)
@settings(derandomize=True, deadline=None)
def test_the_order_of_increments_does_not_matter(increments, seed):
    shuffled = list(increments)
    seed.shuffle(shuffled)
    end = START + 4 * DAY

    one = decode(DOMAIN, folded(DOMAIN, increments), end)
    other = decode(DOMAIN, folded(DOMAIN, shuffled), end)

    assert (one.first, one.last, one.previous) == (other.first, other.last, other.previous)
    assert one.sketches == other.sketches
    assert one.numbers == pytest.approx(other.numbers, rel=1e-9, abs=1e-9)


def test_a_counter_and_a_sketch_of_one_name_are_two():
    items = counted(DOMAIN, "recipients", 500) + distinct_item(DOMAIN, "recipients", b"one")

    reading = decode(DOMAIN, folded(DOMAIN, [(START, items)]), START)

    assert reading.total("recipients") == 500
    assert reading.distinct("recipients") == pytest.approx(1, abs=0.05)


def test_a_count_halves_with_each_half_life():
    record = folded(DOMAIN, [(START, counted(DOMAIN, "messages", 8))])

    for name in ("10m", "1h", "1d", "7d"):
        reading = decode(DOMAIN, record, START + 2 * HALF_LIVES[name])
        assert reading.decayed("messages", name) == pytest.approx(2)
        assert reading.total("messages") == 8


@pytest.mark.parametrize("number", [1, 5, 20, 60, 300, 3_000])
def test_distinct_elements_are_estimated_within_what_the_sketch_allows(number):
    items = b"".join(distinct_item(DOMAIN, "recipients", b"%d" % i) for i in range(number))

    reading = decode(DOMAIN, folded(DOMAIN, [(START, items * 2)]), START)

    assert reading.distinct("recipients") == pytest.approx(number, rel=3 * 1.04 / math.sqrt(32))


def test_distinct_elements_are_those_of_today_and_yesterday():
    item = distinct_item(DOMAIN, "recipients", b"one")
    record = folded(DOMAIN, [(START, item)])

    days = [decode(DOMAIN, record, START + day * DAY).distinct("recipients") for day in range(3)]
    assert days == [pytest.approx(1, abs=0.05), pytest.approx(1, abs=0.05), 0]


def test_an_outcome_is_no_sight():
    record = fold(DOMAIN, None, START, counted(DOMAIN, "messages"), arrival=True)
    record = fold(DOMAIN, record, START, counted(DOMAIN, "inbox"), arrival=False)

    reading = decode(DOMAIN, record, START + 60)
    assert (reading.first, reading.last, reading.previous) == (START, START, -math.inf)
    assert reading.total("inbox") == 1


def test_the_newest_tag_stays_whatever_comes_late():
    name = KINDS["name"]
    record = fold(name, None, START, counted(name, "sent"), b"new", arrival=True)
    record = fold(name, record, START - 9, counted(name, "sent"), b"old", arrival=True)

    assert decode(name, record, START).tag == b"new"


def test_a_first_sighting_holds_its_time_and_items_or_is_refused():
    items = counted(DOMAIN, "messages") * 7

    small = sighting(START, items)
    assert small is not None
    assert len(small) <= SIGHTING_BYTES
    assert read_sighting(small) == (START, items)
    assert sighting(START, items + items) is None


FROZEN = {1: "9e683795e9875634"}


def test_the_same_layout_version_means_the_same_records_under_the_same_keys():
    """Records of an older release are read by the version in their keys.

    If this fails, raise LAYOUT_VERSION: what is kept is begun anew then (`weir state rebuild`).
    """
    namer = Namer(Context(hash_key=b"a key of a test"), "tenant")
    digest = hashlib.sha256()
    for kind in KINDS.values():
        items = b"".join(counted(kind, counter.name, 3) for counter in kind.counters)
        items += b"".join(distinct_item(kind, sketch, b"one") for sketch in kind.sketches)
        record = None
        for at in (START, START + DAY, START + DAY / 2):
            record = fold(kind, record, at, items, b"tag" if kind.tagged else b"", arrival=True)
        numbers = [float(f"{number:.9g}") for number in decode(kind, record, START).numbers]
        named = namer.entity(kind.name, "name"), namer.entity(kind.name, f"x,1:{'ab' * 16}")
        digest.update(
            f"{kind.code}{kind.places}{kind.sketch_codes}{kind.tagged}{numbers}".encode()
            + sighting(START, items[:3])
            + record[8 * kind.doubles :]
            + b"".join(entity.key for entity in named)
        )
    assert {LAYOUT_VERSION: digest.hexdigest()[:16]} == FROZEN
