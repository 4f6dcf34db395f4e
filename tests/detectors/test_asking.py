"""Asking for labels: the same draw everywhere, at the published chances, foreseen by nobody."""

from typing import NamedTuple

import pytest

from detectors.asking import NOT_ASKED, ask

MICRO = 1_000_000


class Theta(NamedTuple):
    version: str = "t1"
    edges: tuple[float, ...] = (-1.0, 3.0)
    chances: tuple[float, ...] = (0.01, 0.5, 0.1)


def share(chance, logit, theta, key=b"key", count=20_000):
    asked = [ask(f"id-{number}", key, logit, theta) for number in range(count)]
    assert {a.p for a in asked} == {chance}
    return sum(a.asked for a in asked) / count


@pytest.mark.parametrize(
    ("logit", "chance"),
    [(-9.0, 0.01), (-1.000001, 0.01), (-1.0, 0.5), (2.9, 0.5), (3.0, 0.1), (40.0, 0.1)],
)
def test_each_stratum_is_asked_at_its_own_chance(logit, chance):
    found = share(chance, round(logit * MICRO), Theta())
    assert found == pytest.approx(chance, abs=4 * (chance * (1 - chance) / 20_000) ** 0.5)


def test_the_same_message_is_asked_the_same_way_wherever_it_is_judged():
    assert ask("id", b"key", 0, Theta()) == ask("id", b"key", 0, Theta())


def test_who_does_not_hold_the_key_cannot_tell_what_is_asked():
    theta = Theta(chances=(0.5, 0.5, 0.5))
    ours = [ask(f"id-{n}", b"ours", 0, theta).asked for n in range(4_000)]
    guessed = [ask(f"id-{n}", b"guessed", 0, theta).asked for n in range(4_000)]
    agree = sum(a == b for a, b in zip(ours, guessed, strict=True)) / 4_000
    assert agree == pytest.approx(0.5, abs=0.04)


def test_certain_chances_are_certain():
    assert share(1.0, 0, Theta(chances=(1.0, 1.0, 1.0)), count=500) == 1.0
    assert share(0.0, 0, Theta(chances=(0.0, 0.0, 0.0)), count=500) == 0.0


def test_without_a_learner_or_a_logit_nothing_is_asked():
    assert ask("id", b"key", 0, None) == NOT_ASKED
    assert ask("id", b"key", None, Theta()) == NOT_ASKED


def test_any_id_and_any_key_can_be_hashed():
    assert ask("\udcff\x00", b"", 0, Theta()).theta == "t1"
    assert ask("id", b"k" * 200, 0, Theta()).theta == "t1"
