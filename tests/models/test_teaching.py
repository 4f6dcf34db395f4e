"""What a label may move, by its source; what is replayed beside it; what it teaches nothing by."""

from dataclasses import replace

import numpy as np
import pytest

from features.tokens import SLOTS, Tokens
from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.fusion import Fusion, Term
from models.lessons import lesson_of, read_lesson
from models.sample import Sample
from models.step import Step
from models.teaching import SHIPPED, Known, Labelled, step_of

RNG = np.random.default_rng(11)


def sample(**counts):
    sizes = (20, 40, 30)
    slots = [np.sort(RNG.choice(SLOTS // 256, size, replace=False)) for size in sizes]
    vector = np.zeros(len(SCHEMA.names), np.float32)
    for name, value in counts.items():
        vector[SCHEMA.names.index(name.replace("__", "."))] = value
    return Sample(vector, Tokens(np.concatenate(slots).astype(np.intp), sizes))


def label(source="analyst", *, abuse=True, number=0, of=None, **options):
    options = {"weight": 1.0, "terms": {"learned_text": 1.0}, **options}
    return Labelled(f"label-{number}", source, abuse, sample=of or sample(), **options)


HAM = [lesson_of(sample(), {}, abuse=False) for _ in range(40)]
SPAM = [lesson_of(sample(), {}, abuse=True) for _ in range(40)]
KNOWN = Known(HAM, SPAM, 40)


def models():
    return Ensemble.fresh(Fusion({"learned_text": Term(1.0, 0.02)}))


@pytest.mark.parametrize("source", ["report", "rescue", "reply", "bounce"])
def test_a_label_of_users_and_automata_moves_counts_alone_and_replays_nothing(source):
    step = step_of(label(source), KNOWN)
    assert [lesson.moves for lesson in step.lessons] == [("bayes",)]
    taught = models()
    before = taught.state()
    taught.apply(step)
    after = taught.state()
    assert after["text"]["abuse_messages"] == 1
    assert np.array_equal(after["text"]["weights"], before["text"]["weights"])
    for part in ("behaviour", "fusion"):
        assert all(np.array_equal(after[part][key], before[part][key]) for key in before[part])


def test_a_trusted_label_of_abuse_is_followed_by_stored_ham_and_one_of_ham_by_stored_spam():
    for abuse, count, stored in ((True, 10, HAM), (False, 3, SPAM)):
        first, *replayed = step_of(label(abuse=abuse), KNOWN).lessons
        assert set(first.moves) == {"bayes", "gradient", "behaviour", "fusion"}
        assert len(replayed) == count
        assert {it.slots for it in replayed} <= {it.slots for it in stored}
        assert len({it.slots for it in replayed}) == count
        assert {it.moves for it in replayed} == {("gradient",)}
        assert {it.cap for it in (first, *replayed)} == {0.1}


def test_what_is_replayed_is_decided_by_the_labels_id():
    of = sample()
    assert step_of(label(of=of), KNOWN) == step_of(label(of=of), KNOWN)
    assert step_of(label(of=of), KNOWN) != step_of(label(of=of, number=1), KNOWN)


def test_one_trusted_label_moves_a_message_by_no_more_than_its_cap():
    taught, of = models(), sample()
    taught.learn(_Judged(sample()), abuse=False)
    before = taught.text.predict([of])[0, 0]
    taught.apply(step_of(label(of=of), Known()))
    assert 0.05 < taught.text.predict([of])[0, 0] - before <= 0.1 + 1e-9


class _Judged:
    def __init__(self, of):
        self.sample, self.terms_seen = of, {}


def test_a_campaign_teaches_three_labels_of_users_and_every_trusted_one():
    assert step_of(label("report", campaign=2), KNOWN) is not None
    assert step_of(label("report", campaign=3), KNOWN) is None
    assert step_of(label("rescue", abuse=False, campaign=999), KNOWN) is None
    assert step_of(label("analyst", campaign=999), KNOWN) is not None


@pytest.mark.parametrize("source", ["rescue", "reply", "report"])
def test_ham_of_who_has_earned_no_name_teaches_nothing_however_many_say_it(source):
    assert step_of(label(source, abuse=False, shared=False), KNOWN) is None
    assert step_of(label(source, abuse=False, shared=True), KNOWN) is not None
    assert step_of(label("analyst", abuse=False, shared=False), KNOWN) is not None


def test_a_report_weighs_what_it_makes_likely():
    def weight(logit, *, abuse=True, source="report"):
        step = step_of(label(source, abuse=abuse, logit=logit), KNOWN)
        return step.lessons[0].weight if step else 0.0

    assert weight(None) == 1.0
    assert weight(2.0) > 0.95
    assert weight(-2.0) == pytest.approx(0.4, abs=0.02)
    assert weight(-6.0) < 0.02
    assert weight(6.0, abuse=False, source="rescue") < 0.02
    assert weight(-12.0) == 0.0
    assert weight(-12.0, source="analyst") == 1.0


@pytest.mark.parametrize("key", ["address", "sender", "network"])
def test_a_report_of_mail_that_labels_vouch_for_teaches_nothing(key):
    vouched = sample(**{f"{key}__ham": 3.0, f"{key}__spam": 1.0})
    abused = sample(**{f"{key}__ham": 3.0, f"{key}__spam": 4.0})
    assert step_of(label("report", of=vouched), KNOWN) is None
    assert step_of(label("report", of=abused), KNOWN) is not None
    assert step_of(label("analyst", of=vouched), KNOWN) is not None
    assert step_of(label("rescue", abuse=False, of=vouched), KNOWN) is not None


def test_a_label_that_weighs_nothing_teaches_nothing():
    assert step_of(label(weight=0.0), KNOWN) is None
    assert step_of(label("report", weight=1e-9), KNOWN) is None


def test_a_site_that_starts_from_nothing_comes_to_life_by_analysts():
    taught = models()
    spam, ham = sample(), sample()
    kept = {True: [], False: []}
    for number in range(40):
        abuse = number % 2 == 0
        known = Known(kept[False], kept[True], number // 2)
        step = step_of(label(abuse=abuse, number=number, of=spam if abuse else ham), known)
        taught.apply(step)
        kept[abuse].append(step.lessons[0])
    assert taught.fusion.share == pytest.approx(20 / 30)
    gradient, bayes = taught.text.predict([spam, ham]).T.tolist()
    assert gradient[0] > 0.5 > -0.5 > gradient[1]
    assert bayes[0] > 2 > -2 > bayes[1]


def test_a_label_taken_back_leaves_the_counts_as_if_it_had_never_come():
    taught = models()
    for number in range(5):
        taught.apply(step_of(label("report", number=number, abuse=number % 2 == 0), KNOWN))
    before = taught.state_digest()
    step = step_of(label("report", weight=0.3), KNOWN)
    taught.apply(step)
    assert taught.state_digest() != before
    taught.apply(Step((lesson_back(step),)))
    assert taught.state_digest() == before


def lesson_back(step):
    (lesson,) = step.lessons
    material = read_lesson(lesson)
    return lesson_of(
        material.sample,
        lesson.terms,
        abuse=lesson.abuse,
        weight=-lesson.weight,
        moves=lesson.moves,
        cap=lesson.cap,
    )


def test_a_trusted_label_taken_back_leaves_a_fifth_of_its_effect_at_most():
    taught, of = models(), sample()
    for number in range(30):
        taught.apply(step_of(label(number=number, abuse=number % 3 == 0), KNOWN))
    before = taught.text.predict([of])[0, 0]
    step = step_of(label(of=of), Known())
    taught.apply(step)
    effect = taught.text.predict([of])[0, 0] - before
    taught.apply(Step((lesson_back(step),)))
    assert abs(taught.text.predict([of])[0, 0] - before) < 0.2 * effect


def test_equal_steps_make_equal_models_to_the_bit():
    steps = [
        step_of(label(source, number=number, abuse=number % 3 == 0, logit=-1.0, of=sample()), KNOWN)
        for number, source in enumerate(["analyst", "report", "trap", "reply"] * 5)
    ]
    one, other = models(), models()
    for step in steps:
        one.apply(step)
        other.apply(step)
    third = one.clone()
    assert one.state_digest() == other.state_digest() == third.state_digest()
    third.apply(steps[0])
    assert (one.state_digest(), one.sequence) == (other.state_digest(), len(steps))
    assert third.state_digest() != one.state_digest()


def test_recipes_differ_by_what_they_name():
    step = step_of(label("report"), KNOWN, replace(SHIPPED, users=("bayes", "gradient")))
    assert len(step.lessons) == 11
