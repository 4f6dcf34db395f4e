"""Figures of quality as a person reads them on a terminal."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from apps.quality.figures import AIM, AUDIT, Figures, Mistakes, ModelFigures
from models.progress import VERDICT

__all__ = ["lines"]

_BAR = 24  # columns
_COLUMNS = (("labels", 8), ("abuse", 8), ("log loss", 10), ("AUC", 9), ("off by", 8))
_FEWEST = 10  # labels of a model's figures that are shown


def lines(found: Figures) -> Iterator[str]:
    """Yield the lines of a report: mistakes, actions, models, calibration, drift."""
    yield _bold(f"Quality from {found.since:%Y-%m-%d %H:%M} to {found.until:%Y-%m-%d %H:%M} UTC")
    yield (
        f"{found.verdicts:,} verdicts; {found.asked:,} asked about, {found.answered:,} of them "
        f"labelled"
    )
    if found.asked > found.answered:
        yield f"{found.asked - found.answered:,} wait for a label: `weir models asked`"
    if not found.asked:
        yield "No message was asked about: a learner publishes how (learner.audit_labels)."
    yield ""
    honest = ("False positives", "honest mail held back or marked", "of all honest mail")
    yield from _mistakes(*honest, found.false_positives)
    yield from _mistakes("Misses", "abuse that reached the inbox", "of all abuse", found.misses)
    if found.answered:
        yield from _actions(found)
    yield from _models(found)
    yield from _drift(found)


def _mistakes(title: str, what: str, of: str, found: Mistakes) -> Iterator[str]:
    yield f"{_bold(title)}  {what}"
    if not found.messages:
        yield "  no such mail\n"
        return
    if not found.known:
        if found.labels:
            yield (
                f"  nothing can be said yet: {_plural(found.labels, 'label')} "
                f"({found.found} of them mistakes) for {found.messages:,} messages leave "
                f"{found.low:,.0f} to {found.high:,.0f} open"
            )
        else:
            yield f"  nothing can be said yet: no label for {found.messages:,} messages"
    else:
        yield (
            f"  about {_bold(f'{found.count:,.0f}')} of {found.messages:,} "
            f"({_share(found.count, found)}), between {found.low:,.0f} and {found.high:,.0f} "
            f"({_share(found.low, found)} to {_share(found.high, found)}), "
            f"from {_plural(found.labels, 'label')}"
        )
        if found.rates:
            likely, low, high = map(_percent, found.rates)
            yield f"  that is {_bold(likely)} {of}, between {low} and {high}"
    if found.wanted:
        aim = _percent(AIM)
        yield f"  some {found.wanted:,} more labels would tell it within {aim} of such mail"
    yield ""


def _actions(found: Figures) -> Iterator[str]:
    yield _bold(f"{'By action':18}{'messages':>10}{'abuse':>9}  {'95 % interval':21}{'labels':>7}")
    for row in found.actions:
        abuse = row.abuse
        share = _share(abuse.count, abuse) if abuse.known else "?"
        between = f"{_share(abuse.low, abuse)} to {_share(abuse.high, abuse)}"
        yield (
            f"{row.action:18}{abuse.messages:>10,}{share:>9}  "
            f"{between if abuse.labels else '-':21}{abuse.labels:>7,}"
        )
    yield ""


def _models(found: Figures) -> Iterator[str]:
    shown = [row for row in found.models if row.ham + row.abuse >= _FEWEST]
    if not shown:
        return
    yield _bold("Right when asked: verdicts against labels that came later")
    heads = (f"{head:>{width}}" for head, width in _COLUMNS)
    yield f"{'model':14}{'source':9}{''.join(heads)}"
    for row in sorted(
        shown, key=lambda row: (row.source != AUDIT, row.source, row.model != VERDICT, row.model)
    ):
        auc = "-" if row.auc is None else f"{row.auc:.4f}"
        yield (
            f"{row.model:14}{row.source:9}{row.ham + row.abuse:>8,}{row.abuse:>8,}"
            f"{row.log_loss:>10.4f}{auc:>9}{row.calibration_error:>8.3f}"
        )
    yield f"Only {AUDIT} tells of all mail, weighed by chance; users report what was missed."
    yield ""
    for row in shown:
        if (row.model, row.source) == (VERDICT, AUDIT):
            yield from _calibration(row)


def _calibration(row: ModelFigures) -> Iterator[str]:
    yield _bold(f"{'Score said':>12}{'true':>9}  {'':{_BAR}}{'labels':>8}")
    for bar in row.bins:
        at = round(bar.said * (_BAR - 1))
        drawn = ["█" if place < round(bar.true * _BAR) else "·" for place in range(_BAR)]
        drawn[at] = "│"
        yield f"{_percent(bar.said):>12}{_percent(bar.true):>9}  {''.join(drawn)}{bar.labels:>8,}"
    yield ""


def _drift(found: Figures) -> Iterator[str]:
    if not found.numbers:
        return
    # Of several alarms of a number the last.
    moved = {alarm.name: alarm for alarm in found.alarms}
    yield _bold(f"{'Drift':22}{'lately':>10}{'usually':>10}{'deviation':>11}")
    for number in found.numbers:
        said = "steady"
        if alarm := moved.get(number.name):
            when = datetime.fromtimestamp(alarm.at, UTC)
            said = click.style(
                f"from {alarm.before:.3g} to {alarm.after:.3g} on {when:%Y-%m-%d %H:%M}",
                fg="yellow",
            )
        yield (
            f"{number.name:22}{number.recent:>10.3g}{number.usual:>10.3g}"
            f"{number.deviation:>11.3g}  {said}"
        )
    yield ""


def _share(count: float, of: Mistakes) -> str:
    return _percent(count / of.messages)


def _percent(share: float) -> str:
    digits = 3 if 0 < share < 0.001 else 2 if share < 0.1 else 1
    return f"{100 * share:.{digits}f} %"


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _bold(text: str) -> str:
    return click.style(text, bold=True)
