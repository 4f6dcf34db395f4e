"""A measurement as lines for a terminal: what changed, thresholds, and what it would do."""

from collections import Counter
from collections.abc import Iterator, Sequence

from apps.weighing.counts import SMALL, pools
from apps.weighing.intervals import at_most, wilson
from apps.weighing.measurement import WANTED, Measurement
from apps.weighing.recipe import ENOUGH, JUDGED
from detectors.actions import ACTIONS, Action
from detectors.catalogue import SPECS
from detectors.weights import Threshold

__all__ = ["percent", "said_of", "told"]

_SHOWN = 20  # changes, unless all are asked for


def told(found: Measurement, copies: Counter[str], broken: int, *, everything: bool) -> list[str]:
    """Return the whole report; `broken` counts messages that no detector could judge."""
    lines = [
        *_mail(found, copies, broken),
        "",
        *_changes(found, everything=everything),
        "",
        *_thresholds(found),
        "",
        *_actions(found),
    ]
    return [line.rstrip() for line in lines]


def percent(share: float) -> str:
    """Return a share in percent with two digits that say something."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def said_of(threshold: Threshold) -> str:
    """Say what a threshold's count of legitimate messages shows, and what it doesn't rule out."""
    limit = at_most(threshold.above, threshold.ham)
    return f"{threshold.above} of {threshold.ham:,} above: at most {percent(limit)}"


def _mail(found: Measurement, copies: Counter[str], broken: int) -> Iterator[str]:
    sizes = Counter(one.source for one in found.ham)
    pool_of = pools(found.ham)
    yield f"Legitimate mail: {sizes.total():,} messages, sources: {len(sizes)}"
    rows = [
        [
            source,
            f"{size:,}",
            f"{copies[source]:,} copies left out" if copies[source] else "",
            "" if pool_of[source] == source else f"counted in: {pool_of[source]}",
        ]
        for source, size in sizes.items()
    ]
    yield from _aligned(rows, "<><")
    if "small sources" in pool_of.values():
        yield f"Sources of fewer than {SMALL} messages are counted together: few say nothing alone."
    if found.parts:
        yield "One source only: fifths of it, as read, stand for sources. Others would show more."
    if sizes.total() < WANTED:
        yield (
            f"A signal that none of {sizes.total():,} fires may still fire on "
            f"{percent(at_most(0, sizes.total()))}; {WANTED:,} messages would say 0.1 %."
        )
    if broken:
        yield f"{broken:,} messages could not be judged and are left out."


def _changes(found: Measurement, *, everything: bool) -> Iterator[str]:
    before, after = found.before.signals, found.weights.signals
    changed = sorted(
        (name for name in after if everything or after[name].weight != before[name].weight),
        key=lambda name: (-abs(after[name].weight - before[name].weight), name),
    )
    kept = sum(signal.on.startswith(JUDGED) for signal in after.values())
    yield (
        f"Weights: {sum(after[n].weight != before[n].weight for n in after)} of {len(after)} "
        f"change; {kept} are set by judgement and stay (--keep, --measure NAME)"
    )
    shown = changed if everything else changed[:_SHOWN]
    head = ["signal", "was", "now", "most in", "fires on"] + ["abuse"] * bool(found.abuse)
    rows = [head]
    for name in shown:
        pool, rate = max(after[name].fp.items(), key=lambda item: item[1], default=("", 0.0))
        hits = found.counts.fired.get(name, Counter())[pool]
        total = found.counts.messages[pool]
        seen = f"{hits:,} of {total:,} ({percent(rate)})" if total else percent(rate)
        row = [name, f"{before[name].weight:.1f}", f"{after[name].weight:.1f}"]
        row += [pool, seen] if rate else ["", f"none of {found.counts.total:,}"]
        rows.append(row + [percent(found.recall.get(name, 0.0))] * bool(found.abuse))
    if len(rows) > 1:
        yield from _aligned(rows, "<>><<>")
    if len(changed) > len(shown):
        yield f"and {len(changed) - len(shown)} more (--all)"
    risen = sum(after[n].weight > before[n].weight for n in after)
    if risen:
        yield f"Risen: {risen}; what is counted now fires them less than what was counted before."
    abused = {n: round(share * found.abuse) for n, share in found.recall.items()}
    ripe = [
        name
        for name, signal in after.items()
        if signal.on.startswith(JUDGED)
        and SPECS[name].speaks_for != "ham"
        and abused.get(name, 0) >= ENOUGH
    ]
    if ripe:
        yield f"Set by judgement, and {ENOUGH} or more messages of abuse fire them:"
        yield from (f"  --measure {name}" for name in ripe)


def _thresholds(found: Measurement) -> Iterator[str]:
    yield "Sum of signals that a share of your mail exceeds, by weights that never saw its source"
    rows = [["share", "sum", "90 % interval", "what the mail shows"]]
    rows += [
        [percent(t.share), f"{t.sum:.2f}", f"{t.low:.2f} to {t.high:.2f}", said_of(t)]
        for t in found.weights.thresholds
    ]
    yield from _aligned(rows, "<><<")
    yield "A record for you: what acts are the policy's probabilities, of signals and models."


def _actions(found: Measurement) -> Iterator[str]:
    yield "What the policy in force does with it: as things are -> with these weights"
    seen = [
        action
        for action in ACTIONS
        if any(c[action] for side in (found.acted, found.acting) for c in side.values())
    ]
    rows: list[Sequence[str]] = [["source", "messages", *seen]]
    for source, now in found.acting.items():
        was = found.acted[source]
        cells = [_arrow(was[action], now[action]) for action in seen]
        rows.append([source, f"{now.total():,}", *cells])
    yield from _aligned(rows, "<" + ">" * 12)
    ham = Counter[Action]()
    for source in {one.source for one in found.ham}:
        ham += found.acting[source]
    worse = ham.total() - ham["accept"]
    low, high = wilson(worse, ham.total())
    yield (
        f"Of your legitimate mail {worse:,} of {ham.total():,} would not be simply accepted: "
        f"{percent(low)} to {percent(high)}."
    )
    yield "Senders count as unknown, and new weights go by score alone: no rules, no lists."


def _arrow(was: int, now: int) -> str:
    return f"{now:,}" if was == now else f"{was:,} -> {now:,}"


def _aligned(rows: Sequence[Sequence[str]], sides: str) -> Iterator[str]:
    """Yield rows as columns: < to the left, > to the right; the last side holds for the rest."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(
            f"{cell:{sides[min(i, len(sides) - 1)]}{widths[i]}}" for i, cell in enumerate(row)
        )
