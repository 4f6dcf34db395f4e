"""The audit budget: spent as set, most where doubt and mistakes are, everywhere a little."""

import random
from bisect import bisect_right

import pytest

from models.audit import EDGES, Volume, allocate, chances
from models.manifest import ArtifactError

ORDINARY = (40_000, 30_000, 8_000, 1_500, 900, 600, 400, 300, 500, 900, 3_000, 14_000)


def spent(found, volumes):
    return sum(p * volume for p, volume in zip(found, volumes, strict=True))


@pytest.mark.parametrize("budget", [1, 50, 5_000])
def test_the_budget_is_spent_as_set(budget):
    found = allocate(ORDINARY, budget)
    assert spent(found, ORDINARY) == pytest.approx(budget)
    assert all(0 < p <= 1 for p in found)


def test_two_fifths_of_the_labels_come_from_verdicts_in_doubt():
    doubt = slice(bisect_right(EDGES, -1.0), bisect_right(EDGES, 2.9) + 1)
    found = allocate(ORDINARY, 50)
    assert spent(found[doubt], ORDINARY[doubt]) > 20


def test_mail_held_back_is_asked_about_more_than_its_volume_would_say():
    held = slice(bisect_right(EDGES, 0.0), None)
    found = allocate(ORDINARY, 50)
    share = sum(ORDINARY[held]) / sum(ORDINARY)
    assert spent(found[held], ORDINARY[held]) / 50 > 1.3 * share


def test_no_stratum_falls_below_a_part_of_an_even_share():
    even = 50 / sum(ORDINARY)
    assert min(allocate(ORDINARY, 50)) >= 0.15 * even


def test_with_less_mail_than_budget_all_is_asked_about():
    assert set(allocate([2] * 12, 50)) == {1.0}
    assert set(allocate([0] * 12, 50)) == {1.0}


def test_what_a_small_stratum_cannot_use_goes_to_the_others():
    volumes = [100_000, *[0] * 4, 3, 2, *[0] * 5]
    found = allocate(volumes, 50)
    assert found[5] == found[6] == 1.0
    assert spent(found, volumes) == pytest.approx(50)


def test_a_stratum_without_mail_yesterday_has_a_chance_today():
    volumes = list(ORDINARY)
    volumes[6] = 0
    assert allocate(volumes, 50)[6] > allocate(volumes, 50)[0]


def test_equal_chances_have_one_version_and_others_another():
    assert chances(ORDINARY, 50) == chances(ORDINARY, 50)
    assert chances(ORDINARY, 50).version != chances(ORDINARY, 60).version


def day_of_mail(volume, day, count, draw, seconds=86_400):
    """Let a day of mail come, asking as a learner does that looks each minute; return the asked."""
    asked, minute, theta = 0, -1.0, None
    begin = day * 86_400
    for at in sorted(draw.uniform(begin, begin + seconds) for _ in range(count)):
        logit = draw.choice([-7, -7, -7, -5, -3, 0.5, 2, 9])
        volume.add(logit, at)
        if at // 60 > minute:
            minute, theta = at // 60, chances(volume.daily(at), 50)
        assert theta is not None
        asked += draw.random() < theta.chances[bisect_right(theta.edges, logit)]
    return asked


def test_days_of_mail_are_asked_about_as_often_as_the_budget_says():
    draw, volume = random.Random(11), Volume()
    first = day_of_mail(volume, 0, 12_000, draw)
    assert 25 <= first <= 110, "the first day isn't known beforehand"
    later = [day_of_mail(volume, day, 12_000, draw) for day in range(1, 4)]
    assert 35 <= sum(later) / 3 <= 60


def test_a_flood_of_mail_is_not_a_flood_of_questions():
    draw, volume = random.Random(12), Volume()
    day_of_mail(volume, 0, 2_000, draw)
    assert day_of_mail(volume, 1, 60_000, draw) < 50 * 5


def test_a_flood_within_an_hour_is_hardly_asked_about():
    """The day before says 2,000 a day: ten times that in an hour would spend twice the budget."""
    draw, volume = random.Random(13), Volume()
    day_of_mail(volume, 0, 2_000, draw)
    assert day_of_mail(volume, 1, 20_000, draw, seconds=3_600) < 70


def test_volumes_of_the_last_day_survive_a_restart_and_older_ones_go():
    volume = Volume()
    for hour in range(60):
        volume.add(0.5, hour * 3_600.0)
    assert sum(volume.daily(59 * 3_600.0)) == 25
    read = Volume.from_bytes(volume.to_bytes())
    assert read.daily(59 * 3_600.0) == volume.daily(59 * 3_600.0)
    volume.add(0.5, 0.0)  # it comes far too late
    assert sum(volume.daily(59 * 3_600.0)) == 25


@pytest.mark.parametrize("data", [b"", b"\x93\x01\x00\x81\x05\x91\x01"])
def test_damaged_counts_are_refused_in_one_line(data):
    with pytest.raises(ArtifactError, match=r"^volume of mail: [^\n]*$"):
        Volume.from_bytes(data)
