"""Measure signals and classifier together, as the stack adds them up.

    python benchmarks/stack.py FOLDER... [--write]

The classifier's margins are out of fold (five folds, near-duplicates together), so that no
message is judged by a model that was trained on it. `--write` puts the table into
docs/detectors.md. Takes a few minutes: five models are trained.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script, not a package

from apps.training.corpora import Sample, read_corpora  # noqa: E402 - after the path
from apps.training.dataset import Dataset, evidence_of, read_dataset  # noqa: E402 - after the path
from apps.training.evaluation import validate  # noqa: E402 - after the path
from apps.training.inputs import inputs  # noqa: E402 - after the path
from apps.training.trees import Parameters  # noqa: E402 - after the path
from benchmarks.signals_page import MODEL_SECTION  # noqa: E402 - after the path
from detectors.catalogue import DETECTORS, SPECS  # noqa: E402 - after the path
from detectors.stack import shipped_stack  # noqa: E402 - after the path
from detectors.weights import read_weights  # noqa: E402 - after the path
from features.context import Context  # noqa: E402 - after the path
from features.vector import SCHEMA  # noqa: E402 - after the path
from models.classifier import Prediction  # noqa: E402 - after the path

PAGE = ROOT / "docs" / "detectors.md"
WEIGHTS = ROOT / "detectors" / "data" / "weights.toml"
FOLDS = 5
PROBABILITIES = (0.5, 0.9, 0.99)
RATES = (0.001, 0.01)
INTRODUCTION = (
    "Percent of each source's messages above a probability, and above the threshold that a share\n"
    "of legitimate mail reaches: signals and classifier as the stack adds them up, the classifier\n"
    "out of fold (`python benchmarks/stack.py FOLDER --write`)."
)
CONTEXT = Context()
Floats = NDArray[np.float64]


def logits(samples: dict[tuple[str, str], Sample], dataset: Dataset, margins: Floats) -> Floats:
    """Return the stack's logit of each message of a dataset, given the model's margins."""
    stack = shipped_stack()
    (model,) = read_weights(WEIGHTS.read_text("utf-8"), SPECS).learned
    found = []
    keys = zip(dataset.sources.tolist(), dataset.sha256, strict=True)
    for key, margin in zip(keys, margins, strict=True):
        evidence = evidence_of(samples[key].raw)
        findings = [f for detector in DETECTORS for f in detector.detect(evidence, CONTEXT)]
        prediction = Prediction(model, "out of fold", float(margin))
        found.append(stack.weigh(findings, [prediction]).logit / 1e6)
    return np.array(found)


def report(sources: NDArray[np.str_], ham: NDArray[np.bool_], logit: Floats) -> list[str]:
    """Return markdown: shares above each probability by source, and recall at fixed rates."""
    heads = [f"above {p:g}" for p in PROBABILITIES]
    today = ham & np.array([not source.startswith("sa-") for source in sources])
    pools = {"all ham": ham, "modern + templates": today}
    thresholds = []
    for pool, members in pools.items():
        ranked = np.sort(logit[members])[::-1]
        for rate in RATES:
            thresholds.append(ranked[int(rate * len(ranked))])
            heads.append(f"{rate:.1%} of {pool}")
    cuts = [np.log(p / (1 - p)) for p in PROBABILITIES] + thresholds
    lines = [f"| source | messages | {' | '.join(heads)} |", "| --- " * (len(heads) + 2) + "|"]
    for source in np.unique(sources):
        own = logit[sources == source]
        cells = " | ".join(f"{100 * np.mean(own > cut):.2f}" for cut in cuts)
        lines.append(f"| {source} | {len(own):,} | {cells} |")
    return lines


def main() -> None:
    """Measure, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true", help="update docs/detectors.md")
    arguments = parser.parse_args()

    samples = [s for folder in arguments.folders for s in read_corpora(folder)]
    by_key = {(s.source, hashlib.sha256(s.raw).hexdigest()): s for s in samples}
    known = read_dataset(s for s in samples if s.label != "phish")
    unseen = read_dataset(s for s in samples if s.label == "phish")
    columns = np.array([SCHEMA.names.index(name) for name in inputs()], dtype=np.intp)
    validation = validate(known, unseen, columns, Parameters(), FOLDS, print)
    logit = np.concatenate(
        [
            logits(by_key, known, validation.logits),
            logits(by_key, unseen, validation.unseen.mean(0)),
        ]
    )
    sources = np.concatenate([known.sources, unseen.sources])
    ham = np.concatenate([~known.spam, np.zeros(len(unseen), dtype=np.bool_)])
    text = "\n".join(
        [
            MODEL_SECTION,
            "",
            INTRODUCTION,
            "",
            *report(sources, ham, logit),
            "",
        ]
    )
    print(text)
    if arguments.write:
        page = PAGE.read_text("utf-8").partition(MODEL_SECTION)[0].rstrip()
        PAGE.write_text(f"{page}\n\n{text}", "utf-8")


if __name__ == "__main__":
    main()
