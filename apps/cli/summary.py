"""Many verdicts in a few lines: the worst first, then how many of each action."""

import heapq
import time
from collections import Counter

import click

from apps.cli.rendering import COLOURS, Shown, clean, column, plain_score
from apps.sources import Unreadable
from detectors.actions import ACTIONS

__all__ = ["Summary"]

_WANTED = (36, 28, 40)  # columns of source, sender and subject
_BEFORE = 36  # columns of score, action and class, and of what is between all columns
_NARROWEST = 24
_BAD = frozenset({"quarantine", "defer", "reject", "discard"})


class Summary:
    """Counts verdicts, and keeps the `top` worst of them: memory doesn't grow with the mail."""

    def __init__(self, top: int) -> None:
        self.unreadable = 0
        self.headless = 0
        self._top = top
        self._worst: list[tuple[int, float, int, Shown]] = []
        self._actions: Counter[str] = Counter()
        self._degraded = 0
        self._bytes = 0
        self._started = time.perf_counter()

    @property
    def bad(self) -> int:
        """How many verdicts say quarantine or worse."""
        return sum(self._actions[action] for action in _BAD)

    def add(self, item: Shown | Unreadable) -> None:
        """Count one more."""
        if isinstance(item, Unreadable):
            self.unreadable += 1
            return
        verdict = item.verdict
        count = self._actions.total()
        self._actions[verdict.action] += 1
        self._degraded += bool(verdict.degraded)
        self._bytes += item.size
        # action first: a list or a rule may decide against the score; then the earlier one
        badness = (
            ACTIONS.index(verdict.action),
            0.0 if verdict.logit is None else float(verdict.logit),
            -count,
        )
        entry = (*badness, item)
        if len(self._worst) < self._top:
            heapq.heappush(self._worst, entry)
        elif self._top:
            heapq.heappushpop(self._worst, entry)

    def lines(self, width: int = 0) -> list[str]:
        """Return the summary's lines, which fit `width` columns (0: any)."""
        name, sender, subject = _shares(width)
        count = self._actions.total()
        seconds = time.perf_counter() - self._started
        lines = []
        for *_, item in sorted(self._worst, key=lambda entry: entry[:3], reverse=True):
            verdict = item.verdict
            action = click.style(f"{verdict.action:15}", fg=COLOURS[verdict.action], bold=True)
            lines.append(
                f"{plain_score(verdict):>5}  {action} {verdict.class_:7}  "
                f"{_end(item.name, name)}  {column(item.sender, sender)}  "
                f"{clean(item.subject, subject)}"
            )
        if count > len(self._worst):
            lines.append(f"... and {count - len(self._worst):,} less bad (--top)")
        said = ", ".join(
            f"{self._actions[action]:,} {click.style(action, fg=COLOURS[action])}"
            for action in reversed(ACTIONS)
            if self._actions[action]
        )
        if not count and not self.unreadable:
            return ["no message found: a folder is read below all its folders but hidden ones"]
        lines += ["", f"{count:,} message{'s' * (count != 1)}: {said or 'none'}"]
        if self._degraded:
            lines.append(f"{self._degraded:,} degraded: judged without a part (--full names it)")
        if self.headless:
            lines.append(f"{self.headless:,} without any header: maybe no messages")
        if self.unreadable:
            lines.append(f"{self.unreadable:,} could not be read")
        if count:
            lines.append(
                f"{seconds:.1f} s, {seconds / count * 1000:.2f} ms a message, "
                f"{self._bytes / 1e6:.1f} MB"
            )
        return lines


def _shares(width: int) -> tuple[int, int, int]:
    """Return the columns of source, sender and subject: all that they want, or less of each."""
    left = max(_NARROWEST, width - _BEFORE)
    wanted = sum(_WANTED)
    if not width or left >= wanted:
        return _WANTED
    name, sender, _ = (left * share // wanted for share in _WANTED)
    return name, sender, left - name - sender


def _end(name: str, width: int) -> str:
    """Return the end of a path, which tells more than its beginning, in so many columns."""
    shown = clean(name)
    return column(shown if len(shown) <= width else "…" + shown[1 - width :], width)
