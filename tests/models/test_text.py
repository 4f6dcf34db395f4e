"""The text model does what its definition says, message by message, whatever the batch."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tokens import SLOTS, Tokens
from models.sample import Sample
from models.text import TextModel

VECTOR = np.zeros(0, np.float32)


def sample(header, *segments):
    """Make a sample of parts given as lists of slots."""
    parts = [sorted(set(part)) for part in (header, *segments)]
    slots = np.array([slot for part in parts for slot in part], np.intp)
    return Sample(VECTOR, Tokens(slots, tuple(len(part) for part in parts)))


def words(rng, pool, most=60):
    return rng.choice(pool, size=int(rng.integers(1, most))).tolist()


def mail(rng, *, abuse):
    """Make a message whose slots are drawn from a pool that overlaps with the other side's."""
    pool = np.arange(400) + (200 if abuse else 0)
    header = words(rng, pool + 10_000) if rng.random() < 0.9 else []
    return sample(header, *[words(rng, pool) for _ in range(int(rng.integers(0, 6)))])


def stream(seed, count):
    rng = np.random.default_rng(seed)
    truths = [bool(truth) for truth in rng.random(count) < 0.5]
    return [(mail(rng, abuse=truth), truth) for truth in truths]


def learned(seed=1, count=60):
    model = TextModel()
    for message, abuse in stream(seed, count):
        model.learn(message, abuse)
    return model


class Definition:
    """The model by the book: slot by slot, in dictionaries."""

    def __init__(self):
        self.w, self.g, self.spam, self.ham = {}, {}, {}, {}
        self.messages = {True: 0.0, False: 0.0}

    def logits(self, tokens):
        header = tokens.header.tolist()
        rows = []
        for segment in [part.tolist() for part in tokens.segments] or [[]]:
            held = header + segment
            gradient = math.fsum(self.w.get(slot, 0.0) for slot in held)
            ratios = [
                math.log((self.spam.get(slot, 0) + 1e-3) / (self.ham.get(slot, 0) + 1e-3))
                for slot in held
            ]
            bayes = 0.0
            if all(self.messages.values()):
                both = (self.messages[False] + 2e-3) / (self.messages[True] + 2e-3)
                bayes = math.fsum(ratios) / max(len(held), 1) + math.log(both)
            rows.append((gradient, bayes))
        clipped = [sum(max(-15.0, min(15.0, logit)) for logit in row) for row in rows]
        shares = [math.exp(1.5 * (score - max(clipped))) for score in clipped]
        return tuple(
            math.fsum(share * row[half] for share, row in zip(shares, rows, strict=True))
            / math.fsum(shares)
            for half in (0, 1)
        )

    def learn(self, tokens, abuse, weight):
        header = tokens.header.tolist()
        segments = [part.tolist() for part in tokens.segments] or [[]]
        target = 1 - 0.0075 if abuse else 0.0075
        steps, squares = {}, {}
        for segment in segments:
            z = math.fsum(self.w.get(slot, 0.0) for slot in header + segment)
            slope = weight * (target - 1 / (1 + math.exp(-z))) / len(segments)
            for slot in segment:
                steps.setdefault(slot, []).append(slope)
                squares.setdefault(slot, []).append(slope**2)
            for slot in header:
                steps.setdefault(slot, []).append(slope)
                squares.setdefault(slot, []).append(slope**2)
        for slot, slopes in steps.items():
            self.g[slot] = self.g.get(slot, 0.1) + math.fsum(squares[slot])
            step = 0.004 * math.fsum(slopes) / math.sqrt(self.g[slot])
            self.w[slot] = self.w.get(slot, 0.0) + step
        side = self.spam if abuse else self.ham
        for part in (header, *segments):
            for slot in part:
                side[slot] = side.get(slot, 0.0) + weight
        self.messages[abuse] += weight


@pytest.mark.parametrize("seed", range(4))
def test_scores_and_steps_are_those_of_the_definition(seed):
    model, definition = TextModel(), Definition()
    for place, (message, abuse) in enumerate(stream(seed, 80)):
        weight = (1.0, 0.3, 5.0)[place % 3]
        assert model.predict([message])[0].tolist() == pytest.approx(
            definition.logits(message.tokens), rel=1e-9, abs=1e-9
        )
        model.learn(message, abuse, weight)
        definition.learn(message.tokens, abuse, weight)


def test_segments_surer_than_fifteen_logits_share_a_message_alike():
    model = TextModel()
    weights = np.zeros(SLOTS)
    weights[:20] = 2.0
    model.restore(model.state() | {"weights": weights})

    assert model.predict([sample([], range(10), range(20))])[0].tolist() == [30.0, 0.0]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 20), min_size=1, max_size=6))
def test_a_prediction_does_not_depend_on_the_batch_to_the_bit(seed, sizes):
    batch = [message for message, _ in stream(seed, sum(sizes))]

    whole = MODEL.predict(batch)
    starts = np.cumsum([0, *sizes]).tolist()
    parts = [MODEL.predict(batch[a:b]) for a, b in pairwise(starts)]
    single = [MODEL.predict([message])[0] for message in batch]

    assert whole.shape == (len(batch), 2)
    assert whole.tobytes() == np.concatenate(parts).tobytes() == np.array(single).tobytes()


MODEL = learned()


def test_a_new_model_says_nothing():
    assert TextModel().predict([message for message, _ in stream(3, 5)]).tolist() == [[0, 0]] * 5


def test_it_tells_the_sides_apart_after_some_mail():
    rng = np.random.default_rng(8)
    model = learned(count=400)

    bad, good = (
        model.predict([mail(rng, abuse=abuse) for _ in range(200)]).sum(axis=1)
        for abuse in (True, False)
    )

    assert np.median(bad) > 2 > -2 > np.median(good)


def test_one_sided_labels_say_nothing_by_counts():
    model = TextModel()
    for message, _ in stream(1, 10):
        model.learn(message, abuse=True)

    assert model.predict([sample([1], [2])])[0, 1] == 0


def test_honest_text_around_a_lure_hides_it_less_than_a_mean_would():
    model = TextModel()
    lure, honest, header = list(range(50)), list(range(100, 150)), [900]
    for _ in range(30):
        model.learn(sample(header, lure), abuse=True)
        model.learn(sample(header, honest), abuse=False)

    bare, ham, padded = model.predict(
        [
            sample(header, lure),
            sample(header, honest),
            sample(header, *[honest] * 5, lure, *[honest] * 5),
        ]
    ).sum(axis=1)

    assert ham < -2 < 2 < bare
    assert padded > 0.9 * bare


def test_labels_may_teach_one_half_alone():
    (first, _), (second, _), (third, _) = stream(5, 3)
    model = learned()
    before = model.predict([first, second, third])

    model.learn(first, abuse=True, halves="bayes")
    after_bayes = model.predict([first, second, third])
    model.learn(first, abuse=True, halves="gradient")
    after_both = model.predict([first, second, third])

    # The shares of segments follow the sum of both, so the untaught half moves a little.
    assert after_bayes[0, 1] > before[0, 1]
    assert abs(after_bayes[0, 0] - before[0, 0]) < 0.1
    assert after_both[0, 0] > after_bayes[0, 0]
    assert model.state()["abuse_messages"] == learned().state()["abuse_messages"] + 1


def test_more_smoothing_steps_less():
    model, smooth = TextModel(), TextModel()
    message = sample([1], [2, 3])
    model.learn(message, abuse=True)
    smooth.learn(message, abuse=True, smoothing=0.2)

    assert 0 < smooth.predict([message])[0, 0] < model.predict([message])[0, 0]


def test_a_message_without_any_slot_can_be_scored_and_learned():
    nothing = sample([])
    model = learned()
    model.learn(nothing, abuse=True)

    assert np.isfinite(model.predict([nothing])).all()
    assert model.predict([]).shape == (0, 2)


def test_labels_without_end_keep_numbers_finite():
    model = TextModel()
    message = sample([0], [1, SLOTS - 1])
    for _ in range(3_000):
        model.learn(message, abuse=True, weight=5.0)
    model.learn(message, abuse=False, weight=1e6)

    assert np.isfinite(model.predict([message])).all()


@pytest.mark.parametrize("act", ["predict", "learn"])
def test_a_sample_without_tokens_is_refused(act):
    with pytest.raises(ValueError, match="without tokens given"):
        getattr(MODEL, act)(*([[Sample(VECTOR)]] if act == "predict" else [Sample(VECTOR), True]))
