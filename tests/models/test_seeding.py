"""Seeding is the same on every run, and shows the counts each message once."""

import numpy as np
import pytest

from features.tokens import Tokens
from models.sample import Sample
from models.seeding import PASSES, seed
from models.text import TextModel


def labelled(count=40):
    rng = np.random.default_rng(5)
    labels = [bool(label) for label in rng.random(count) < 0.5]
    samples = []
    for abuse in labels:
        slots = np.unique(rng.integers(0, 120, 40) + (60 if abuse else 0)).astype(np.intp)
        samples.append(Sample(np.zeros(0, np.float32), Tokens(slots, (0, len(slots)))))
    return samples, labels


def test_the_counts_see_each_message_once_and_the_weights_more_often():
    samples, labels = labelled()
    seeded, once = TextModel(), TextModel()
    seed(seeded, samples, labels)
    for sample, abuse in zip(samples, labels, strict=True):
        once.learn(sample, abuse, smoothing=0.02)

    left, right = seeded.state(), once.state()
    assert left["abuse"].tobytes() == right["abuse"].tobytes()
    assert left["abuse_messages"] + left["honest_messages"] == len(samples)
    assert PASSES > 0
    assert np.abs(left["weights"]).sum() > 2 * np.abs(right["weights"]).sum()


def test_seeding_twice_gives_the_same_model_to_the_bit():
    samples, labels = labelled()
    first, second = TextModel(), TextModel()
    seed(first, samples, labels)
    seed(second, samples, labels)

    assert first.predict(samples).tobytes() == second.predict(samples).tobytes()


def test_every_sample_needs_a_label():
    samples, labels = labelled()
    with pytest.raises(ValueError, match="39 labels given, 40 wanted"):
        seed(TextModel(), samples, labels[1:])
