"""What `weir up` tells of the scenes: how a sender's history changed a verdict, and where to look.

What history changed is exact: contributions add up to the logit, so without those of the groups
that read history it is the verdict that the message alone would have had.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from apps.cli.rendering import COLOURS, Shown, clean, one_line, plain_score
from apps.local.demonstration import Tally
from apps.local.reporting import Change
from apps.local.scenes import BURST, Scene
from detectors.actions import MICRO, probability
from detectors.verdict import Verdict

__all__ = ["Listing", "tell", "tell_changes"]

_HISTORY: Final = frozenset(
    {"velocity", "novelty", "correspondents", "strangers", "reputation", "reports", "vouched"}
)
_OTHERS: Final[tuple[tuple[Scene, str, str], ...]] = (
    ("lookalike", "a correspondent's lookalike", "spf"),
    ("correspondent", "the correspondent", "dkim"),
)
_LAST = 3  # of the burst are listed beside its first


class Listing:
    """Prints verdicts as they come, of the burst the first and the last few."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._burst = 0

    def show(self, shown: Shown) -> None:
        """Print one verdict, or none."""
        sent = self._tally.sent.get(shown.verdict.id)
        if sent is not None and sent.scene == "reported":
            return  # told as a whole
        if sent is not None and sent.scene == "burst":
            self._burst += 1
            if self._burst == 2:
                click.echo(f"  ... and {BURST - _LAST - 1} more of the same ...")
            if 1 < self._burst <= BURST - _LAST:
                return
        click.echo(one_line(shown))


def tell(scenes: Mapping[Scene, Sequence[Verdict]]) -> None:
    """Print what was made of each scene, and which entities of the state to look at."""
    lines = list(_lines(scenes))
    if lines:
        click.echo(
            "\nWhat the sender's history changed: score by the message alone -> in all, "
            "and the difference in logits"
        )
        for line in lines:
            click.echo(line)


def tell_changes(changes: Sequence[Change]) -> None:
    """Print what labels changed for the siblings of the messages that they are of."""
    if changes:
        click.echo("\nWhat labels changed: action and score before -> of the next sibling")
    for change in changes:
        for line in change.lines():
            click.echo(line)


def _lines(scenes: Mapping[Scene, Sequence[Verdict]]) -> Iterator[str]:
    burst = scenes.get("burst", ())
    if burst:
        # They may come back in another order than they were sent.
        first, last = burst[0], max(burst, key=lambda verdict: verdict.logit or 0)
        yield _said("the first of a burst", first)
        yield _said(f"later, of {len(burst)} in all", last)
        yield _inspect(f"claimed:{last.from_domain}@{last.client_net}")
    for scene, who, proof in _OTHERS:
        for verdict in scenes.get(scene, ()):
            yield _said(who, verdict)
            yield _inspect(f"{proof}:{verdict.from_domain}")


def _said(who: str, verdict: Verdict) -> str:
    """Return two lines: who, the scores, the action; and the weightiest reason of history."""
    told = [signal for signal in verdict.signals if signal.group in _HISTORY]
    action = click.style(f"{verdict.action:12}", fg=COLOURS.get(verdict.action), bold=True)
    change = sum(signal.contribution for signal in told)
    alone = "-" if verdict.logit is None else f"{probability(verdict.logit - change):.3f}"
    scores = f"{alone} -> {plain_score(verdict)}  ({change / MICRO:+.2f})"
    line = f"  {who:28} {action} {scores}"
    reason = max(told, key=lambda signal: abs(signal.contribution), default=None)
    return line if reason is None else f"{line}\n      {clean(reason.reason, 160)}"


def _inspect(entity: str) -> str:
    return click.style(f"      weir state inspect {clean(entity)}", dim=True)
