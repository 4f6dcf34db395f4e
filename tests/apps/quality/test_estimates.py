"""Estimates from audited messages: right on average, and within their intervals as promised."""

from collections import Counter

import numpy as np
import pytest

from apps.quality.estimates import Cell, Drawn, estimate, labels_for
from models.audit import EDGES, allocate

LET = {"accept", "add_header"}


def let_through(action):
    return action in LET


def held_back(action):
    return action not in LET


def stream(draw, count, spam):
    """Return actions, strata and truth of a stream whose spam isn't told apart in full."""
    abuse = draw.random(count) < spam
    logits = np.where(abuse, draw.normal(3.0, 3.0, count), draw.normal(-6.0, 2.5, count))
    actions = np.select(
        [logits < 0, logits < 2, logits < 5], ["accept", "add_header", "quarantine"], "reject"
    )
    return actions, np.searchsorted(EDGES, logits, side="right"), abuse


def audited(draw, count=4_000, spam=0.1, budget=120, answered=1.0):
    """Return (true, estimate) of false positives and of misses of one audited stream."""
    actions, strata, abuse = stream(draw, count, spam)
    volumes = np.bincount(strata, minlength=len(EDGES) + 1).tolist()
    chances = np.array(allocate(volumes, budget))[strata]
    cells = [Cell(str(a), int(s)) for a, s in zip(actions, strata, strict=True)]
    drawn = [
        Drawn(cells[at], float(chances[at]), bool(abuse[at]) if draw.random() < answered else None)
        for at in np.flatnonzero(draw.random(count) < chances)
    ]
    let = np.isin(actions, sorted(LET))
    sizes = Counter(cells)
    return (
        (int((~let & ~abuse).sum()), estimate(sizes, drawn, abuse=False, where=held_back)),
        (int((let & abuse).sum()), estimate(sizes, drawn, abuse=True, where=let_through)),
    )


@pytest.mark.parametrize("answered", [1.0, 0.6])
def test_estimates_are_unbiased_and_intervals_hold_what_they_promise(answered):
    draw = np.random.default_rng(20)
    runs = [audited(draw, answered=answered) for _ in range(80)]
    for which in (0, 1):
        true = np.array([run[which][0] for run in runs], float)
        found = [run[which][1] for run in runs]
        off = np.array([one.likely for one in found]) - true
        error = off.std() / len(runs) ** 0.5
        assert abs(off.mean()) < 3 * error + 0.01 * true.mean()
        inside = [one.low <= truth <= one.high for one, truth in zip(found, true, strict=True)]
        assert np.mean(inside) >= 0.9


def test_an_audit_of_the_doubtful_alone_would_be_wrong_without_the_chances():
    """The labels as they are say that half of all mail is abuse; weighed by chance they don't."""
    draw = np.random.default_rng(21)
    _, strata, abuse = stream(draw, 20_000, 0.05)
    volumes = np.bincount(strata, minlength=len(EDGES) + 1).tolist()
    chances = np.array(allocate(volumes, 400))[strata]
    asked = np.flatnonzero(draw.random(20_000) < chances)
    cells = [Cell("accept", int(s)) for s in strata]
    drawn = [Drawn(cells[at], float(chances[at]), bool(abuse[at])) for at in asked]
    found = estimate(Counter(cells), drawn, abuse=True)
    assert abuse[asked].mean() > 3 * abuse.mean()
    assert found.likely == pytest.approx(abuse.sum(), rel=0.25)


def test_without_a_mistake_among_the_labels_few_are_still_possible():
    cell = Cell("accept", 0)
    found = estimate({cell: 100_000}, [Drawn(cell, 0.001, abuse=False)] * 100, abuse=True)
    assert (found.likely, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(100_000 * 0.0362, rel=0.01)
    assert found.is_known


def test_without_a_label_nothing_is_known():
    found = estimate({Cell("reject", 11): 50}, [Drawn(Cell("reject", 11), 0.1, None)], abuse=False)
    assert not found.is_known
    assert (found.low, found.high, found.labels) == (0.0, 50.0, 0)


def test_a_part_that_is_labelled_in_full_leaves_nothing_open():
    cell = Cell("reject", 11)
    drawn = [Drawn(cell, 1.0, abuse=number > 2) for number in range(30)]
    found = estimate({cell: 30}, drawn, abuse=False)
    assert (found.likely, found.low, found.high) == (3.0, 3.0, 3.0)


def test_no_such_mail_is_no_mistake():
    found = estimate({Cell("accept", 0): 9}, [], abuse=False, where=held_back)
    assert (found.messages, found.likely, found.high) == (0.0, 0.0, 0.0)


def test_labels_wanted_fall_as_labels_come_and_end():
    cell = Cell("accept", 0)
    wanted = [
        labels_for(estimate({cell: 10**6}, [Drawn(cell, 0.01, abuse=False)] * n, abuse=True), 0.01)
        for n in (0, 50, 200, 500)
    ]
    assert wanted == [380, 330, 180, 0]


def test_of_few_messages_no_more_are_wanted_than_there_are():
    cell = Cell("reject", 11)
    assert labels_for(estimate({cell: 60}, [], abuse=False), 0.001) < 60
