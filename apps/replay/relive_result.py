"""What a re-live came to, as JSON and as lines for people."""

from typing import Any, Final

import msgspec

from apps.cli.rendering import clean
from apps.quality.truths import Truth
from apps.replay.comparing import Comparing
from apps.replay.comparison import Comparison
from apps.replay.digest import RunDigest
from apps.replay.relive import Relived
from apps.replay.what_if_told import differences
from apps.subscriber.recorded import Unread
from detectors.actions import ACTIONS
from detectors.record import decode
from streams.wire import read_head

__all__ = ["ReliveResult", "as_json", "as_text"]

_TOLD: Final = 20  # of what couldn't be read


class ReliveResult(msgspec.Struct):
    """Counts of a re-live; `digest` is that of its verdicts (apps.replay.digest).

    `learned` are labels that were learned, None where learning was off; of a log's labels `refused`
    are those that no message here can be taught by, by reason, and `later` those that came after
    the last message. `compared` has what was recorded beside what is said now, where the source
    has verdicts; `same_action` and `other_action` count them. `without_mail` are verdicts whose
    message isn't kept, `unreadable` what else couldn't be read.
    """

    messages: int = 0
    learned: int | None = None
    refused: dict[str, int] = {}
    later: int = 0
    actions: dict[str, int] = {}
    same_action: int = 0
    other_action: int = 0
    without_mail: int = 0
    unreadable: int = 0
    unread: list[Unread] = []
    digest: str = RunDigest().hex
    compared: Comparing = msgspec.field(default_factory=Comparing)

    def add(self, relived: Relived, truth: Truth | None = None) -> None:
        """Count a message; `truth` is what its labels come to."""
        self.messages += 1
        action = relived.verdict.action
        self.actions[action] = self.actions.get(action, 0) + 1
        total = RunDigest(self.digest)
        total.add(read_head(relived.value).event_id, relived.value)
        self.digest = total.hex
        received = relived.received
        if received.value:
            before = decode(received.value)
            same = before.action == action
            self.same_action += same
            self.other_action += not same
            then = (before, received.value)
            self.compared.add(received.event, then, relived.verdict, truth, by_mail=True)

    def lack(self) -> None:
        """Count a verdict whose message isn't kept."""
        self.without_mail += 1
        self.compared.leave("the message")

    def miss(self, unread: Unread) -> None:
        """Count what couldn't be read; the first are told."""
        self.unreadable += 1
        self.compared.miss(f"{unread.place}: {unread.reason}")
        if len(self.unread) < _TOLD:
            self.unread.append(unread)

    def comparison(self, *, stopped: bool) -> Comparison | None:
        """Return recorded verdicts beside those of now; None where none was recorded."""
        if not self.compared.messages:
            return None
        found = self.compared.comparison((), after="re-live", interrupted=stopped)
        return msgspec.structs.replace(found, digest_after=self.digest)


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
        "labels": {"refused": found.refused, "later": found.later},
        "recorded": {"same_action": found.same_action, "other_action": found.other_action},
        "without_mail": found.without_mail,
        "unreadable": found.unreadable,
        "unread": msgspec.to_builtins(found.unread),
        "digest": found.digest,
        "comparison": found.comparison(stopped=stopped),
        "seconds": round(seconds, 3),
    }


def as_text(told: dict[str, Any]) -> list[str]:
    """Return what a person reads of a result of `as_json`."""
    seconds, messages = told["seconds"], told["messages"]
    rate = f", {messages / seconds:,.0f}/s" if seconds else ""
    learning = f"{told['learned']:,} labels learned" if told["learning"] else "nothing learned"
    lines = [f"{messages:,} messages judged from nothing in {seconds:,.1f} s{rate}; {learning}"]
    lines += [f"  {count:8,}  {action}" for action, count in told["actions"].items()]
    labels = told["labels"]
    lines += [f"label not learned: {count:,} {why}" for why, count in labels["refused"].items()]
    if labels["later"]:
        lines.append(f"label not learned: {labels['later']:,} came after the last message")
    recorded = told["recorded"]
    if any(recorded.values()):
        lines.append(
            f"recorded action: {recorded['same_action']:,} the same, "
            f"{recorded['other_action']:,} another"
        )
        lines += [*differences(told["comparison"]), ""]
    if told["without_mail"]:
        lines.append(f"{told['without_mail']:,} verdicts left out: their mail isn't kept")
    lines += [f"not read: {clean(it[0])}: {clean(it[1])}" for it in told["unread"]]
    more = told["unreadable"] - len(told["unread"])
    if more:
        lines.append(f"not read: {more:,} more")
    if not told["complete"]:
        lines.append("stopped: this is of the messages until then; a re-live begins anew each time")
    lines.append(f"digest {told['digest']}")
    return lines
