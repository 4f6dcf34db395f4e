"""Exact label counts say what they say, and nothing where nobody has labelled."""

import math

import numpy as np
import pytest

from features.vector import SCHEMA
from models.counts import KEYS, Counts
from models.sample import Sample


def sample(fill=math.nan, **counts):
    """Make a sample of counts given as key=(spam, ham)."""
    vector = np.full(len(SCHEMA.names), fill, np.float32)
    for key, (spam, ham) in counts.items():
        vector[SCHEMA.names.index(f"{key}.spam")] = spam
        vector[SCHEMA.names.index(f"{key}.ham")] = ham
    return Sample(vector)


def logit(one):
    return Counts().predict([one])[0]


@pytest.mark.parametrize("fill", [math.nan, 0.0])
def test_nothing_is_said_where_nothing_is_known(fill):
    assert logit(sample(fill)) == 0


@pytest.mark.parametrize("key", KEYS)
def test_each_key_votes_by_its_log_odds(key):
    assert logit(sample(**{key: (10, 0)})) == pytest.approx(math.log(21))
    assert logit(sample(**{key: (0, 1)})) == pytest.approx(-math.log(3))
    assert logit(sample(**{key: (4, 4)})) == 0


def test_keys_add_up_within_fifteen_logits():
    assert logit(sample(pair=(1, 0), sender=(0, 1))) == 0
    assert logit(sample(pair=(1, 0), sender=(1, 0))) == pytest.approx(2 * math.log(3))
    assert logit(sample(**dict.fromkeys(KEYS, (1e6, 0)))) == 15
    assert logit(sample(**dict.fromkeys(KEYS, (0, 1e6)))) == -15


def test_numbers_that_cannot_be_counts_do_no_harm():
    assert np.isfinite(logit(sample(pair=(-1, -1), sender=(math.nan, 3), links=(2, -7))))


def test_a_vote_does_not_depend_on_the_batch_to_the_bit():
    rng = np.random.default_rng(3)
    batch = [sample(**{key: rng.integers(0, 50, 2).tolist() for key in KEYS}) for _ in range(100)]

    whole = Counts().predict(batch)

    assert whole.tobytes() == np.array([logit(one) for one in batch]).tobytes()
    assert Counts().predict([]).shape == (0,)
