"""The behaviour model: River's own pipeline, asked about batches."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.vector import SCHEMA
from models.behaviour import INPUTS, Behaviour, numbers
from models.manifest import ArtifactError
from models.sample import Sample


def samples(count, seed=1):
    """Make vectors of counts, sizes and flags, a fifth of them missing."""
    rng = np.random.default_rng(seed)
    vectors = np.exp(rng.normal(2, 3, (count, len(SCHEMA.names)))).astype(np.float32)
    vectors[:, ::4] = rng.random((count, vectors[:, ::4].shape[1])) < 0.1
    vectors[:, ::7] *= -1
    vectors[rng.random(vectors.shape) < 0.2] = np.nan
    return [Sample(vector) for vector in vectors]


BATCH = samples(80)


def taught(count=80):
    model = Behaviour()
    for number, sample in enumerate(BATCH[:count]):
        model.learn(sample, abuse=number % 3 == 0, weight=1.0 + number % 2)
    return model


TAUGHT = taught()
WHOLE = TAUGHT.predict(BATCH)


def test_a_new_model_says_nothing():
    assert Behaviour().predict(BATCH).tolist() == [0.0] * len(BATCH)
    assert Behaviour().predict([]).shape == (0,)


def test_a_batch_is_predicted_as_river_predicts_its_messages():
    rivers = [TAUGHT.pipeline.predict_proba_one(numbers(sample))[True] for sample in BATCH]
    assert 1 / (1 + np.exp(-WHOLE)) == pytest.approx(rivers, abs=1e-9)
    assert np.ptp(WHOLE) > 1


@settings(derandomize=True, max_examples=60)
@given(st.sets(st.integers(1, len(BATCH) - 1), max_size=12))
def test_a_prediction_does_not_depend_on_the_batch_to_the_bit(cuts):
    edges = [0, *sorted(cuts), len(BATCH)]
    parts = [TAUGHT.predict(BATCH[low:high]) for low, high in pairwise(edges)]
    assert np.concatenate(parts).tolist() == WHOLE.tolist()


def test_it_learns_what_tells_abuse_from_honest_mail():
    model = Behaviour()
    column = SCHEMA.names.index("sender.messages_1h")
    for sample, count in zip(samples(300, 2), [1000.0, 2.0, 3.0] * 100, strict=True):
        sample.vector[column] = count
        model.learn(sample, abuse=count == 1000)
    burst, calm = (Sample(np.full(len(SCHEMA.names), np.nan, np.float32)) for _ in range(2))
    burst.vector[column], calm.vector[column] = 900, 2
    high, low = model.predict([burst, calm])
    assert high > low + 1


def test_missing_numbers_count_as_their_means():
    model = taught()
    nothing = Sample(np.full(len(SCHEMA.names), np.nan, np.float32))
    assert model.predict([nothing])[0] == model.pipeline["weigh"].intercept


@pytest.mark.parametrize("value", [math.inf, -math.inf, 3e38, -3e38])
def test_one_absurd_message_spoils_neither_its_own_vote_nor_the_next(value):
    model = taught()
    absurd = Sample(np.full(len(SCHEMA.names), value, np.float32))
    for number in range(20):  # from now on the absurd is within the usual deviations
        model.learn(Sample((-1) ** number * absurd.vector), abuse=True)
    assert np.isfinite(model.predict([absurd, *BATCH])).all()
    assert np.abs(model.predict([absurd])[0]) < 30
    river = model.pipeline.predict_proba_one(numbers(absurd))[True]
    assert 1 / (1 + np.exp(-model.predict([absurd])[0])) == pytest.approx(river, abs=1e-9)


def test_label_counts_are_left_to_their_own_model():
    assert not [name for name in INPUTS if name.endswith((".spam", ".ham"))]
    assert len(set(INPUTS)) == len(INPUTS)


def test_a_restored_model_goes_on_as_the_first_would_have_to_the_bit():
    first, second = taught(40), Behaviour()
    second.restore(first.state())
    assert second.predict(BATCH).tolist() == first.predict(BATCH).tolist()
    for number, sample in enumerate(BATCH[40:]):
        first.learn(sample, abuse=number % 2 == 0)
        second.learn(sample, abuse=number % 2 == 0)
    assert second.predict(BATCH).tolist() == first.predict(BATCH).tolist()


@pytest.mark.parametrize(
    "damage", [{"names": "other"}, {"means": np.zeros(3)}, {"intercept": math.inf}, {"steps": None}]
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(damage):
    model = taught(40)
    before = model.predict(BATCH).tolist()
    with pytest.raises(ArtifactError, match="snapshot: "):
        model.restore({**TAUGHT.state(), **damage})
    assert model.predict(BATCH).tolist() == before
