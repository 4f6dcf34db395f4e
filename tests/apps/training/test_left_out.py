"""Legitimate mail judged by models that never saw its source."""

import numpy as np
import pytest

from apps.training.dataset import Dataset
from apps.training.inputs import inputs
from apps.training.left_out import without_sources
from apps.training.recipe import Recipe, invented_mail
from apps.training.trees import Parameters
from features.vector import SCHEMA
from models.manifest import Calibration

SMALL = Parameters(trees=12, leaves=4, min_messages=2)
COLUMNS = np.array([SCHEMA.names.index(name) for name in inputs()], dtype=np.intp)


@pytest.fixture(scope="module")
def mail():
    """Two collectors: a large one of ham alone, a small one of ham and spam."""
    made = invented_mail(Recipe(invented=60, seed=77))
    sources = np.where(made.spam, "modern-box-positive", "modern-box")
    large = ~made.spam & (np.cumsum(~made.spam) <= 40)
    sources[large] = "modern-large"
    return Dataset(
        made.vectors,
        made.spam,
        sources,
        np.arange(len(made)),
        made.sha256,
        made.measured,
    )


def left_out(mail, calibration, beside):
    return list(without_sources(mail, COLUMNS, SMALL, calibration, str, beside=beside))


def test_all_sources_but_the_largest_are_left_out_and_only_their_ham_is_judged(mail):
    beside = invented_mail(Recipe(invented=40))
    ((unit, own, logits),) = left_out(mail, Calibration(1.0, 0.0), beside)

    assert unit == "modern-box"
    assert np.array_equal(own, mail.sources == "modern-box")
    assert len(logits) == 20


def test_a_collectors_spam_is_left_out_with_his_ham(mail):
    beside = invented_mail(Recipe(invented=40))
    everything = mail.where(mail.sources != "modern-box-positive")
    ((_, _, with_spam),) = left_out(mail, Calibration(1.0, 0.0), beside)
    ((_, _, without_spam),) = left_out(everything, Calibration(1.0, 0.0), beside)

    assert np.array_equal(with_spam, without_spam)


def test_margins_are_calibrated(mail):
    beside = invented_mail(Recipe(invented=40))
    ((_, _, raw),) = left_out(mail, Calibration(1.0, 0.0), beside)
    ((_, _, moved),) = left_out(mail, Calibration(2.0, 1.0), beside)

    np.testing.assert_allclose(moved, 2 * raw + 1)
