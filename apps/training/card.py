"""The model card: data, licenses, figures by corpus, calibration and limits, from the manifest."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from apps.training.evaluation import REJECT, TAG
from apps.training.gates import Gate
from apps.training.inputs import EXCLUDED
from apps.training.metrics import Bin
from models.manifest import Manifest

__all__ = ["Importance", "model_card"]

_TOP = 25


class Importance(NamedTuple):
    """A feature and its share of the trees' total gain, in [0, 1]."""

    name: str
    gain: float


def model_card(
    manifest: Manifest,
    version: str,
    gates: Sequence[Gate],
    importances: Sequence[Importance],
    bins: Sequence[Bin],
    size: int,
) -> str:
    """Return the card as Markdown, the same text for the same manifest and measurements."""
    sections = (
        _head(manifest, version, size),
        _data(manifest),
        _ranking(manifest),
        _by_source(manifest),
        _left_out(manifest),
        _calibration(manifest, bins),
        _gates(manifest, gates),
        _features(manifest, importances),
        _limits(manifest),
    )
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _head(manifest: Manifest, version: str, size: int) -> str:
    parameters = manifest.trainer
    return f"""
# Model card: {manifest.name}

Written by `weir train`; every figure comes from the run that made the artifact.

| | |
| --- | --- |
| what it does | log-odds of abuse from {len(manifest.inputs)} features of one message |
| how | gradient-boosted trees: {parameters.get("trees")} of at most \
{parameters.get("leaves")} leaves (LightGBM {parameters.get("lightgbm")}), as ONNX, raw margin out |
| version | `{version}` (of the manifest) |
| artifact | SHA-256 `{manifest.sha256}`, {size:,} bytes |
| feature schema | `{manifest.schema}` |
| license | {manifest.license} |
| meant for | one opinion among others in Weir's stack; it never acts alone |
"""


def _data(manifest: Manifest) -> str:
    rows = (
        (s.name, f"{s.ham:,}", f"{s.spam:,}", s.license, f"`{s.sha256[:12]}`")
        for s in manifest.data
    )
    return "## Data\n\n" + _table(("source", "ham", "spam", "license", "digest"), rows)


def _ranking(manifest: Manifest) -> str:
    rows = [
        (
            name.removeprefix("corpus:"),
            f"{m['ham']:,.0f}",
            f"{m['spam']:,.0f}",
            _number(m["auc"], 4),
            _percent(m["one_minus_roca"], 3),
            f"{_percent(m['one_minus_roca_low'], 3)} to {_percent(m['one_minus_roca_high'], 3)}",
            _percent(m["recall_at_fp_0.1pct"]),
            _percent(m["recall_at_fp_1pct"]),
            _number(m["brier"], 4),
            _number(m["log_loss"], 4),
        )
        for name, m in manifest.metrics.items()
        if name == "all" or name.startswith("corpus:")
    ]
    columns = ("corpus", "ham", "spam", "AUC", "1-ROCA", "95 %", "recall at 0.1 % false positives")
    return f"""
## Cross-validated ranking

{manifest.trainer.get("folds")} folds. Near-duplicates, and all templates of one design family, \
are in the same fold: each message is judged by a model that saw none of its kin. Recall is over \
thresholds that the corpus's own ham allows.

""" + _table((*columns, "at 1 %", "Brier", "log loss"), rows)


def _by_source(manifest: Manifest) -> str:
    rows = [
        (
            *name.removeprefix("source:").rsplit(":", 1),
            f"{m.get('ham', m.get('spam')):,.0f}",
            _percent(m["above_tag"]),
            _percent(m["above_reject"]),
            _percent(m.get("above_fp_0.1pct")),
            _percent(m.get("above_fp_1pct")),
            _percent(m.get("above_fp_0.1pct_today")),
            _percent(m.get("above_fp_1pct_today")),
        )
        for name, m in manifest.metrics.items()
        if name.startswith("source:")
    ]
    columns = (
        "source",
        "label",
        "messages",
        f"at {TAG} or above",
        f"at {REJECT} or above",
        "at 0.1 % of all ham",
        "at 1 %",
        "at 0.1 % of today's ham",
        "at 1 %",
    )
    return """
## By source

Shares of a source's messages above a probability, or above the threshold that 0.1 % or 1 % of all \
held-out ham, or of today's ham (templates and the modern set), reaches. For ham they are false \
positives, for spam recall. The phishing set was never trained on; its figures are means over the \
folds' models.

""" + _table(columns, rows)


def _left_out(manifest: Manifest) -> str:
    rows = [
        (
            name.removeprefix("without:"),
            f"{m['ham']:,.0f}",
            _percent(m["above_tag"]),
            _percent(m["above_reject"]),
        )
        for name, m in manifest.metrics.items()
        if name.startswith("without:")
    ]
    if not rows:
        return "## Sources left out as a whole\n\nNot measured: no source holds ham alone."
    return """
## Sources left out as a whole

False positives on a source of ham of which the model saw nothing at all: closer to what mail of \
another kind meets than the folds above.

""" + _table(("source", "ham", f"at {TAG} or above", f"at {REJECT} or above"), rows)


def _calibration(manifest: Manifest, bins: Sequence[Bin]) -> str:
    rows = (
        (f"{b.low:g} to {b.high:g}", f"{b.messages:,}", _percent(b.predicted), _percent(b.observed))
        for b in bins
    )
    slope, intercept = manifest.calibration.slope, manifest.calibration.intercept
    return f"""
## Calibration

log-odds = {slope:.4f} x margin {intercept:+.4f}, fitted on held-out margins (Platt 1999) under \
the training weights, in which ham and spam weigh the same: the probability is for a stream of \
half abuse, and the stack's bias moves it to the stream's own rate.

""" + _table(("predicted", "messages", "mean predicted", "observed spam"), rows)


def _gates(manifest: Manifest, gates: Iterable[Gate]) -> str:
    rows = ((gate.name, "holds" if gate.holds else "**fails**", gate.found) for gate in gates)
    text = "## Release gates\n\n" + _table(("gate", "", "found"), rows)
    later = manifest.metrics.get("later")
    if later:
        text += _LATER.format(
            ham=f"{later['ham']:,.0f}",
            spam=f"{later['spam']:,.0f}",
            auc=_number(later["auc"], 4),
            caught=_percent(later["spam_above_reject"]),
            lost=_percent(later["ham_above_reject"], 2),
        )
    return text + (_SHADOW if manifest.stage == "shadow" else "")


_LATER = """

Mail that came later ({ham} legitimate and {spam} abusive messages of campaigns that no older \
mail is of), by a model of what came before: AUC {auc}, {caught} of the abuse and {lost} of the \
legitimate mail at the reject threshold or above.
"""
_SHADOW = """

**A shadow only**: it may score and not act (`weir models shadow`), until more mail shows more, or \
a person promotes it by force.
"""


def _features(manifest: Manifest, importances: Sequence[Importance]) -> str:
    used = sum(entry.gain > 0 for entry in importances)
    top = _table(
        ("feature", "share of gain"),
        ((entry.name, _percent(entry.gain)) for entry in importances[:_TOP]),
    )
    left = _table(
        ("left out", "because"),
        ((name, why) for name, why in EXCLUDED.items() if name not in manifest.inputs),
    )
    return f"""
## Features

{used} of {len(manifest.inputs)} are used; the {min(_TOP, len(importances))} with most gain:

{top}

Features of route and identity are left out: they belong to sender state. These too, as they tell \
the year or the maker of a corpus rather than abuse:

{left}
"""


def _limits(manifest: Manifest) -> str:
    real = [s for s in manifest.data if not s.name.startswith("synthetic-")]
    old = sum(s.ham for s in real if s.name.startswith("sa-"))
    ham = sum(s.ham for s in real)
    invented = sum(s.ham + s.spam for s in manifest.data) - sum(s.ham + s.spam for s in real)
    parts = [
        _CORPORA.format(share=_percent(old / ham, 0), today=f"{ham - old:,}") if old else "",
        _OLD_SPAM if any(s.name == "sa-spam" for s in real) else "",
        _INVENTED.format(invented=f"{invented:,}") if invented else "",
        _COLLECTED if old else "",
    ]
    return "## Limits\n\n" + "".join(parts) + _LIMITS


_CORPORA = """\
- {share} of the ham is of 2002 and 2003; {today} messages stand for today's, and 0.1 % of those is
  less than one. Claims about today's mail need thousands of it, above all transactional mail that
  isn't in English.
"""
_OLD_SPAM = """\
- Most of the spam is of 2002 too. Modern phishing is ranked by what it shares with old spam and
  with some hundred modern samples; the detectors' signals carry that part.
"""
_INVENTED = """\
- {invented} messages were invented (`weir synthesize`), fraud and honest mail alike. They are in no
  figure above. They teach what their makers thought of, and nothing else.
"""
_COLLECTED = """\
- The modern ham was collected by people who test filters: a hard sample, not an inbox. Recipients
  and some senders in it were rewritten.
- Templates are wrapped by a script: their bodies are real, their headers are not.
- A dozen settings of the trees were looked at, the phishing set's figures included, before the
  first ones were kept; which features are left out was settled by the rules above with figures in
  view. Expect mail of another kind to fare a little worse.
"""
_LIMITS = """\
- A model tells what it was shown. Retrain on your own mail (`weir train --ham DIR --spam DIR`),
  read the card it writes, then fit its weight in the stack (`weir calibrate`).
- A probability holds for the mix of mail it was calibrated on.
"""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _percent(ratio: float | None, digits: int = 1) -> str:
    return "-" if ratio is None else f"{100 * ratio:.{digits}f} %"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
