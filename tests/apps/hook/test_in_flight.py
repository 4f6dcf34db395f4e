from hypothesis import given
from hypothesis import strategies as st

from apps.hook.in_flight import InFlight


def test_the_number_is_bounded():
    places = InFlight(2, 1_000)
    assert places.enter(1)
    assert places.enter(1)
    assert not places.enter(1)
    places.leave(1)
    assert places.enter(1)


def test_the_bytes_are_bounded():
    places = InFlight(100, 1_000)
    assert places.enter(900)
    assert not places.enter(101)
    assert places.enter(100)


def test_a_lone_message_has_a_place_however_large_it_is():
    places = InFlight(1, 1_000)
    assert places.enter(5_000)


@given(st.lists(st.integers(0, 400)))
def test_no_order_of_comings_and_goings_exceeds_the_bounds(sizes):
    places = InFlight(5, 1_000)
    inside = []
    for size in sizes:
        if places.enter(size):
            inside.append(size)
        elif inside:
            places.leave(inside.pop(0))
        assert len(inside) <= 5
        assert sum(inside) <= 1_000
        assert (places.messages, places.bytes) == (len(inside), sum(inside))
