"""The stack's numbers are found where they are known, and stay within their signs and caps."""

from importlib import resources

import numpy as np
import pytest

from apps.training.calibration import sigmoid
from apps.training.dataset import evidence_of
from apps.training.stacking import Fit, fit_stack, signals_sum, stacked, updated
from detectors.catalogue import DETECTORS, SPECS
from detectors.margins import CLIP
from detectors.stack import Stack, shipped_stack
from detectors.weights import read_own_weights, read_weights
from features.context import Context
from models.classifier import Prediction

COUNT = 20_000
TOML = (resources.files("detectors") / "data" / "weights.toml").read_text("utf-8")
PHISH = b"""From: "PayPal Service" <x7@mailer-q3.top>
Reply-To: help@gmail.com
To: you@example.org
Subject: Your account is suspended

Verify your password at http://192.0.2.7/paypal now or it will be closed.
"""


def _mail(fit, seed=1):
    rng = np.random.default_rng(seed)
    signals = np.where(rng.random(COUNT) < 0.4, rng.exponential(3, COUNT), 0.0)
    margins = rng.normal(scale=4, size=COUNT)
    spam = rng.random(COUNT) < sigmoid(stacked(fit, signals, margins))
    return signals, margins, spam


def _fit(signals, margins, spam, **changes):
    counts = np.where(spam, spam.sum(), (~spam).sum())
    settings = {"cap": 5.0, "abuse_rate": 0.5} | changes
    return fit_stack(signals, margins, spam, COUNT / counts, **settings)


@pytest.mark.parametrize("known", [Fit(0.9, 1.1, -0.5, 5.0), Fit(1.2, 0.4, -1.0, 5.0)])
def test_known_numbers_are_found_again(known):
    signals, margins, spam = _mail(known)

    rate = spam.mean()
    found = fit_stack(signals, margins, spam, np.ones(COUNT), cap=5.0, abuse_rate=float(rate))

    assert found.scale == pytest.approx(known.scale, abs=0.08)
    assert found.weight == pytest.approx(known.weight, abs=0.08)
    assert found.bias == pytest.approx(known.bias, abs=0.12)


def test_a_model_that_is_wrong_gets_no_weight_rather_than_a_negative_one():
    signals, margins, spam = _mail(Fit(1.0, 1.0, 0.0, 5.0))

    found = _fit(signals, -margins, spam)

    assert found.weight == 0.0
    assert found.scale > 0


def test_the_bias_follows_the_stream_the_scores_are_meant_for():
    signals, margins, spam = _mail(Fit(1.0, 1.0, 0.0, 5.0))

    balanced, rare = (_fit(signals, margins, spam, abuse_rate=rate) for rate in (0.5, 0.1))

    shift = rare.scale * (rare.bias - balanced.bias)
    assert (rare.scale, rare.weight) == (balanced.scale, balanced.weight)
    assert shift == pytest.approx(-np.log(9), abs=0.01)


def test_little_mail_leaves_the_signals_near_their_prior():
    few = np.array([0.0, 0.0, 4.0, 0.0]), np.array([-1.0, -2.0, 1.0, 2.0])
    spam = np.array([False, False, True, True])

    found = fit_stack(*few, spam, np.ones(4), cap=5.0, abuse_rate=0.5)

    assert 0.5 < found.scale < 1.5


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        fit_stack(np.ones(3), np.ones(3), np.ones(3, bool), np.ones(3), cap=5, abuse_rate=0.5)


def test_logits_are_those_of_the_stack_that_judges():
    """The fit must see mail as `judge` does: damped, capped, clipped, calibrated."""
    weights = read_weights(TOML, SPECS)
    fit = Fit.of(weights, "classifier")
    evidence = evidence_of(PHISH)
    findings = [f for detector in DETECTORS for f in detector.detect(evidence, Context())]
    signals = signals_sum(weights)(evidence)

    assert signals > 1
    for margin in (-20.0, -1.0, 0.0, 2.5, CLIP + 3):
        judged = shipped_stack().weigh(findings, [Prediction("classifier", "v", margin)])
        expected = stacked(fit, np.array([signals]), np.array([margin]))[0]
        assert judged.logit / 1e6 == pytest.approx(expected, abs=2e-5)


def test_only_the_fitted_numbers_change_in_the_file():
    fit = Fit(0.75, 1.25, -3.125, 5.0)

    text = updated(TOML, "classifier", fit)

    assert Fit.of(read_weights(text, SPECS), "classifier")[:3] == fit[:3]
    changed = [a for a, b in zip(TOML.split("\n"), text.split("\n"), strict=True) if a != b]
    assert len(changed) == 3
    Stack(read_weights(text, SPECS), SPECS)


def test_a_table_without_its_key_is_refused():
    with pytest.raises(ValueError, match=r"\[stack\] has no bias"):
        updated("[stack]\ncalibration = { a = 1.0, b = 0.0 }\n", "classifier", Fit(1, 1, 1, 1))


def test_own_weights_without_a_stack_get_one_that_lies_over_the_shipped():
    own = "[signals.high_priority]\nweight = 0.5\nmeasured = 2026-11-21\non = 'ours'\n"
    fit = Fit(0.9, 1.25, -3.5, 5.0)

    written = updated(own, "classifier", fit)

    found = read_own_weights(written, TOML, SPECS)
    assert Fit.of(found, "classifier") == fit
    assert found.signals["high_priority"].weight == 0.5
    assert updated(written, "classifier", fit) == written
