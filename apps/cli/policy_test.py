"""`weir policy test`: what a policy would change, on mail at hand or on what was recorded."""

import heapq
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from apps.cli.failures import Code
from apps.cli.options import as_json, config, direction, read_settings, tenant
from apps.cli.rendering import COLOURS, clean, plain_score
from apps.sources import Unreadable
from detectors.actions import ACTIONS
from detectors.verdict import Verdict

if TYPE_CHECKING:  # heavy: loaded where mail is judged
    from apps.cli.judging import Answer

__all__ = ["test"]

_RANK: Final = {action: rank for rank, action in enumerate(ACTIONS)}


@click.command()
@click.argument("tried", metavar="FILE|RULE")
@click.argument("paths", nargs=-1, metavar="[MAIL]...")
@click.option(
    "--against",
    default="",
    metavar="SOURCE|FILE",
    help="Try it on these recorded verdicts; with MAIL: compare with this policy file.  "
    "[default: the archive, else the topic; with MAIL the policy in force]",
)
@direction
@tenant
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many changed messages to list, the greatest change first.",
)
@as_json
@config
def test(
    config: Path | None,
    tried: str,
    paths: tuple[str, ...],
    against: str,
    direction: str,
    tenant: str,
    top: int,
    as_json: bool,
) -> None:
    """Say what a policy FILE or a RULE in CEL would change, on history or on MAIL.

    Nothing is put in force. Without MAIL it is tried on recorded verdicts, from the readings of
    then: SOURCE is as for `weir replay`, such as last:7d. A RULE is [ACTION:]CEL, reject by
    default, and comes before the rules of the policy of then. Changes come gravest first (ham that
    would be refused), with the effect on mail that is labelled.

    MAIL is as for `weir check`: messages, mboxes, Maildirs, folders or -. It is judged under the
    policy in force and under FILE. Senders have no history there, so rules and signals that need
    one say nothing; --direction and --tenant are of MAIL.

    With --json: of history the comparison; of MAIL each line is one message whose action changes,
    the last line the counts.

    \b
    Examples:
      weir policy test 'reject: "bl.example" in blocklists' --against last:7d
      weir policy test tried.toml --against last:30d
      weir policy test tried.toml ~/Maildir
      weir policy test tried.toml quarantine.mbox --top 100
      weir policy test tried.toml ~/Maildir --json | jq -r 'select(.after == "reject").source'

    \b
    Exit codes: 0 no action changes, 1 at least one does, 2 settings, a policy or a rule are wrong,
    3 some input could not be read (the rest was judged), 4 Kafka could not be reached.
    """
    from apps.cli.judging import judge_mail
    from apps.installation import open_judge, read_policy_in_force

    settings = read_settings(config)
    if not paths:
        from apps.cli.policy_history import tried as tried_on_history

        sys.exit(tried_on_history(settings, tried, against, top=top, as_json=as_json))
    before = open_judge(settings, Path(against) if against else None)
    after = before.with_policies(read_policy_in_force(Path(tried), settings))
    found = Changes(top)
    for item in judge_mail([before, after], settings, paths, direction=direction, tenant=tenant):
        if isinstance(item, Unreadable):
            found.unreadable += 1
            click.echo(f"Error: {item.name}: {item.reason}", err=True)
        elif found.add(item) and as_json:
            click.echo(_json(_record(item)))
    if as_json:
        click.echo(_json(found.counts()))
    else:
        for line in found.lines():
            click.echo(line)
    changed = Code.NO if found.changed else Code.OK
    sys.exit(Code.INPUT if found.unreadable else changed)


class Changes:
    """Counts what changes, and keeps the `top` greatest changes: memory doesn't grow with mail."""

    def __init__(self, top: int) -> None:
        self.unreadable = 0
        self.messages = 0
        self._top = top
        self._moves: Counter[tuple[str, str]] = Counter()
        self._scores = 0
        self._held: Counter[str] = Counter()
        self._greatest: list[tuple[int, int, Answer]] = []

    @property
    def changed(self) -> int:
        """How many messages get another action."""
        return self._moves.total()

    def add(self, answer: "Answer") -> bool:
        """Count one more; say whether its action changes."""
        before, after = (judged.verdict for judged in answer.judged)
        self.messages += 1
        self._held.update(after.shadow)
        self._scores += before.logit != after.logit
        if before.action == after.action:
            return False
        self._moves[before.action, after.action] += 1
        entry = (abs(_RANK[after.action] - _RANK[before.action]), -self.messages, answer)
        if len(self._greatest) < self._top:
            heapq.heappush(self._greatest, entry)
        elif self._top:
            heapq.heappushpop(self._greatest, entry)
        return True

    def counts(self) -> dict[str, object]:
        """Return all counts, for a program."""
        return {
            "messages": self.messages,
            "unreadable": self.unreadable,
            "changed": self.changed,
            "scores_changed": self._scores,
            "moves": [
                {"before": before, "after": after, "messages": count}
                for (before, after), count in self._moves.most_common()
            ],
            "shadow": dict(self._held.most_common()),
        }

    def lines(self) -> Iterator[str]:
        """Yield what a person reads: the greatest changes, then the counts."""
        for *_, answer in sorted(self._greatest, key=lambda entry: entry[:2], reverse=True):
            yield from _told(answer)
        listed = len(self._greatest)
        if self.changed > listed:
            yield f"... and {self.changed - listed:,} more whose action changes (--top)"
        if self.changed:
            yield ""
        plural = "" if self.messages == 1 else "s"
        yield (
            f"{self.messages:,} message{plural}: {self.changed:,} with another action, "
            f"{self._scores:,} with another score"
        )
        for (before, after), count in self._moves.most_common():
            yield f"  {count:>7,}  {_action(before)} -> {_action(after)}"
        if self._held:
            yield "In shadow under the tried policy, and would have hit:"
            yield from (f"  {count:>7,}  {name}" for name, count in self._held.most_common())


def _told(answer: "Answer") -> Iterator[str]:
    shown = answer.shown(1)
    before, after = (judged.verdict for judged in answer.judged)
    scores = f"{plain_score(before)} -> {plain_score(after)}"
    yield (
        f"{_action(before.action)} -> {_action(after.action)}  {scores}  "
        f"{click.style(clean(answer.name), bold=True)}"
    )
    yield f"    {clean(shown.sender, 40)}  {clean(shown.subject, 50)}"
    for why in _why(before, after):
        yield click.style(f"    {why}", dim=True)


def _why(before: Verdict, after: Verdict) -> Iterator[str]:
    """Yield what differs between two verdicts: overrides, contributions, then thresholds."""
    for override in after.overrides:
        if override not in before.overrides:
            yield f"{override.name}: {clean(override.reason, 120)}"
    for override in before.overrides:
        if override not in after.overrides:
            yield f"no longer {override.name}"
    was = {signal.name: signal.contribution for signal in before.signals}
    now = {signal.name: signal.contribution for signal in after.signals}
    moved = {name: now.get(name, 0) - was.get(name, 0) for name in {**was, **now}}
    for name in sorted(moved, key=lambda name: (-abs(moved[name]), name))[:3]:
        if moved[name]:
            yield f"{name}: {was.get(name, 0) / 1e6:+.2f} -> {now.get(name, 0) / 1e6:+.2f}"
    for action in ACTIONS:
        old, new = before.thresholds.get(action), after.thresholds.get(action)
        if old != new:
            yield f"{action} from {_threshold(old)} -> {_threshold(new)}"


def _threshold(score: float | None) -> str:
    return "never" if score is None else f"{score:g}"


def _record(answer: "Answer") -> dict[str, object]:
    before, after = (judged.verdict for judged in answer.judged)
    return {
        "source": answer.name.encode("utf-8", "backslashreplace").decode(),
        "before": before.action,
        "after": after.action,
        "score_before": before.score,
        "score_after": after.score,
        "why": list(_why(before, after)),
    }


def _json(record: dict[str, object]) -> bytes:
    import orjson

    return orjson.dumps(record)


def _action(action: str) -> str:
    return click.style(action, fg=COLOURS.get(action, "white"), bold=True)
