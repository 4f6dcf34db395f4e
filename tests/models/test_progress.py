"""Progressive validation equals a brute-force computation, whatever came and went."""

import random
from math import exp, log

import numpy as np
import pytest

from models.manifest import ArtifactError
from models.progress import EDGES, VERDICT, Progress, quality


def sigmoid(logit):
    return 1 / (1 + exp(-logit))


def brute_force(labelled):
    """Return loss, AUC and calibration error of (logit, abuse), by the definitions."""
    spam = [z for z, abuse in labelled if abuse]
    ham = [z for z, abuse in labelled if not abuse]
    loss = -sum(log(sigmoid(z)) if abuse else log(1 - sigmoid(z)) for z, abuse in labelled)
    wins = sum((s > h) + (s == h) / 2 for s in spam for h in ham)
    bins = {}
    for z, abuse in labelled:
        bins.setdefault(sum(z >= edge for edge in EDGES), []).append((sigmoid(z), abuse))
    error = sum(
        abs(sum(p for p, _ in held) - sum(abuse for _, abuse in held)) for held in bins.values()
    )
    return loss / len(labelled), wins / (len(spam) * len(ham)), error / len(labelled)


def figures(progress):
    return {(model, source): found for model, source, found in progress.figures()}


def test_figures_equal_the_definitions_after_labels_withdrawals_and_overrulings():
    draw = random.Random(7)
    progress, standing = Progress(window=10_000), {}
    for _ in range(3_000):
        message = f"m{draw.randrange(800)}"
        logit = round(draw.gauss(0, 4), 1)  # rounded, so that some tie
        truth = draw.choice([True, False, None])
        source = draw.choice(["analyst", "report"]) if truth is not None else None
        logits = {VERDICT: logit, "text": -logit / 2}
        progress.observe(message, logits, abuse=truth, source=source)
        standing.pop(message, None)
        if truth is not None:
            standing[message] = (source, logit, truth)
    found = figures(progress)
    assert set(found) == {(m, s) for m in (VERDICT, "text") for s in ("analyst", "report")}
    for source in ("analyst", "report"):
        labelled = [(z, abuse) for given, z, abuse in standing.values() if given == source]
        for model, sign in ((VERDICT, 1.0), ("text", -0.5)):
            said = found[model, source]
            assert said.messages == len(labelled)
            wanted = brute_force([(sign * z, abuse) for z, abuse in labelled])
            assert (said.loss, said.auc, said.error) == pytest.approx(wanted)


def test_a_label_that_comes_twice_counts_once():
    once, twice = Progress(), Progress()
    for progress, times in ((once, 1), (twice, 2)):
        for _ in range(times):
            progress.observe("m", {VERDICT: 1.0}, abuse=True, source="trap")
    assert once.to_bytes() == twice.to_bytes()
    assert once.labels() == {"trap": (0, 1)}


def test_the_oldest_of_a_source_leaves_and_other_sources_stay():
    progress = Progress(window=3)
    progress.observe("first", {VERDICT: -9.0}, abuse=True, source="analyst")
    for number in range(5):
        progress.observe(f"r{number}", {VERDICT: 1.0}, abuse=True, source="report")
    found = figures(progress)
    assert found[VERDICT, "analyst"].messages == 1
    assert found[VERDICT, "report"].messages == 3
    assert progress.labels() == {"analyst": (0, 1), "report": (0, 5)}
    progress.observe("r0", {VERDICT: 1.0}, abuse=None, source=None)  # it has left: nothing happens
    assert figures(progress)[VERDICT, "report"].messages == 3


def test_it_goes_on_after_a_restart_as_if_there_had_been_none():
    progress = Progress(window=50)
    for number in range(80):
        progress.observe(f"m{number}", {VERDICT: number / 9}, abuse=number % 3 == 0, source="reply")
    read = Progress.from_bytes(progress.to_bytes())
    for each in (progress, read):
        each.observe("m70", {}, abuse=None, source=None)
        each.observe("new", {VERDICT: 0.5}, abuse=False, source="analyst")
    assert read.to_bytes() == progress.to_bytes()
    assert figures(read) == figures(progress)


@pytest.mark.parametrize(
    "data", [b"", b"\x93\x01\x02", b"nonsense", b"\x94\x09\xcd\x07\xd0\x80\x80"]
)
def test_damaged_bytes_are_refused_in_one_line(data):
    with pytest.raises(ArtifactError, match=r"^progressive validation: [^\n]*$"):
        Progress.from_bytes(data)


def test_a_number_that_is_none_is_left_out_and_no_loss_is_infinite():
    progress = Progress()
    progress.observe("m", {VERDICT: -1e300, "text": float("nan")}, abuse=True, source="analyst")
    (only,) = progress.figures()
    assert only[0] == VERDICT
    assert np.isfinite(only[2].loss)


def test_a_calibrated_score_has_a_small_calibration_error_and_an_overconfident_one_a_large():
    draw = np.random.default_rng(3)
    logits = draw.normal(0, 2, 20_000)
    abuse = draw.random(20_000) < 1 / (1 + np.exp(-logits))
    assert quality(logits, abuse).error < 0.02
    assert quality(3 * logits, abuse).error > 0.08
