"""What a re-live came to, as JSON and as lines for people."""

from typing import Any, Final

import msgspec

from apps.cli.rendering import clean
from apps.replay.digest import RunDigest
from apps.replay.recorded import Unread
from apps.replay.relive import Relived
from detectors.actions import ACTIONS
from detectors.record import decode
from streams.wire import read_head

__all__ = ["ReliveResult", "as_json", "as_text"]

_TOLD: Final = 20  # of what couldn't be read


class ReliveResult(msgspec.Struct):
    """Counts of a re-live; `digest` is that of its verdicts (apps.replay.digest).

    `learned` are labels that were learned, None where learning was off. `same_action` and
    `other_action` compare with recorded verdicts, where the source has some; `without_mail` are
    verdicts whose message isn't kept, `unreadable` what else couldn't be read.
    """

    messages: int = 0
    learned: int | None = None
    actions: dict[str, int] = {}
    same_action: int = 0
    other_action: int = 0
    without_mail: int = 0
    unreadable: int = 0
    unread: list[Unread] = []
    digest: str = RunDigest().hex

    def add(self, relived: Relived) -> None:
        """Count a message."""
        self.messages += 1
        action = relived.verdict.action
        self.actions[action] = self.actions.get(action, 0) + 1
        total = RunDigest(self.digest)
        total.add(read_head(relived.value).event_id, relived.value)
        self.digest = total.hex
        if relived.received.value:
            same = decode(relived.received.value).action == action
            self.same_action += same
            self.other_action += not same

    def miss(self, unread: Unread) -> None:
        """Count what couldn't be read; the first are told."""
        self.unreadable += 1
        if len(self.unread) < _TOLD:
            self.unread.append(unread)


def as_json(
    found: ReliveResult, *, sources: tuple[str, ...], seconds: float, stopped: bool
) -> dict[str, Any]:
    """Return the result as `--json` and `--out` have it."""
    return {
        "mode": "re-live",
        "sources": sources,
        "complete": not stopped,
        "messages": found.messages,
        "learning": found.learned is not None,
        "learned": found.learned or 0,
        "actions": {action: found.actions[action] for action in ACTIONS if action in found.actions},
        "recorded": {"same_action": found.same_action, "other_action": found.other_action},
        "without_mail": found.without_mail,
        "unreadable": found.unreadable,
        "unread": msgspec.to_builtins(found.unread),
        "digest": found.digest,
        "seconds": round(seconds, 3),
    }


def as_text(told: dict[str, Any]) -> list[str]:
    """Return what a person reads of a result of `as_json`."""
    seconds, messages = told["seconds"], told["messages"]
    rate = f", {messages / seconds:,.0f}/s" if seconds else ""
    learning = f"{told['learned']:,} labels learned" if told["learning"] else "nothing learned"
    lines = [f"{messages:,} messages judged from nothing in {seconds:,.1f} s{rate}; {learning}"]
    lines += [f"  {count:8,}  {action}" for action, count in told["actions"].items()]
    recorded = told["recorded"]
    if any(recorded.values()):
        lines.append(
            f"recorded action: {recorded['same_action']:,} the same, "
            f"{recorded['other_action']:,} another"
        )
    if told["without_mail"]:
        lines.append(f"{told['without_mail']:,} verdicts left out: their mail isn't kept")
    lines += [f"not read: {clean(it[0])}: {clean(it[1])}" for it in told["unread"]]
    more = told["unreadable"] - len(told["unread"])
    if more:
        lines.append(f"not read: {more:,} more")
    if not told["complete"]:
        lines.append("stopped: this is of the messages until then")
    lines.append(f"digest {told['digest']}")
    return lines
