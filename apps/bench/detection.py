"""`weir bench detection` and `classifier`: what mail gets that nothing was fitted to, by source."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from apps.bench import detection_figures as figures_of
from apps.bench.check_cost import CheckCost, DetectStage
from apps.bench.corpora_seen import read_mail_of
from apps.bench.detection_figures import Measured
from apps.bench.held_out import FOLDS, read_held_out
from apps.bench.held_out_margins import held_out_margins
from apps.bench.machine import machine
from apps.bench.recall import ROUNDS
from apps.bench.scorers import MALFORMED_FROM
from apps.installation import open_judge
from apps.training.dataset import origin
from apps.training.evaluation import figures, leave_sources_out
from apps.weighing.counts import pools
from apps.weighing.held_out import left_out
from apps.weighing.recipe import Kept, reweighed
from detectors.catalogue import SPECS
from detectors.stack import shipped_stack, shipped_weights_text
from detectors.terms import prepare
from detectors.weights import WeightsError, read_weights
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["measure_classifier", "measure_detection"]

_SAY_EVERY = 1_000

Say = Callable[[str], None]


def measure_classifier(corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return the classifier's cross-validated figures by sub-corpus (docs/benchmarks.md)."""
    mail = read_held_out(corpora, say)
    found = figures(mail.dataset, mail.unseen, mail.validation)
    found |= leave_sources_out(
        mail.dataset,
        mail.columns,
        mail.parameters,
        mail.validation.calibration,
        say,
        beside=mail.beside,
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
    """Return what signals, classifier and both do with mail that they never saw.

    Legitimate mail is scored by weights, and by a classifier, that never saw its source;
    thresholds are set on it alone, then applied to phishing once. Raises WeightsError for a signal
    without a weight, FileNotFoundError where there are no corpora.
    """
    weights = read_weights(shipped_weights_text(), SPECS)
    lacking = [name for name in SPECS if name not in weights.signals]
    if lacking:
        raise WeightsError(
            f"{', '.join(lacking)}: no entry in detectors/data/weights.toml; add [signals.NAME] "
            'with weight, measured = DATE and on = "set by judgement: why"'
        )
    stages = DetectStage()
    judge, cost = open_judge(settings, stage=stages), CheckCost()

    def advance(source: str) -> None:
        stages.charge("sa" if origin(source) == "sa" else "today")
        if stages.messages % _SAY_EVERY == 0:
            say(f"{stages.messages:,} messages judged")

    with closing(Sandbox(settings.attachments)) as sandbox:
        reads = read_mail_of(corpora, judge, sandbox, cost, advance)
    margins = held_out_margins(corpora, reads, say)
    say("scores by weights that never saw the source")
    today = datetime.now(UTC).date()
    recipe = partial(reweighed, weights.signals, SPECS, Kept(), today)
    ham = [read.seen for read in reads if read.seen.legitimate]
    by_unit = left_out(ham, pools(ham), recipe, weights)
    measured = Measured.of(reads, weights, by_unit, margins)
    policies = judge.policies
    terms = prepare(policies.default, policies.digest, shipped_stack(), judge.context, judge.engine)
    say("thresholds, recall and intervals")
    us_a_message, us_shared = cost.us()
    return {
        "benchmark": "detection",
        "machine": machine(),
        "day": today.isoformat(),
        "engine": judge.engine,
        "policy": policies.digest,
        "folds": FOLDS,
        "rounds": ROUNDS,
        "mail": figures_of.mail(measured),
        "recall": figures_of.recalls(measured),
        "false_positives": figures_of.false_positives(measured),
        "difference": figures_of.differences(measured),
        "parts": figures_of.parts(measured),
        "malformed_from": sorted(MALFORMED_FROM),
        "years": figures_of.years(measured),
        "ham": figures_of.actions(measured, terms, "ham", margins.folded),
        "ham_of_a_new_kind": figures_of.actions(measured, terms, "ham", margins.strange),
        "ham_by_signals_alone": figures_of.actions(measured, terms, "ham", None),
        "spam": figures_of.actions(measured, terms, "spam", margins.folded),
        "evaluation_only": figures_of.actions(measured, terms, "phish", margins.folded),
        "evaluation_only_by_signals_alone": figures_of.actions(measured, terms, "phish", None),
        "misses": figures_of.misses(measured),
        "signals": figures_of.signals(measured),
        "us_a_message": us_a_message,
        "us_shared": us_shared,
        "detect_us": stages.us(),
    }
