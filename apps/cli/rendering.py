"""A verdict as a person reads it; what comes from mail is escaped before a terminal sees it."""

import sys
from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple
from unicodedata import east_asian_width

import click

from detectors.signals import Signal
from detectors.verdict import MICRO, Verdict

__all__ = [
    "COLOURS",
    "Shown",
    "by_weight",
    "clean",
    "column",
    "full",
    "hanging",
    "one_line",
    "plain_score",
    "terminal_width",
]

COLOURS = {
    "accept": "green",
    "add_header": "yellow",
    "rewrite_subject": "yellow",
    "quarantine": "magenta",
    "defer": "magenta",
    "reject": "red",
    "discard": "red",
}
_ELLIPSIS = "…"
_SIDES = (("Against it", 1), ("In its favour", -1), ("Seen, and counts nothing", 0))


class Shown(NamedTuple):
    """A verdict with what of the message a person recognises it by.

    `name` is where the message lies, `size` its bytes; both may be unknown.
    """

    verdict: Verdict
    name: str
    sender: str
    subject: str
    size: int = 0


def terminal_width() -> int:
    """Return the terminal's width, 0 where the output goes elsewhere: then nothing is wrapped."""
    return get_terminal_size().columns if sys.stdout.isatty() else 0


def hanging(text: str, indent: int, width: int) -> str:
    """Return text wrapped at `width` columns (0: never), all lines but the first indented."""
    if not width:
        return text
    lines = wrap(text, max(20, width - indent), break_long_words=False, break_on_hyphens=False)
    return f"\n{' ' * indent}".join(lines)


def clean(text: str, width: int = 0) -> str:
    """Return text that moves no cursor, hides nothing and fits `width` columns (0: any).

    Whatever isn't printable (control characters, bidirectional overrides, zero-width marks) is
    shown as an escape, so that mail can neither paint over the terminal nor reorder a line.
    """
    shown = "".join(
        char if char.isprintable() else " " if char in "\r\n\t" else _escape(char) for char in text
    )
    return _cut(shown, width) if width and _columns(shown) > width else shown


def column(text: str, width: int) -> str:
    """Return cleaned text that takes exactly `width` columns of a terminal."""
    shown = clean(text, width)
    return shown + " " * (width - _columns(shown))


def _columns(text: str) -> int:
    return len(text) + sum(map(_is_wide, text)) if not text.isascii() else len(text)


def _is_wide(char: str) -> bool:
    return east_asian_width(char) in {"W", "F"}


def _cut(text: str, width: int) -> str:
    taken, left = 0, width - 1
    for char in text:
        left -= 1 + _is_wide(char)
        if left < 0:
            break
        taken += 1
    return text[:taken] + _ELLIPSIS


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def plain_score(verdict: Verdict) -> str:
    """Return the score with three decimals, and a dash where the pipeline broke."""
    return "-" if verdict.score is None else f"{verdict.score:.3f}"


def _action(verdict: Verdict, width: int = 0) -> str:
    return click.style(
        f"{verdict.action:{width}}", fg=COLOURS.get(verdict.action, "white"), bold=True
    )


def one_line(shown: Shown, reasons: int = 2) -> str:
    """Return one verdict in a line: action, score, class, sender, subject, first reasons."""
    verdict = shown.verdict
    against = [s for s in by_weight(verdict) if s.contribution > 0][:reasons]
    said = "; ".join(clean(signal.reason, 90) for signal in against)
    marks = click.style(" degraded", fg="yellow") if verdict.degraded else ""
    parts = (
        f"{_action(verdict, 15)} {plain_score(verdict):>5} {verdict.class_:7}{marks}",
        clean(shown.sender, 34),
        clean(shown.subject, 50),
        click.style(said, dim=True),
    )
    return "  ".join(part for part in parts if part)


def by_weight(verdict: Verdict) -> list[Signal]:
    """Return the signals, the weightiest first, whichever way they point."""
    return sorted(verdict.signals, key=lambda signal: -abs(signal.contribution))


def full(shown: Shown, width: int = 0) -> list[str]:
    """Return the lines of one verdict in full: action, who, what, every reason with its weight.

    Against the message first, then for it, the weightiest first; what two signals say in the same
    words is said once. Reasons are wrapped at `width` columns (0: never).
    """
    verdict = shown.verdict
    judged = f"{_action(verdict)}  {verdict.class_}  score {plain_score(verdict)}"
    levels = _next(verdict)
    if not width or len(click.unstyle(f"{judged}  {levels}")) <= width:
        lines = [f"{judged}  {levels}"]
    else:
        lines = [judged, f"  {levels}"]
    lines += [
        f"  From     {clean(shown.sender, 100) or '(none)'}",
        f"  Subject  {clean(shown.subject, 100) or '(none)'}",
    ]
    if shown.name:
        lines.insert(0, click.style(clean(shown.name), bold=True))
    lines += [
        click.style(f"  {override.action} because {clean(override.reason)} ", bold=True)
        + f"({clean(override.name)})"
        for override in verdict.overrides
    ]
    lines.append("")
    if verdict.logit is None:
        lines.append("  The message broke the pipeline; the policy's on_failure decided.")
    else:
        for title, sign in _SIDES:
            said = _said(verdict, sign)
            if said:
                lines.append(click.style(f"  {title}", dim=True))
                lines += [line for reason in said for line in _reason(*reason, width)]
        lines += _reason(verdict.bias, "where every message starts", "bias", width)
        lines.append(f"  {verdict.logit / MICRO:+6.2f}  sum (log-odds of abuse)")
    for what, names in (
        ("Done without", verdict.degraded),
        ("Odd", verdict.flags),
        ("Would have hit (shadow)", verdict.shadow),
    ):
        if names:
            lines.append(f"  {what}: {', '.join(clean(name) for name in names)}")
    return lines


def _said(verdict: Verdict, sign: int) -> list[tuple[int, str, str]]:
    """Return contribution, reason and names of all of one sign, the weightiest first."""
    said: dict[str, list[Signal]] = {}
    for signal in verdict.signals:
        if _sign(signal.contribution) == sign:
            said.setdefault(signal.reason, []).append(signal)
    merged = [
        (sum(s.contribution for s in same), reason, ", ".join(s.name for s in same))
        for reason, same in said.items()
    ]
    return sorted(merged, key=lambda item: -abs(item[0]))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _reason(contribution: int, reason: str, names: str, width: int) -> list[str]:
    colour = ("green", None, "red")[_sign(contribution) + 1]
    weight = click.style(f"{contribution / MICRO:+6.2f}", fg=colour)
    said = f"{clean(reason, 200)} ({clean(names)})"
    first, *more = wrap(said, max(40, width - 10)) if width else [said]
    return [f"  {weight}  {first}", *(f"          {line}" for line in more)]


def _next(verdict: Verdict) -> str:
    """Say which thresholds the score is measured against."""
    if not verdict.thresholds:
        return ""
    said = ", ".join(
        f"{clean(action)} from {score:g}"
        for action, score in sorted(verdict.thresholds.items(), key=lambda item: item[1])
    )
    return click.style(f"({said})", dim=True)
