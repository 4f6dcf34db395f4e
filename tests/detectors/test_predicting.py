"""A model asked about a batch: what fails costs its own vote only."""

import numpy as np
import pytest

from detectors.predicting import ask
from models.sample import Sample
from models.voting import Voter

SAMPLES = [Sample(np.array([number], np.float32)) for number in (1.0, 2.0, 3.0)]


def voter(logits):
    return Voter(("one", "two"), ("one@a+1", "two@a+1"), logits)


def said(vote):
    return [(p.model, p.version, p.logit) for p in vote.predictions]


def doubled(samples):
    return np.array([[sample.vector[0], 2 * sample.vector[0]] for sample in samples])


def test_each_sample_has_its_votes_in_order():
    votes = ask(voter(doubled), SAMPLES)
    assert said(votes[1]) == [("one", "one@a+1", 2.0), ("two", "two@a+1", 4.0)]
    assert [(vote.missing, vote.faults) for vote in votes] == [((), ())] * 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_is_a_missing_vote(value):
    votes = ask(voter(lambda batch: np.array([[1.0, value]] * len(batch))), SAMPLES)
    assert said(votes[0]) == [("one", "one@a+1", 1.0)]
    assert votes[0].missing == ("model:two",)


def test_a_batch_that_fails_is_asked_about_one_by_one():
    def breaks(samples):
        if any(sample.vector[0] == 2 for sample in samples):
            raise RuntimeError("private")
        return doubled(samples)

    votes = ask(voter(breaks), SAMPLES)
    assert [len(vote.predictions) for vote in votes] == [2, 0, 2]
    assert votes[1].missing == ("model:one", "model:two")
    assert votes[1].faults[0].startswith("model:one RuntimeError at test_predicting.py:")


def test_a_model_that_loses_a_row_is_not_believed():
    votes = ask(voter(lambda samples: doubled(samples)[:-1]), SAMPLES)
    assert [vote.predictions for vote in votes] == [()] * 3


def test_an_interrupt_is_let_through():
    def stopped(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(voter(stopped), SAMPLES)
