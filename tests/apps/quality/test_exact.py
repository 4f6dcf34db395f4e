"""The exact interval, against binomial sums."""

from math import comb

import pytest

from apps.quality.exact import beta_below, interval


def at_least(hits, total, share):
    return sum(
        comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(hits, total + 1)
    )


@pytest.mark.parametrize(("hits", "total"), [(1, 10), (3, 10), (9, 10), (1, 400), (40, 90)])
def test_each_limit_leaves_a_fortieth_to_chance(hits, total):
    low, high = interval(hits, total)
    assert at_least(hits, total, low) == pytest.approx(0.025, rel=1e-6)
    assert 1 - at_least(hits + 1, total, high) == pytest.approx(0.025, rel=1e-6)


def test_no_hit_and_nothing_but_hits():
    assert interval(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert interval(10, 10) == (pytest.approx(0.025**0.1), 1.0)
    assert interval(0, 0) == (0.0, 1.0)


def test_numbers_between_whole_ones_lie_between():
    assert interval(1, 10)[0] < interval(1.5, 10)[0] < interval(2, 10)[0]
    assert interval(1, 10)[1] < interval(1.5, 10)[1] < interval(2, 10)[1]


def test_the_beta_distribution_is_one():
    values = [beta_below(x / 50, 2.5, 7.0) for x in range(51)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert beta_below(0.3, 2.5, 7.0) == pytest.approx(1 - beta_below(0.7, 7.0, 2.5))
