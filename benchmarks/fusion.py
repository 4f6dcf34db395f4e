"""The online stack taken apart: what each part, and each prior of the fusion, does to ranking.

python benchmarks/fusion.py CORPORA [--messages N] [--without-received]

CORPORA holds sa/, the SpamAssassin corpus, which is judged and then learned message by message in
order of date, with the sender's history, from nothing, the classifier left out (it was trained on
this mail; the signals' weights were set with it in sight, which flatters the whole). Once whole,
and once without the spam it begins with: labels of one class alone teach nothing that is believed.
Prints a Markdown table: 1-ROCA%, spam missed in % at 0.1 % of ham misjudged, the same for all but
the first third, and the calibration error.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.bench.dated_stream import read_dated_stream
from apps.evaluation.figures import Scores, calibration_error, ranking
from apps.evaluation.stream import Item
from detectors.actions import MICRO
from detectors.catalogue import DETECTORS, SPECS
from detectors.judging import Judge
from detectors.margins import CLIP
from detectors.policy_file import shipped_policy
from detectors.stack import Stack
from detectors.weights import Weights, read_weights
from features.context import Context
from models.ensemble import VOTERS, Ensemble
from streams.offline import Offline
from streams.stores.rolling_memory import RollingMemory

WEIGHTS = Path(__file__).resolve().parents[1] / "detectors" / "data" / "weights.toml"
ALONE = "online models alone"
VARIANTS: Mapping[str, Mapping[str, float]] = {
    "as shipped": {},
    "believed from the first label on": {"patience": 0.001},
    "half of the say with 100 labels of either class": {"patience": 100.0},
    "signals as they weigh alone (carried 1)": {"carried": 1.0},
    "signals forgotten (carried 0)": {"carried": 0.0},
}
Floats = NDArray[np.float64]


class Run(NamedTuple):
    """What was said of each message, in logits, by the whole and by each model."""

    whole: Floats
    models: Mapping[str, Floats]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--messages", type=int, help="of the stream, from its start")
    parser.add_argument("--without-received", action="store_true")
    given = parser.parse_args()
    stream = read_dated_stream(given.corpora, Context().limits)
    if given.without_received:
        stream = stream.without_received()
    items = stream.items[: given.messages]
    print("| | 1-ROCA% | missed | 1-ROCA%, later | missed, later | calibration error |")
    print("| --- " * 6 + "|")
    for title, part in (
        ("whole stream", items),
        ("from the first ham on", list(dropwhile(lambda item: item.entry.spam, items))),
    ):
        print(f"| **{title}**, {len(part):,} messages |  |  |  |  |  |")
        table(part)


def table(items: Sequence[Item]) -> None:
    """Print a row for each model and each variant of the fusion."""
    spam = np.array([item.entry.spam for item in items])
    weights = read_weights(WEIGHTS.read_text("utf-8"), SPECS)
    for name, changes in VARIANTS.items():
        fused = msgspec.structs.replace(weights.fusion, **changes)
        found = run(items, msgspec.structs.replace(weights, fusion=fused))
        if not changes:
            print(row("text model alone: both halves summed", text_alone(found.models), spam))
            for model in VOTERS:
                print(row(f"{model} alone", found.models[model], spam))
            print(row(ALONE, run(items, weights, alone=True).whole, spam))
        print(row(f"whole, {name}", found.whole, spam))


def run(items: Sequence[Item], weights: Weights, *, alone: bool = False) -> Run:
    """Judge, then learn, message by message; `alone`: without detectors, believed at once."""
    stack = Stack(weights, SPECS)
    models = Ensemble.fresh(stack.fresh_fusion(patience=0.0 if alone else None))
    judge = Judge(
        Context(),
        None,
        shipped_policy(),
        stack,
        "benchmark",
        models=models,
        detectors=() if alone else DETECTORS,
    )
    offline = Offline(judge, RollingMemory())
    whole: list[float] = []
    said: dict[str, list[float]] = {name: [] for name in VOTERS}
    for item in items:
        (judged,) = offline.judge([item.incoming])
        whole.append((judged.verdict.logit or 0) / MICRO)
        for prediction in judged.predictions:
            said[prediction.model].append(prediction.logit)
        offline.label(judged, abuse=item.entry.spam)
    return Run(np.array(whole), {name: np.array(logits) for name, logits in said.items()})


def text_alone(models: Mapping[str, Floats]) -> Floats:
    """Return the clipped sum of the text model's halves."""
    halves = [models[name].clip(-CLIP, CLIP) for name in ("text", "bayes")]
    summed: Floats = np.sum(halves, axis=0)
    return summed


def row(name: str, logits: Floats, spam: NDArray[np.bool_]) -> str:
    """Return one row of the table."""
    scores = Scores(logits, spam)
    cells = []
    for part in (scores, scores.part(len(spam) // 3)):
        figures = ranking(part)
        cells += [f"{figures['one_minus_roca_pct']:.3f}", f"{figures['missed_pct_at_0.1%']:.1f}"]
    error = calibration_error(1 / (1 + np.exp(-logits)), spam)["expected_error"]
    return f"| {name} | {' | '.join(cells)} | {error:.3f} |"


if __name__ == "__main__":
    main()
