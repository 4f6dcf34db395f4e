"""Compare classifiers trained on different mail, beside the signals, on mail none of them saw.

    python benchmarks/classifier.py FOLDER [--only NAME ...]

Applies the rule of docs/decisions/0014-synthetic-positives.md and prints its tables. Ham is judged
by models that saw nothing of its source (the largest source: nothing of its fold); generated mail
is trained on only and sets no threshold. Takes some ten minutes: a dozen models a variant.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script, not a package

from apps.synthesis.generate import invent  # noqa: E402 - after the path
from apps.synthesis.scenarios import Label  # noqa: E402 - after the path
from apps.training.calibration import fit_calibration, sigmoid  # noqa: E402 - after the path
from apps.training.corpora import Sample, read_corpora  # noqa: E402 - after the path
from apps.training.dataset import Dataset, read_dataset  # noqa: E402 - after the path
from apps.training.metrics import recall_at  # noqa: E402 - after the path
from apps.training.splits import assign_folds  # noqa: E402 - after the path
from apps.training.stacking import Fit, fit_stack, signals_sum  # noqa: E402 - after the path
from apps.training.trees import fit, margins, weigh  # noqa: E402 - after the path
from benchmarks.classifier_variants import OLD, VARIANTS, Variant  # noqa: E402 - after the path
from detectors.catalogue import SPECS  # noqa: E402 - after the path
from detectors.margins import CLIP  # noqa: E402 - after the path
from detectors.weights import read_weights  # noqa: E402 - after the path

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WEIGHTS = ROOT / "detectors" / "data" / "weights.toml"
MODEL = "classifier"
FOLDS = 5
ABUSE_RATE = 0.02
SEED = 20_261_121  # of folds, trees and resampling; the generator's is an option
RESAMPLES = 2_000
RATES = (0.001, 0.005, 0.01)
DECISIVE = 0.005
LARGEST = "sa-easy-ham"  # without it too little ham is left to train on
MOST = 3_000


class Mail(NamedTuple):
    """Real mail to train on and be judged by, mail for evaluation only, generated mail."""

    real: Dataset
    unseen: Dataset
    fraud: Dataset
    honest: Dataset


class Judged(NamedTuple):
    """What a variant says: calibrated margins of real mail, of unseen mail, and the stack's fit.

    `kin` are margins of a model that had seen other mail of the same source.
    """

    margins: Floats
    kin: Floats
    unseen: Floats
    stack: Fit | None


def read(folder: Path, seed: int) -> Mail:
    """Read the corpora and generate mail from a seed."""
    weights = read_weights(WEIGHTS.read_text("utf-8"), SPECS)
    every = read_dataset(read_corpora(folder), (), _say, signals_sum(weights))
    unseen = every.origins == "phishing"
    kin = np.isin(every.clusters, every.clusters[~unseen])
    return Mail(
        every.where(~unseen),
        every.where(unseen & ~kin),
        read_dataset(_invented("fraud", seed)),
        read_dataset(_invented("honest", seed)),
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _invented(label: Label, seed: int) -> Iterator[Sample]:
    for message in invent(label, MOST, seed):
        kind = "spam" if label == "fraud" else "ham"
        yield Sample(f"synthetic-{label}", kind, message.raw, message.scenario)


def _joined(parts: list[Dataset]) -> Dataset:
    first, *others = parts
    return reduce(Dataset.joined, others, first)


def judged(variant: Variant, mail: Mail, *, with_spam: bool) -> Judged:
    """Train a variant's models and return what they say of mail they never saw.

    With `with_spam` a source of ham is left out together with its collector's spam: else a model
    learns to tell the collector, whose spam it has seen, and calls his ham spam.
    """
    real, unseen = mail.real, mail.unseen
    usable = np.full(len(real), fill_value=True)
    if not variant.old_spam:
        usable &= real.sources != "sa-spam"
    columns = variant.columns
    generated = [_first(mail.fraud, variant.fraud), _first(mail.honest, variant.honest)]

    def model(mask: Mask):  # noqa: ANN202 - LightGBM ships no types worth naming
        return fit(_joined([real.where(mask), *generated]), columns, variant.parameters)

    strata = [f"{s}:{spam}" for s, spam in zip(real.sources, real.spam, strict=True)]
    parts = assign_folds(real.clusters, strata, FOLDS, SEED)
    kin = np.zeros(len(real))
    others = np.zeros((FOLDS, len(unseen)))
    strange = np.zeros((FOLDS, len(real)))
    for fold in range(FOLDS):
        booster = model(usable & (parts != fold))
        strange[fold] = margins(booster, real.vectors[:, columns])
        kin[parts == fold] = strange[fold][parts == fold]
        others[fold] = margins(booster, unseen.vectors[:, columns])
    kin[~usable] = strange.mean(0)[~usable]
    raw = kin.copy()
    for unit, ham in _units(real, with_spam=with_spam):
        raw[ham] = margins(model(usable & ~unit), real.vectors[ham][:, columns])
    sample = real.where(usable)
    weights = weigh(sample, variant.parameters.temper)
    calibration = fit_calibration(kin[usable], sample.spam, weights)
    old = Fit.of(read_weights(WEIGHTS.read_text("utf-8"), SPECS), MODEL)
    slope, intercept = calibration.slope, calibration.intercept
    kin, raw, others = (slope * m + intercept for m in (kin, raw, others))
    stack = fit_stack(
        sample.measured, kin[usable], sample.spam, weights, cap=old.cap, abuse_rate=ABUSE_RATE
    )
    return Judged(raw, kin, others.mean(0), stack)


def _first(dataset: Dataset, count: int) -> Dataset:
    mask = np.arange(len(dataset)) < count
    return dataset.where(mask)


def _units(real: Dataset, *, with_spam: bool) -> Iterator[tuple[Mask, Mask]]:
    """Yield what is left out as a whole, and the ham in it; the templates go together."""
    ham = np.asarray(~real.spam)
    for name in np.unique(real.sources[ham]).tolist():
        if name in {LARGEST, "templates-esp"}:
            continue
        unit = np.asarray(real.sources == name)
        if name == "templates-plain":
            unit = np.asarray(real.origins == "templates")
        elif with_spam:
            unit = np.char.startswith(real.sources, name)
        yield unit, unit & ham


def scores(signals: Floats, model: Floats, stack: Fit | None) -> Floats:
    """Return raw logits of the stack; without one, of the signals alone."""
    if stack is None:
        return signals
    return signals + np.clip(stack.weight * np.clip(model, -CLIP, CLIP), -stack.cap, stack.cap)


class Table(NamedTuple):
    """Scores of a contender with its thresholds by pool and rate."""

    real: Floats
    unseen: Floats
    thresholds: dict[tuple[str, float], float]


def table(mail: Mail, said: Judged) -> Table:
    """Return a contender's scores and the thresholds that its ham sets."""
    real = scores(mail.real.measured, said.margins, said.stack)
    ham = ~mail.real.spam
    pools = {"pooled": ham, "today": ham & (mail.real.origins != "sa")}
    return Table(
        real,
        scores(mail.unseen.measured, said.unseen, said.stack),
        {
            (pool, rate): recall_at(np.empty(0), real[own], rate).threshold
            for pool, own in pools.items()
            for rate in RATES
        },
    )


def paired(new: NDArray[np.bool_], old: NDArray[np.bool_], units: NDArray[np.intp]) -> list[float]:
    """Return the difference of two shares in points, and its 95 % interval over resampled units."""
    difference = new.astype(float) - old.astype(float)
    _, number = np.unique(units, return_inverse=True)
    sums = np.bincount(number, difference)
    sizes = np.bincount(number)
    draws = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    resampled = sums[draws].sum(1) / sizes[draws].sum(1)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return [100 * float(value) for value in (difference.mean(), low, high)]


def _interval(found: list[float]) -> str:
    return f"{found[0]:+.1f} ({found[1]:+.1f} to {found[2]:+.1f})"


def recalls(mail: Mail, tables: dict[str, Table]) -> Iterator[str]:
    """Yield a Markdown table: recall on modern spam, the phishing set and spam of 2002."""
    old = mail.real.sources == "sa-spam"
    modern = mail.real.spam & (mail.real.origins == "modern")
    pot = mail.unseen.sources == "phishing-pot"
    heads = [f"{pool} {100 * rate:g} %" for pool in ("pooled", "today") for rate in RATES]
    yield f"| modern spam / phishing set / 2002 | {' | '.join(heads)} | mean, modern |"
    yield "| --- " * (len(heads) + 2) + "|"
    for name, found in tables.items():
        cells, means = [], []
        for cut in found.thresholds.values():
            means.append(100 * float(np.mean(found.real[modern] >= cut)))
            others = np.mean(found.unseen[pot] >= cut), np.mean(found.real[old] >= cut)
            cells.append(
                " / ".join(f"{value:.1f}" for value in (means[-1], *(100 * o for o in others)))
            )
        yield f"| {name} | {' | '.join(cells)} | {np.mean(means):.1f} |"


def alarms(mail: Mail, said: dict[str, Judged]) -> Iterator[str]:
    """Yield a Markdown table: how often the model alone calls ham of an unseen source abuse."""
    today = [s for s in np.unique(mail.real.sources[~mail.real.spam]).tolist() if s != LARGEST]
    today = [s for s in today if not mail.real.spam[mail.real.sources == s].any()]
    heads = ["model alone at 0.5, source unseen", *today, "templates at 0.99, by fold"]
    yield f"| {' | '.join(heads)} |"
    yield "| --- " * len(heads) + "|"
    templates = mail.real.origins == "templates"
    for name, found in said.items():
        if found.stack is None:
            continue
        cells = [
            f"{100 * np.mean(sigmoid(found.margins[mail.real.sources == s]) >= 0.5):.1f}"
            for s in today
        ]
        over = int((sigmoid(found.kin[templates]) >= 0.99).sum())
        yield f"| {name} | {' | '.join(cells)} | {over} |"


def fits(said: dict[str, Judged]) -> Iterator[str]:
    """Yield a Markdown table of the refitted stacks."""
    yield "| | scale | weight | bias |\n| --- | --- | --- | --- |"
    for name, found in said.items():
        if found.stack is not None:
            yield f"| {name} | {found.stack.scale} | {found.stack.weight} | {found.stack.bias} |"


def differences(mail: Mail, tables: dict[str, Table], base: str, name: str) -> Iterator[str]:
    """Yield a Markdown table: paired differences of a contender and another, in points."""
    old, new = tables[base], tables[name]
    modern = mail.real.spam & (mail.real.origins == "modern")
    pot = mail.unseen.sources == "phishing-pot"
    yield f"| {name}, less {base} | phishing set, by message | by campaign | modern spam |"
    yield "| --- | --- | --- | --- |"
    for pool, rate in new.thresholds:
        was, now = old.thresholds[pool, rate], new.thresholds[pool, rate]
        phish = new.unseen[pot] >= now, old.unseen[pot] >= was
        spam = new.real[modern] >= now, old.real[modern] >= was
        cells = (
            paired(*phish, np.arange(int(pot.sum()))),
            paired(*phish, mail.unseen.clusters[pot]),
            paired(*spam, mail.real.clusters[modern]),
        )
        yield f"| {pool} {100 * rate:g} % | {' | '.join(map(_interval, cells))} |"
    yield ""
    yield f"| ham flagged at {100 * DECISIVE:g} % of pooled ham | {base} | {name} | difference |"
    yield "| --- | --- | --- | --- |"
    ham = ~mail.real.spam
    for source in np.unique(mail.real.sources[ham]).tolist():
        own = ham & (mail.real.sources == source)
        flags = [t.real[own] >= t.thresholds["pooled", DECISIVE] for t in (new, old)]
        found = _interval(paired(flags[0], flags[1], np.arange(int(own.sum()))))
        yield f"| {source} | {100 * flags[1].mean():.1f} | {100 * flags[0].mean():.1f} | {found} |"


def strange_scenarios(mail: Mail, variants: list[Variant]) -> Iterator[str]:
    """Yield a Markdown table: the model alone on invented mail of scenarios it never saw."""
    yield "| invented mail, percent at 0.5 and 0.99 | fraud | honest |\n| --- | --- | --- |"
    for variant in variants:
        parts = [
            _first(mail.fraud, variant.fraud or MOST),
            _first(mail.honest, variant.honest or MOST),
        ]
        used = [variant.fraud > 0, variant.honest > 0]
        usable = mail.real.where(np.asarray(variant.old_spam | (mail.real.sources != "sa-spam")))
        found = [np.zeros(len(part)) for part in parts]
        for fold in range(FOLDS):
            known = [
                p.where(p.clusters % FOLDS != fold) for p, u in zip(parts, used, strict=True) if u
            ]
            booster = fit(_joined([usable, *known]), variant.columns, variant.parameters)
            for part, out in zip(parts, found, strict=True):
                own = np.asarray(part.clusters % FOLDS == fold)
                out[own] = margins(booster, part.vectors[own][:, variant.columns])
        cells = [
            " and ".join(f"{100 * np.mean(sigmoid(out) >= p):.1f}" for p in (0.5, 0.99))
            for out in found
        ]
        yield f"| {variant.name} | {' | '.join(cells)} |"


def chosen(mail: Mail, tables: dict[str, Table]) -> str:
    """Return the variant with the best mean recall on modern spam: the phishing set has no say."""
    modern = mail.real.spam & (mail.real.origins == "modern")

    def mean(name: str) -> float:
        found = tables[name]
        return float(np.mean([np.mean(found.real[modern] >= t) for t in found.thresholds.values()]))

    return max((v.name for v in VARIANTS if v.name in tables and v != OLD), key=mean)


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="variants beside the old one"
    )
    parser.add_argument(
        "--with-spam", action="store_true", help="leave a collector's spam out with his ham"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the generated mail")
    arguments = parser.parse_args()
    mail = read(arguments.folder, arguments.seed)
    silent = Judged(np.zeros(len(mail.real)), np.zeros(len(mail.real)), np.zeros(0), None)
    said = {"signals alone": silent}
    for variant in VARIANTS:
        if arguments.only and variant != OLD and variant.name not in arguments.only:
            continue
        _say(variant.name)
        said[variant.name] = judged(variant, mail, with_spam=arguments.with_spam)
    tables = {name: table(mail, found) for name, found in said.items()}
    candidate = chosen(mail, tables)
    for lines in (
        recalls(mail, tables),
        alarms(mail, said),
        fits(said),
        differences(mail, tables, "signals alone", OLD.name),
        differences(mail, tables, "signals alone", candidate),
        differences(mail, tables, OLD.name, candidate),
        strange_scenarios(mail, [v for v in VARIANTS if v.name in {OLD.name, candidate}]),
    ):
        print("\n".join(lines), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
