import pytest

from apps.hook.tempfail import TempfailBudget


class Clock:
    """A clock that stands still until it is set."""

    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def taken(budget, tries):
    return sum(budget.take() for _ in range(tries))


def test_no_more_than_the_share_is_deferred(clock):
    budget = TempfailBudget(10, clock)
    for _ in range(500):
        budget.saw()
    assert taken(budget, 500) == 50


def test_a_small_host_may_defer_a_few(clock):
    budget = TempfailBudget(10, clock)
    budget.saw()
    assert taken(budget, 100) == 10


def test_none_are_deferred_where_the_share_is_nothing(clock):
    budget = TempfailBudget(0, clock)
    budget.saw()
    assert taken(budget, 100) == 0


def test_after_five_minutes_the_budget_is_whole_again(clock):
    budget = TempfailBudget(10, clock)
    assert taken(budget, 100) == 10
    clock.now += 290
    assert taken(budget, 100) == 0
    clock.now += 10
    assert taken(budget, 100) == 10


def test_messages_of_long_ago_give_no_budget(clock):
    budget = TempfailBudget(10, clock)
    for _ in range(500):
        budget.saw()
    clock.now += 301
    assert taken(budget, 100) == 10
