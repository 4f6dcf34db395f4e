import pytest

from apps.hook.breaker import MissBreaker


class Clock:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return MissBreaker(clock)


def opened(breaker):
    for _ in range(5):
        breaker.missed()
    assert breaker.state == "open"


def test_it_opens_above_a_fifth_of_misses(breaker):
    for _ in range(20):
        breaker.answered()
    for _ in range(5):
        breaker.missed()
    assert breaker.state == "closed", "5 of 25 is a fifth and no more"
    breaker.missed()
    assert breaker.state == "open"


def test_few_misses_say_nothing_yet(breaker):
    for _ in range(4):
        breaker.missed()
    assert breaker.state == "closed"


def test_what_was_before_the_window_counts_no_more(breaker, clock):
    for _ in range(4):
        breaker.missed()
    clock.now += 11
    breaker.missed()
    assert breaker.state == "closed"


def test_an_open_one_lets_one_probe_through_after_a_pause(breaker, clock):
    opened(breaker)
    assert not breaker.probe()
    clock.now += 1
    assert breaker.probe()
    assert breaker.state == "half_open"
    clock.now += 100
    assert not breaker.probe(), "one at a time, however long it takes"


def test_an_answered_probe_closes_it_and_forgets_the_misses(breaker, clock):
    opened(breaker)
    clock.now += 1
    breaker.probe()
    breaker.settle(answered=True)
    breaker.missed()
    assert breaker.state == "closed"


def test_a_probe_without_answer_opens_it_for_another_pause(breaker, clock):
    opened(breaker)
    clock.now += 1
    breaker.probe()
    breaker.settle(answered=False)
    assert breaker.state == "open"
    assert not breaker.probe()
    clock.now += 1
    assert breaker.probe()


def test_misses_while_it_is_open_do_not_prolong_it(breaker, clock):
    """Requests that were under way when it opened end one after another."""
    opened(breaker)
    clock.now += 1
    breaker.missed()
    assert breaker.probe()
