"""All online models as one: one step for all, one sequence, one snapshot."""

import subprocess
import sys
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tokens import SLOTS, Tokens
from features.vector import SCHEMA
from models.ensemble import VOTERS, Ensemble
from models.fusion import Fusion, Term
from models.manifest import ArtifactError
from models.sample import Sample
from models.snapshot import Snapshot, dump, load


@dataclass(frozen=True)
class Taught:
    sample: Sample | None
    terms_seen: dict[str, float] = field(default_factory=dict)


def _sample(rng):
    vector = np.exp(rng.normal(1, 2, len(SCHEMA.names))).astype(np.float32)
    vector[rng.random(len(vector)) < 0.2] = np.nan
    sizes = (30, *rng.integers(5, 60, rng.integers(1, 5)).tolist())
    slots = [np.sort(rng.choice(SLOTS // 512, size, replace=False)) for size in sizes]
    return Sample(vector, Tokens(np.concatenate(slots).astype(np.intp), sizes))


RNG = np.random.default_rng(7)
SAMPLES = [_sample(RNG) for _ in range(30)]
LESSONS = [
    (Taught(sample, {"learned_text": number % 5 - 2.0, "signal": 1.0}), number % 3 == 0)
    for number, sample in enumerate(SAMPLES)
]


def _priors():
    return Fusion({"learned_text": Term(1.0, 0.02), "signal": Term(0.5)})


def _taught(lessons=LESSONS, **options):
    models = Ensemble.fresh(_priors(), **options)
    for lesson, abuse in lessons:
        models.learn(lesson, abuse=abuse)
    return models


TAUGHT = _taught()
WHOLE = TAUGHT.predict(SAMPLES)


def test_a_new_ensemble_says_nothing_of_a_message_without_labels():
    unlabelled = [Sample(np.full(len(SCHEMA.names), np.nan, np.float32), SAMPLES[0].tokens)]
    predictions = Ensemble.fresh().predict(unlabelled)[0]
    assert [(p.model, p.logit) for p in predictions] == [(name, 0.0) for name in VOTERS]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.sets(st.integers(1, len(SAMPLES) - 1), max_size=8))
def test_no_prediction_depends_on_the_batch_to_the_bit(cuts):
    edges = [0, *sorted(cuts), len(SAMPLES)]
    parts = [row for low, high in pairwise(edges) for row in TAUGHT.predict(SAMPLES[low:high])]
    assert parts == WHOLE


def test_a_version_names_model_snapshot_and_step():
    models = Ensemble.fresh(_priors())
    assert models.version("text") == "text@new+0"
    models.learn(LESSONS[0][0], abuse=True)
    assert [p.version for p in models.predict(SAMPLES[:1])[0]] == [f"{n}@new+1" for n in VOTERS]


def _states(models):
    return {
        (part, name): value.tolist() if isinstance(value, np.ndarray) else value
        for part, state in models.state().items()
        for name, value in state.items()
    }


def test_the_same_steps_in_the_same_order_make_the_same_models():
    assert _states(_taught()) == _states(TAUGHT)
    assert _states(_taught(LESSONS[::-1])) != _states(TAUGHT)


def test_a_snapshot_of_all_parts_restores_them_and_their_sequence():
    first = _taught(LESSONS[:20])
    snapshot = Snapshot(
        schema=SCHEMA.digest, layout="l", states=first.state(), sequence=first.sequence
    )
    read = load(dump(snapshot), schema=SCHEMA.digest, layout="l")
    second = Ensemble.fresh(_priors())
    second.restore(read.states, read.digest[:12], read.sequence)
    assert second.version("bayes") == f"bayes@{read.digest[:12]}+20"
    for lesson, abuse in LESSONS[20:]:
        first.learn(lesson, abuse=abuse)
        second.learn(lesson, abuse=abuse)
    assert _states(second) == _states(first) == _states(TAUGHT)


def test_a_snapshot_without_one_of_the_models_is_refused():
    states = {name: state for name, state in TAUGHT.state().items() if name != "behaviour"}
    with pytest.raises(ArtifactError, match="holds no behaviour model"):
        Ensemble.fresh(_priors()).restore(states, "d", 1)


def test_a_message_without_tokens_teaches_the_others():
    models = Ensemble.fresh(_priors())
    models.learn(Taught(Sample(SAMPLES[0].vector), {"signal": 1.0}), abuse=True)
    models.learn(Taught(Sample(SAMPLES[1].vector), {"signal": 1.0}), abuse=False)
    text, bayes, _, behaviour = models.predict(SAMPLES[:1])[0]
    assert (text.logit, bayes.logit) == (0.0, 0.0)
    assert behaviour.logit != 0
    assert models.fusion.share > 0


def test_a_message_that_no_model_read_teaches_nothing_but_is_a_step():
    models = Ensemble.fresh(_priors())
    before = _states(models)
    models.learn(Taught(None), abuse=True)
    assert _states(models) == before
    assert models.sequence == 1


@pytest.mark.parametrize("names", [("bayes",), ("text", "counts"), ("behaviour",), VOTERS, ()])
def test_models_can_be_left_out(names):
    models = _taught(names=names)
    whole = {p.model: p.logit for p in WHOLE[0]}
    said = {p.model: p.logit for p in models.predict(SAMPLES[:1])[0]}
    assert said == {name: whole[name] for name in names}
    assert models.needs_tokens == bool({"text", "bayes"} & set(names))


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="model 'txt' given, one of text, bayes"):
        Ensemble.fresh(names=("txt",))


def test_the_core_starts_without_river():
    """River costs a second, which a worker without models must not pay."""
    code = "import sys, detectors.judging, models.ensemble; sys.exit('river' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
