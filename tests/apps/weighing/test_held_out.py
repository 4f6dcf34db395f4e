"""Thresholds by weights that never saw a message's own source, and how sure they are."""

from datetime import date
from functools import partial

import msgspec
import numpy as np
import pytest

from apps.weighing.held_out import bare, left_out, sums, thresholds
from apps.weighing.intervals import at_most, bootstrap_quantile, quantile, wilson
from apps.weighing.recipe import Kept, reweighed
from apps.weighing.seen import Seen
from detectors.catalogue import SPECS
from detectors.signals import Finding
from detectors.stack import shipped_weights_text
from detectors.weights import SignalWeight, read_weights

SHIPPED = read_weights(shipped_weights_text(), SPECS)
NAME = "high_priority"


def mail(source, hits, total):
    fired = (Finding(NAME, ""),)
    return [Seen(source, source, "", fired if i < hits else (), (), "accept") for i in range(total)]


@pytest.fixture
def ham():
    return mail("quiet", 0, 3_000) + mail("noisy", 200, 1_000)


@pytest.fixture
def recipe():
    before = {name: SignalWeight(weight=0.0, measured=date(2026, 1, 1), on="x") for name in SPECS}
    return partial(reweighed, before, SPECS, Kept(), date(2026, 11, 21))


def test_a_source_is_judged_by_weights_of_the_others_alone(ham, recipe):
    by_unit = left_out(ham, {"quiet": "quiet", "noisy": "noisy"}, recipe, SHIPPED)

    assert by_unit["noisy"].signals[NAME].weight == 2.7  # none in one other source
    assert by_unit["quiet"].signals[NAME].weight == 0.0  # one in five of the other


def test_its_own_mail_would_have_hidden_what_a_source_suffers(ham, recipe):
    by_unit = left_out(ham, {"quiet": "quiet", "noisy": "noisy"}, recipe, SHIPPED)
    scores = sums(ham, by_unit, SHIPPED)

    assert scores[:3_000].max() == 0.0
    assert sorted(set(scores[3_000:])) == [0.0, 2.7]


def test_one_source_cannot_be_left_out(recipe):
    with pytest.raises(ValueError, match="two needed"):
        left_out(mail("only", 0, 300), {"only": "only"}, recipe, SHIPPED)


def test_a_sum_has_neither_bias_nor_models():
    found = bare(msgspec.structs.replace(SHIPPED)).weigh([Finding(NAME, "")], ())

    assert found.bias == 0
    assert found.logit == round(1e6 * SHIPPED.signals[NAME].weight)


def test_at_most_the_share_lies_above_a_threshold():
    scores = np.arange(1_000.0)

    found = {t.share: t for t in thresholds(scores)}

    assert [found[s].above for s in (0.001, 0.005, 0.01)] == [1, 5, 10]
    assert found[0.01].sum == 989.0
    assert all(t.low <= t.sum <= t.high for t in found.values())
    assert all(t.ham == 1_000 for t in found.values())


def test_a_share_of_less_than_one_message_lets_none_through():
    assert quantile(np.array([3.0, 1.0, 2.0]), 0.001) == 3.0


def test_equal_scores_stay_on_one_side():
    (least, *_) = thresholds(np.repeat([0.0, 7.0], [1_990, 10]))

    assert (least.sum, least.above) == (7.0, 0)


def test_an_interval_of_a_threshold_is_the_same_each_time_and_shrinks_with_mail():
    draw = np.random.default_rng(1)
    few, many = draw.normal(size=300), draw.normal(size=30_000)

    first = bootstrap_quantile(few, 0.01)

    assert first == bootstrap_quantile(few, 0.01)
    low, high = bootstrap_quantile(many, 0.01)
    assert high - low < first[1] - first[0]


def test_wilson_intervals_are_those_of_the_tables():
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)


def test_none_seen_says_at_most_three_in_all():
    assert at_most(0, 443) == pytest.approx(3 / 443)
    assert at_most(0, 2) == 1.0
    assert at_most(4, 4_593) == pytest.approx(wilson(4, 4_593)[1])
