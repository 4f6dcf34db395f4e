"""A message as a lesson and back; what is no lesson changes nothing; a digest of every bit."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace

from features.tokens import SLOTS, Tokens
from features.vector import SCHEMA
from models.digest import state_digest
from models.ensemble import Ensemble
from models.fusion import Fusion, Term
from models.lessons import lesson_of, read_lesson
from models.sample import Sample
from models.step import Step

RNG = np.random.default_rng(5)


@dataclass(frozen=True)
class Taught:
    sample: Sample
    terms_seen: dict[str, float] = field(default_factory=lambda: {"learned_text": 0.5})


def sample():
    sizes = (10, 30, 20)
    slots = [np.sort(RNG.choice(SLOTS // 256, size, replace=False)) for size in sizes]
    vector = RNG.normal(1, 2, len(SCHEMA.names)).astype(np.float32)
    vector[3] = np.nan
    return Sample(vector, Tokens(np.concatenate(slots).astype(np.intp), sizes))


SAMPLES = [sample() for _ in range(6)]


def models():
    return Ensemble.fresh(Fusion({"learned_text": Term(1.0, 0.02)}))


def lesson(of=SAMPLES[0], **options):
    return lesson_of(of, {"learned_text": 0.5}, **{"abuse": True, **options})


def test_a_lesson_holds_all_that_the_models_read():
    read = read_lesson(lesson()).sample
    assert np.array_equal(read.tokens.slots, SAMPLES[0].tokens.slots)
    assert read.tokens.sizes == SAMPLES[0].tokens.sizes
    assert read.vector.tobytes() == SAMPLES[0].vector.tobytes()


def test_applying_steps_is_the_same_as_learning_one_by_one():
    learned, applied = models(), models()
    for number, each in enumerate(SAMPLES):
        abuse = number % 2 == 0
        learned.learn(Taught(each), abuse=abuse, weight=0.5)
        applied.apply(Step((lesson(each, abuse=abuse, weight=0.5),)))
    assert applied.state_digest() == learned.state_digest()
    assert applied.sequence == learned.sequence == len(SAMPLES)


def test_a_step_of_several_lessons_is_one_step():
    one, other = models(), models()
    one.apply(Step((lesson(SAMPLES[0]), lesson(SAMPLES[1], abuse=False))))
    other.apply(Step((lesson(SAMPLES[0]),)))
    other.apply(Step((lesson(SAMPLES[1], abuse=False),)))
    assert one.state_digest() == other.state_digest()
    assert (one.sequence, other.sequence) == (1, 2)


@pytest.mark.parametrize("part", ["bayes", "gradient", "behaviour", "fusion"])
def test_a_lesson_moves_the_parts_it_names_and_no_other(part):
    taught = models()
    before = taught.state()
    taught.apply(Step((lesson(moves=(part,)),)))
    after = taught.state()

    def moved(name, keys):
        return any(not np.array_equal(before[name][key], after[name][key]) for key in keys)

    assert moved("text", ["weights", "squares"]) == (part == "gradient")
    assert moved("text", ["abuse", "abuse_messages"]) == (part == "bayes")
    assert moved("behaviour", before["behaviour"]) == (part == "behaviour")
    assert moved("fusion", before["fusion"]) == (part == "fusion")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slots": b"abc"}, "3 bytes of slots"),
        ({"sizes": (1, 2)}, "60 slots in parts of 3"),
        ({"sizes": (10, 0, 50)}, "empty segment"),
        ({"sizes": (-1, 61)}, "empty segment"),
        ({"slots": b"\xff" * 240}, "slot 4294967295"),
        ({"vector": b"abcd"}, "a vector of 4 bytes"),
    ],
)
def test_a_step_that_is_none_of_ours_changes_nothing(changes, said):
    taught = models()
    before = taught.state_digest()
    with pytest.raises(ValueError, match=said):
        taught.apply(Step((lesson(), replace(lesson(), **changes))))
    assert (taught.state_digest(), taught.sequence) == (before, 0)


def test_a_capped_step_goes_the_same_way_but_no_further():
    free, capped = models(), models()
    for taught in (free, capped):
        taught.learn(Taught(SAMPLES[1]), abuse=False)
    before = free.text.predict(SAMPLES[:1])[0, 0]
    free.apply(Step((lesson(moves=("gradient",)),)))
    capped.apply(Step((lesson(moves=("gradient",), cap=0.05),)))
    moves = [taught.text.predict(SAMPLES[:1])[0, 0] - before for taught in (free, capped)]
    assert moves[0] > 0.1
    assert 0 < moves[1] <= 0.05 + 1e-9


def test_the_digest_tells_any_bit_and_any_place():
    table = np.zeros(1 << 10)
    seen = {state_digest({"text": {"weights": table, "rate": 0.1}})}
    for place in (0, 1, 512, 1023):
        for bit in (1, 1 << 63):
            changed = table.copy()
            changed.view(np.uint64)[place] ^= np.uint64(bit)
            seen.add(state_digest({"text": {"weights": changed, "rate": 0.1}}))
    for other in ({"weights": table, "rate": -0.1}, {"other": table, "rate": 0.1}):
        seen.add(state_digest({"text": other}))
    seen.add(state_digest({"behaviour": {"weights": table, "rate": 0.1}}))
    assert len(seen) == 12


def test_the_digest_is_of_the_numbers_not_of_how_they_lie():
    pairs = np.arange(20.0).reshape(10, 2)
    there = state_digest({"text": {"weights": pairs[:, 0]}})
    assert there == state_digest({"text": {"weights": pairs[:, 0].copy()}})


def test_a_restored_model_has_the_digest_of_the_one_it_came_from():
    taught, fresh = models(), models()
    for each in SAMPLES:
        taught.apply(Step((lesson(each),)))
    fresh.restore(taught.state(), "digest", taught.sequence)
    assert fresh.state_digest() == taught.state_digest()
