"""Models in words and columns: what `weir models` prints."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from apps.models.rows import Row
from models.bundle import Bundle
from models.manifest import Manifest
from streams.listing import Listing

__all__ = ["bundle_lines", "learner_as_object", "learner_lines", "table"]

_MIB = 1 << 20
_QUIET = 300.0  # seconds without a marker while labels wait after which no learner seems to run
_METRICS = {
    "auc": "ROC area",
    "recall_at_fp_0.1pct": "caught at 0.1 % of ham misjudged",
    "recall_at_fp_1pct": "caught at 1 % of ham misjudged",
    "brier": "Brier score",
    "log_loss": "log loss",
}


def learner_lines(listing: Listing, labels: int) -> Iterator[str]:
    """Yield what is known of the learner, one line each: who, how long ago, frozen, gate.

    `labels` is the offset behind the last record of the topic of labels.
    """
    now = time.time()
    if listing.claim is not None:
        claimed = _ago(listing.claimed_at, now)
        yield f"Learner {listing.claim.learner}, claim {listing.fence}, {claimed}."
    elif not listing.fence:
        yield "No learner has run here yet: `weir learner` starts one."
        return
    marker = listing.marker
    if marker is None:
        yield "It has published nothing yet."
        return
    upto = f", labels up to offset {marker.labels.offset:,}" if marker.labels else ""
    yield f"Published {_ago(listing.marked_at, now)}: step {marker.published:,}{upto}."
    waiting = labels - (marker.labels.offset + 1 if marker.labels else 0)
    if waiting > 0:
        said = "1 record of the topic of labels waits."
        yield said if waiting == 1 else f"{waiting:,} records of the topic of labels wait."
    if waiting > 0 and now - listing.marked_at > _QUIET:
        yield "No learner seems to run now: `weir learner` starts one."
    if listing.frozen:
        since = _moment(listing.frozen_since)
        yield f"Frozen since {since}: nothing is learned until `weir models thaw`."
    if listing.closed:
        yield f"Gate closed: {listing.closed}"


def learner_as_object(listing: Listing, labels: int) -> dict[str, object]:
    """Return the same for JSON; times are epoch seconds, null where nothing happened."""
    marker = listing.marker
    return {
        "learner": listing.claim.learner if listing.claim else None,
        "fence": listing.fence or None,
        "claimed_at": listing.claimed_at or None,
        "published_at": listing.marked_at or None,
        "published": marker.published if marker else None,
        "labels": marker.labels.offset if marker and marker.labels else None,
        "labels_end": labels,
        "learned_at": listing.learned or None,
        "frozen": listing.frozen,
        "frozen_since": listing.frozen_since if listing.frozen else None,
        "gate_closed": listing.closed,
        "malformed": listing.malformed,
    }


def table(rows: Sequence[Row], most: int | None = None, *, width: int = 0) -> Iterator[str]:
    """Yield a line for each artifact, below a heading; of those that neither act nor score `most`.

    None: all of them. Versions go to lines of their own where they don't fit into `width` columns
    (0: any).
    """
    lines = [(_columns("id", "model", "state", "since", "step", "label", "MiB"), "version")]
    passed: Counter[str] = Counter()
    for row in rows:
        artifact = row.artifact
        passed[artifact.model] += row.state not in {"live", "shadow"}
        if (
            most is not None
            and row.state not in {"live", "shadow"}
            and passed[artifact.model] > most
        ):
            continue
        lines.append((_numbers(row), _version(row)))
    wide = not width or all(len(left) + 2 + len(right) <= width for left, right in lines)
    for left, right in lines:
        yield f"{left}  {right}" if wide else left
        if not wide and right:
            yield f"{'':14}{right}"
    more = sum(max(0, count - most) for count in passed.values()) if most is not None else 0
    if more:
        yield f"... and {more:,} more (--all)"


def _columns(*said: str) -> str:
    ident, model, state, since, step, label, size = said
    return f"{ident:12}  {model:10}  {state:7}  {since:16}  {step:>7}  {label:>7}  {size:>5}"


def _numbers(row: Row) -> str:
    artifact = row.artifact
    step = f"{artifact.sequence:,}" if artifact.model == "online" else ""
    label = f"{artifact.labels.offset:,}" if artifact.labels else ""
    size = f"{artifact.size / _MIB:.1f}"
    return _columns(row.ident, artifact.model, row.state, _since(row.since), step, label, size)


def _version(row: Row) -> str:
    note = row.fault or _note(row)
    shipped = " (shipped with Weir)" if row.shipped else ""
    return f"{row.version}{shipped}{'  ' * bool(note)}{note}"


def bundle_lines(bundle: Bundle) -> Iterator[str]:
    """Yield what a classifier's manifest says: its data, its figures, its gates."""
    known = bundle.known
    ham, spam = sum(d.ham for d in known.data), sum(d.spam for d in known.data)
    yield f"trained on {ham:,} legitimate and {spam:,} abusive messages of {_sources(known)}"
    yield f"reads {len(known.inputs)} features, schema {known.schema}"
    figures = known.metrics.get("all", {})
    for key, words in _METRICS.items():
        value = figures.get(key)
        if value is not None:
            yield f"{words}: {value:.4g}"
    for gate in known.gates:
        yield f"gate {gate.name}: {'holds' if gate.holds else 'DOES NOT HOLD'}: {gate.found}"
    if known.stage == "shadow":
        yield "a shadow only: promoting it needs --force"


def _note(row: Row) -> str:
    if not row.shadow_only:
        return ""
    return "live by --force" if row.state == "live" else "may not act: a gate doesn't hold"


def _sources(known: Manifest) -> str:
    names = [source.name for source in known.data]
    return ", ".join(names) if len(names) < 6 else f"{len(names)} sources"


def _since(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"


def _ago(at: float, now: float) -> str:
    seconds = max(0, int(now - at))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
