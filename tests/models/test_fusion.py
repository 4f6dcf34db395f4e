"""The online stack: calibrated, held to signs, never surer of itself than its labels allow."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fusion import Fusion, Term
from models.manifest import ArtifactError

TERMS = {
    "text": Term(1.0, least=0.02),
    "fires": Term(0.5),
    "trusted": Term(-0.5, -math.inf, 0.0),
}
values = st.floats(-15, 15)
lessons = st.lists(
    st.tuples(
        st.fixed_dictionaries({}, optional={"text": values, "fires": values, "trusted": values}),
        st.booleans(),
        st.floats(0.01, 5),
    ),
    max_size=40,
)


def taught(given, **options):
    fusion = Fusion(TERMS, **options)
    for inputs, abuse, weight in given:
        fusion.learn(inputs, abuse=abuse, weight=weight)
    return fusion


def stream(count, seed=1, rate=0.3):
    """Return true logits around their class, with labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2.5, count) + math.log(rate / (1 - rate))
    return logits.tolist(), (rng.random(count) < 1 / (1 + np.exp(-logits))).tolist()


def test_a_new_stack_has_no_say_and_its_priors_are_its_weights():
    fusion = Fusion(TERMS, -2.0)
    assert fusion.share == 0
    assert (fusion.weight("text"), fusion.weight("trusted"), fusion.bias) == (1.0, -0.5, -2.0)
    assert fusion.logit({"text": 3.0, "fires": 1.0}) == 1.5


def test_its_say_grows_with_the_labels_of_the_rarer_class():
    fusion = Fusion(TERMS, patience=10.0)
    for _ in range(50):
        fusion.learn({"text": 1.0}, abuse=True)
    assert fusion.share == 0
    for _ in range(10):
        fusion.learn({"text": -1.0}, abuse=False)
    assert fusion.share == 0.5
    fusion.learn({}, abuse=False, weight=10.0)
    assert fusion.share == pytest.approx(2 / 3)


def test_without_patience_it_has_all_the_say_from_the_start():
    assert Fusion(TERMS, patience=0.0).share == 1.0


@settings(derandomize=True)
@given(lessons)
def test_weights_keep_their_signs_and_floors_whatever_the_labels(given):
    fusion = taught(given)
    assert fusion.weight("text") > 0
    assert fusion.weight("fires") >= 0
    assert fusion.weight("trusted") <= 0
    assert math.isfinite(fusion.logit({"text": 15, "fires": 1, "trusted": 1}))


def test_what_two_inputs_both_know_is_not_counted_twice():
    logits, labels = stream(4000)
    fusion = Fusion({"one": Term(1.0), "same": Term(1.0)})
    for logit, abuse in zip(logits, labels, strict=True):
        fusion.learn({"one": logit, "same": logit}, abuse=abuse)
    assert fusion.weight("one") + fusion.weight("same") == pytest.approx(1.0, abs=0.2)


def test_an_input_that_misleads_loses_its_weight():
    logits, labels = stream(3000)
    fusion = Fusion({"true": Term(1.0), "noise": Term(1.0)})
    noise = np.random.default_rng(5).normal(0, 2, 3000).tolist()
    for logit, other, abuse in zip(logits, noise, labels, strict=True):
        fusion.learn({"true": logit, "noise": other}, abuse=abuse)
    assert fusion.weight("noise") < 0.4
    assert fusion.weight("true") > 0.7


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_scores_are_calibrated_probabilities_however_sure_the_model_is_of_itself(scale):
    logits, labels = stream(12_000)
    fusion = Fusion({"text": Term(1.0, least=0.02)})
    scores = []
    for logit, abuse in zip(logits, labels, strict=True):
        scores.append(1 / (1 + math.exp(-fusion.logit({"text": scale * logit}))))
        fusion.learn({"text": scale * logit}, abuse=abuse)
    late = np.array(scores[6000:])
    truth = np.array(labels[6000:])
    for part in np.array_split(np.argsort(late), 6):
        assert late[part].mean() == pytest.approx(truth[part].mean(), abs=0.06)


def test_an_unknown_input_neither_counts_nor_is_learned():
    fusion = taught([({"text": 2.0, "stranger": 9.0}, True, 1.0)])
    assert fusion.weight("stranger") == 0
    assert fusion.logit({"stranger": 9.0}) == fusion.logit({})


@settings(derandomize=True)
@given(lessons)
def test_the_order_of_names_changes_no_bit(given):
    turned = [(dict(reversed(inputs.items())), abuse, weight) for inputs, abuse, weight in given]
    one, other = taught(given), Fusion(dict(reversed(TERMS.items())))
    for inputs, abuse, weight in turned:
        other.learn(inputs, abuse=abuse, weight=weight)
    probe = {"text": 1.1, "fires": 0.7, "trusted": 0.3}
    assert one.logit(probe) == other.logit(probe)


def same(one, other):
    return (
        all(np.array_equal(one[name], other[name]) for name in one) and one.keys() == other.keys()
    )


@settings(derandomize=True, max_examples=50)
@given(lessons, lessons)
def test_a_restored_stack_goes_on_as_the_first_would_have(before, after):
    first = taught(before)
    second = Fusion(TERMS)
    second.restore(first.state())
    assert second.share == first.share
    for inputs, abuse, weight in after:
        first.learn(inputs, abuse=abuse, weight=weight)
        second.learn(inputs, abuse=abuse, weight=weight)
    assert same(first.state(), second.state())


def test_signals_come_and_go_with_versions():
    """What the state doesn't know keeps its prior; what is gone is dropped."""
    first = taught([({"text": 5.0, "fires": 1.0}, False, 1.0)])
    newer = Fusion({"text": Term(1.0, 0.02), "new": Term(0.7)})
    newer.restore(first.state())
    assert newer.weight("text") == first.weight("text") < 1.0
    assert newer.weight("fires") == 0
    assert newer.weight("new") / newer.weight("text") == pytest.approx(
        0.7 * first.state()["slope"] / first.weight("text")
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"names": 3},
        {"weights": np.zeros(2)},
        {"squares": np.full(3, np.nan)},
        {"bias": float("nan")},
        {"honest_labels": "many"},
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(damage):
    fusion = Fusion(TERMS)
    with pytest.raises(ArtifactError, match="snapshot: "):
        fusion.restore({**taught([({"text": 5.0}, False, 1.0)]).state(), **damage})
    assert same(fusion.state(), Fusion(TERMS).state())
