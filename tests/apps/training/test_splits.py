"""Folds never part what belongs together, and give each source its share."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.training.splits import assign_folds, cluster, later


def test_messages_that_share_a_key_are_one_cluster_also_by_way_of_others():
    keys = [("a",), ("b",), ("a", "c"), (), ("c", "b"), ("d",)]

    assert cluster(keys).tolist() == [0, 0, 0, 1, 0, 2]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=120), st.integers(2, 6))
def test_a_cluster_is_never_split(numbers, count):
    folds = assign_folds(np.array(numbers), ["s"] * len(numbers), count, seed=1)

    assert set(folds.tolist()) <= set(range(count))
    assert all(
        len({int(fold) for fold, other in zip(folds, numbers, strict=True) if other == number}) == 1
        for number in numbers
    )


def test_each_fold_has_its_share_of_every_source():
    strata = ["big"] * 100 + ["small"] * 10

    folds = assign_folds(np.arange(110), strata, 5, seed=1)

    counts = Counter(zip(strata, folds.tolist(), strict=True))
    assert {counts["big", fold] for fold in range(5)} == {20}
    assert {counts["small", fold] for fold in range(5)} == {2}


def test_the_seed_decides_and_nothing_else():
    clusters, strata = np.arange(50), ["s"] * 50

    once, again, other = (assign_folds(clusters, strata, 5, seed) for seed in (1, 1, 2))

    assert once.tolist() == again.tolist()
    assert once.tolist() != other.tolist()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    clusters=st.lists(st.integers(0, 9), min_size=1, max_size=60),
    seed=st.integers(0, 1_000),
)
def test_later_mail_never_has_a_campaign_that_began_before_it(clusters, seed):
    draw = np.random.default_rng(seed)
    times = draw.choice([np.nan, *range(20)], len(clusters))
    numbers = np.array(clusters, dtype=np.intp)

    new = later(numbers, times, 0.3)

    assert not set(numbers[new]) & set(numbers[~new])
    assert not np.isnan(times[new]).any()


def test_later_mail_is_the_newest_share():
    assert later(np.arange(10), np.arange(10.0), 0.2).tolist() == [False] * 8 + [True] * 2
    assert not later(np.arange(3), np.full(3, np.nan), 0.2).any()
