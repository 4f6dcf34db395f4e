"""`weir bench detection` and `classifier`: what held-out mail gets, by corpus and source."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.bench.held_out import FOLDS, HeldOut, read_held_out
from apps.bench.machine import machine
from apps.installation import open_judge
from apps.received import content_id
from apps.training.dataset import Dataset, origin
from apps.training.evaluation import figures, leave_sources_out
from apps.training.metrics import recall_at
from detectors.actions import ACTIONS, MICRO
from detectors.judging import Judge
from features.context import Limits
from features.envelope import Incoming
from features.trace import envelope_of_file
from streams.settings import Settings

__all__ = ["measure_classifier", "measure_detection"]

_BATCH = 32
_NOW = datetime(2026, 1, 1, tzinfo=UTC)  # for files that tell no time
_RATES = {"recall_at_fp_0.1pct": 0.001, "recall_at_fp_1pct": 0.01}
_TODAY = frozenset({"modern", "templates"})

Say = Callable[[str], None]


def measure_classifier(corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return the classifier's cross-validated figures by sub-corpus (docs/benchmarks.md)."""
    mail = read_held_out(corpora, say)
    found = figures(mail.dataset, mail.unseen, mail.validation)
    found |= leave_sources_out(
        mail.dataset, mail.columns, mail.parameters, mail.validation.calibration, say
    )
    return {
        "benchmark": "classifier",
        "machine": machine(),
        "folds": FOLDS,
        "messages": len(mail.dataset),
        "evaluation_only": len(mail.unseen),
        "figures": found,
    }


def measure_detection(settings: Settings, corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return what the whole stack does with mail that its classifier never saw.

    Each message is judged by the model of a fold that holds neither it nor a near-duplicate;
    evaluation-only mail is judged by every fold's model, and its figures are the mean.
    """
    mail = read_held_out(corpora, say)
    base = open_judge(settings)
    logits = np.zeros(len(mail.dataset))
    actions = np.empty(len(mail.dataset), dtype=object)
    unseen_logits, unseen_actions = [], []
    for number, (judge, own) in enumerate(mail.judges(base), 1):
        say(f"judging fold {number} of {FOLDS}")
        logits[own], actions[own] = _judge(judge, mail, mail.dataset.where(own))
        theirs = _judge(judge, mail, mail.unseen)
        unseen_logits.append(theirs[0])
        unseen_actions.append(theirs[1])
    ham = ~mail.dataset.spam
    templates = mail.dataset.origins == "templates"
    strange = np.empty(len(mail.dataset), dtype=object)
    if templates.any():
        say("judging templates by a model that saw none")
        judge = mail.judge_without(base, templates)
        strange[templates] = _judge(judge, mail, mail.dataset.where(templates))[1]
    today = ham & np.array([origin(source) in _TODAY for source in mail.dataset.sources])
    pools = {"all_ham": logits[ham], "todays_ham": logits[today]}
    return {
        "benchmark": "detection",
        "machine": machine(),
        "engine": base.engine,
        "policy": base.policies.digest,
        "folds": FOLDS,
        "ham": _by_source(mail.dataset, actions, ham),
        "ham_of_a_new_kind": _by_source(mail.dataset, strange, templates),
        "spam": _by_source(mail.dataset, actions, ~ham),
        "evaluation_only": _unseen(mail.unseen, unseen_actions),
        "recall": {
            f"{name}, threshold of {pool}": _recalls(mail.unseen, name, unseen_logits, hams)
            for name in sorted(set(mail.unseen.sources.tolist()))
            for pool, hams in pools.items()
            if len(hams)
        },
    }


def _judge(
    judge: Judge, mail: HeldOut, part: Dataset
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    logits: list[float] = []
    actions: list[str] = []
    for start in range(0, len(part), _BATCH):
        raws = [mail.raws[sha256] for sha256 in part.sha256[start : start + _BATCH]]
        for judged in judge.judge([_incoming(raw, judge.context.limits) for raw in raws]):
            verdict = judged.verdict
            assert verdict.logit is not None, judged.error
            logits.append(verdict.logit / MICRO)
            actions.append(verdict.action)
    return np.array(logits), np.array(actions, dtype=object)


def _incoming(raw: bytes, limits: Limits) -> Incoming:
    return Incoming(envelope_of_file(raw, content_id(raw), _NOW, limits), raw)


def _by_source(
    dataset: Dataset, actions: NDArray[np.object_], which: NDArray[np.bool_]
) -> dict[str, dict[str, float | int]]:
    found = {}
    for name in sorted(set(dataset.sources[which].tolist())):
        own = which & (dataset.sources == name)
        found[name] = _shares([actions[own]])
    return found


def _unseen(
    unseen: Dataset, actions: Sequence[NDArray[np.object_]]
) -> dict[str, dict[str, float | int]]:
    return {
        name: _shares([fold[unseen.sources == name] for fold in actions])
        for name in sorted(set(unseen.sources.tolist()))
    }


def _shares(runs: Sequence[NDArray[np.object_]]) -> dict[str, float | int]:
    """Return the number of messages and the share of each action, averaged over the runs."""
    counts = Counter(action for run in runs for action in run.tolist())
    total = max(1, counts.total())
    return {
        "messages": len(runs[0]),
        **{action: round(counts[action] / total, 4) for action in ACTIONS if counts[action]},
    }


def _recalls(
    unseen: Dataset, name: str, logits: Sequence[NDArray[np.float64]], ham: NDArray[np.float64]
) -> dict[str, float | int]:
    own = np.asarray(unseen.sources == name)

    def mean_recall(rate: float) -> float:
        return float(np.mean([recall_at(fold[own], ham, rate).recall for fold in logits]))

    return {
        "messages": int(own.sum()),
        "ham": len(ham),
        **{
            key: round(
                float(np.mean([recall_at(fold[own], ham, rate).recall for fold in logits])), 4
            )
            for key, rate in _RATES.items()
        },
    }
