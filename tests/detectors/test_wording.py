import pytest

from detectors.wording import about, counted, duration, rising


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute"),
        (59.9, "less than a minute"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3 * 3_600 + 1, "3 h"),
        (86_399, "23 h"),
        (400 * 86_400.0, "400 d"),
    ],
)
def test_a_time_is_said_in_its_largest_whole_unit(seconds, said):
    assert duration(seconds) == said


def test_a_count_is_whole_and_agrees_with_its_thing():
    assert counted(0.9, "message") == "1 message"
    assert counted(411.6, "message") == "412 messages"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1.02, "1 network"),
        (6.1, "6 networks"),
        (61.3, "about 61 networks"),
        (398.2, "about 400 networks"),
        (12_345.0, "about 12000 networks"),
    ],
)
def test_an_estimate_has_no_more_digits_than_it_is_worth(number, said):
    assert about(number, "network") == said


def test_strength_rises_from_two_fifths_to_one_and_stays():
    assert rising(20, 20, 200) == pytest.approx(0.4)
    assert rising(200, 20, 200) == pytest.approx(1.0)
    assert rising(1e9, 20, 200) == 1.0
    assert 0.4 < rising(63, 20, 200) < 1.0
