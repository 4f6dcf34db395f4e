"""Drift: a shift of score or mail sets off an alarm soon, a steady stream none."""

import numpy as np
import pytest

from features.vector import SCHEMA
from models.drift import LEAST, NUMBERS, Drift
from models.manifest import ArtifactError

HTML = SCHEMA.names.index("content.html")
SPF = [at for at, name in enumerate(SCHEMA.names) if name.startswith("authentication.")]


def run(drift, count, seed, *, logit=-5.0, html=0.2, unchecked=False, start=0):
    """Let a stream of verdicts pass; return the alarms with the number of the verdict."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        vector = draw.random(len(SCHEMA.names)).astype(np.float32)
        vector[HTML] = draw.random() < html
        if unchecked:
            vector[SPF] = np.nan
        raised = drift.watch(logit + draw.normal(0, 2), vector, float(start + number))
        found += [(number, alarm) for alarm in raised]
    return found


def test_a_steady_stream_sets_off_nothing():
    assert not run(Drift(), 8_000, seed=1)


def test_a_shift_of_the_score_sets_off_an_alarm_that_says_from_what_to_what():
    drift = Drift()
    assert not run(drift, 3_000, seed=2)
    found = run(drift, 2_000, seed=3, logit=-3.5, start=3_000)
    number, alarm = found[0]
    assert {alarm.name for _, alarm in found} == {"logit"}
    assert number < 1_000
    assert alarm.before == pytest.approx(-5.0, abs=0.3)
    assert alarm.after == pytest.approx(-3.5, abs=0.3)
    assert alarm.deviations >= LEAST
    assert alarm.at == 3_000 + number


def test_another_mix_of_mail_shows_in_its_feature():
    drift = Drift()
    run(drift, 3_000, seed=4)
    assert {alarm.name for _, alarm in run(drift, 1_500, seed=5, html=0.6)} == {"content.html"}


def test_an_upstream_that_stops_checking_shows_in_what_is_missing():
    drift = Drift()
    run(drift, 2_000, seed=6)
    assert "missing" in {alarm.name for _, alarm in run(drift, 800, seed=7, unchecked=True)}


def test_a_change_that_stays_is_told_once_or_as_it_grows_but_not_for_ever():
    drift = Drift()
    run(drift, 3_000, seed=8)
    run(drift, 3_000, seed=9, logit=0.0)
    assert not run(drift, 4_000, seed=10, logit=0.0)


def test_after_a_change_moves_are_measured_from_where_it_led():
    drift = Drift()
    run(drift, 3_000, seed=15)
    assert run(drift, 3_000, seed=16, logit=-2.0)
    assert not run(drift, 8_000, seed=17, logit=-1.7)  # little from there, much from the start


def test_a_move_too_small_to_matter_is_no_alarm_however_sure_it_is():
    drift = Drift()
    run(drift, 4_000, seed=11)
    assert not run(drift, 8_000, seed=12, logit=-5.0 + 0.5 * LEAST * 2)  # half of the bar


def test_means_and_alarms_survive_a_restart():
    drift = Drift()
    run(drift, 3_000, seed=13)
    run(drift, 1_500, seed=14, logit=-2.0)
    read = Drift.from_bytes(drift.to_bytes())
    assert read.alarms() == drift.alarms()
    assert read.alarms()
    assert [s.usual for s in read.standings()] == [s.usual for s in drift.standings()]
    assert [s.name for s in read.standings()] == list(NUMBERS)


def test_what_is_missing_in_a_vector_is_passed_over():
    drift = Drift()
    drift.watch(float("nan"), np.full(len(SCHEMA.names), np.nan, np.float32), 0.0)
    assert [standing.name for standing in drift.standings()] == ["missing"]


@pytest.mark.parametrize("data", [b"", b"\x93\x09\x80\x90"])
def test_damaged_bytes_are_refused_in_one_line(data):
    with pytest.raises(ArtifactError, match=r"^drift: [^\n]*$"):
        Drift.from_bytes(data)
