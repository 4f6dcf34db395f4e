"""What `weir label` prints: each label, what was refused, how far labels have come."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import click
import orjson

from apps.cli.failures import Code
from apps.labels.disputed import Disputed
from apps.labels.giving import Published
from apps.labels.heard import LabelStatus
from apps.labels.intake import Refused, Unread
from models.hearing import Reach

__all__ = ["Shown"]

_TOLD_SINGLY: Final = 20  # labels that are printed each; of more there is a summary
_DETAILS: Final = {"received": "offset", "matched": "message", "learned": "step"}
_REACH: Final[dict[Reach, str]] = {
    "nothing": "nothing",
    "account": "the account that sent it",
    "pair": "its reporter and this sender alone",
    "content": "what the message holds, not for its sender",
    "all": "its sender and what it holds",
}


class Shown:
    """Prints as it is told, and keeps the exit code."""

    def __init__(self, *, as_json: bool) -> None:
        self.code = Code.OK
        self.labels: list[str] = []
        self._as_json = as_json
        self._published: list[Published] = []
        self._counts: dict[str, int] = {}
        self._refused = 0

    def tell(self, told: Published | Refused) -> None:
        """Print what was published or refused; of many labels those beyond a screen are counted."""
        if isinstance(told, Refused):
            self._refused += 1
            unread = isinstance(told, Unread)
            self.code = Code.INPUT if unread or self.code == Code.INPUT else Code.NO
            click.echo(f"Error: {told.name}: {told.reason}", err=True)
            if self._as_json:
                self._line({"name": told.name, "refused": told.reason})
            return
        label = told.label
        said = label.truth or "retracted"
        self._counts[said] = self._counts.get(said, 0) + 1
        self.labels.append(label.retracts or label.id)
        if self._as_json:
            self._line(_as_object(told))
        elif len(self.labels) <= _TOLD_SINGLY:
            click.echo(_as_text(told))

    def summary(self, topic: str) -> None:
        """Print how many labels were published, by truth."""
        if self._as_json:
            return
        total = sum(self._counts.values())
        said = ", ".join(f"{count:,} {truth}" for truth, count in sorted(self._counts.items()))
        refused = f"; {self._refused:,} refused" if self._refused else ""
        if total != 1 or refused:
            click.echo(
                f"{total:,} label{'s' * (total != 1)} published to {topic}"
                f"{f' ({said})' if said else ''}{refused}"
            )

    def statuses(
        self, told: Iterable[tuple[str, list[LabelStatus]]], *, given: bool = False
    ) -> None:
        """Print what is known of labels, by the names that were asked for.

        `given`: they were given just now, and one that the learner refused is a refusal here.
        """
        for name, found in told:
            if not found:
                self.code = Code.NO
                click.echo(
                    f"Error: {name}: no label known of it; the learner tells of each that it has "
                    "read (is `weir learner`, or an embedded `weir hook`, running?)",
                    err=True,
                )
            for status in found:
                if given and _refused(status):
                    self.code = max(self.code, Code.NO)
                if self._as_json:
                    self._line(_status_object(status))
                else:
                    for line in _status_lines(status):
                        click.echo(line)

    def disputed(self, found: Sequence[Disputed]) -> None:
        """Print the messages whose labels need an analyst, oldest first."""
        for each in found:
            if self._as_json:
                self._line(each._asdict())
            else:
                click.echo(
                    f"{click.style(each.message, bold=True)}  {_time(each.last)}  "
                    f"{each.abuse} say abuse, {each.ham} ham: {each.why}"
                )
        if not found and not self._as_json:
            click.echo("No labels are disputed.")

    def token(self, ident: str, token: str | None) -> None:
        """Print a message's token."""
        if token is None:
            self.code = Code.NO
            click.echo(
                f"Error: {ident}: no message known under this id: neither lately judged nor "
                "in the topic of verdicts; `weir verdicts --json` has the ids",
                err=True,
            )
        elif self._as_json:
            self._line({"id": ident, "token": token})
        else:
            click.echo(f"X-Weir-Id: {token}")

    def _line(self, what: dict[str, Any]) -> None:
        click.echo(orjson.dumps(what))


def _as_text(told: Published) -> str:
    label = told.label
    said = click.style(label.truth or "retracted", bold=True)
    of = f"message {told.message}" if told.message else "a bare message"
    note = f" ({told.note})" if told.note else ""
    which = f"label {label.retracts}" if label.retracts else f"label {label.id}"
    return f"{said} by {label.source}: {of}, {which}{note}"


def _as_object(told: Published) -> dict[str, Any]:
    label = told.label
    return {
        "name": told.name,
        "label": label.retracts or label.id,
        "message": told.message or None,
        "truth": label.truth,
        "retracted": bool(label.retracts),
        "source": label.source,
        "reporter": label.reporter,
        "tenant": label.tenant,
        "offset": told.offset,
        "note": told.note,
    }


def _status_lines(status: LabelStatus) -> Iterable[str]:
    voice = status.voice
    said = "not counted yet"
    if _refused(status):
        said = "refused"
    elif voice is not None:
        said = f"{voice.given.truth} by {voice.given.source}"
        said += f", weight {voice.weight:.2g}" if status.stands else ", retracted"
    yield f"{click.style(f'label {status.label}', bold=True)}: {said}"
    if status.message:
        yield f"  of         message {status.message}"
    if voice is not None and status.stands:
        why = f" ({voice.why})" if voice.why else ""
        yield f"  counts     for {_REACH[voice.reach]}{why}"
    for passed in status.path:
        what = " ".join(filter(None, (_DETAILS.get(passed.stage), passed.detail)))
        yield f"  {passed.stage:10} {_time(passed.at)}  {what}".rstrip()


def _refused(status: LabelStatus) -> bool:
    return any(passed.stage == "refused" for passed in status.path)


def _status_object(status: LabelStatus) -> dict[str, Any]:
    voice = status.voice
    return {
        "label": status.label,
        "message": status.message or None,
        "truth": voice.given.truth if voice else None,
        "source": voice.given.source if voice else None,
        "stands": status.stands,
        "weight": voice.weight if voice else None,
        "reach": voice.reach if voice else None,
        "why": voice.why if voice else "",
        "path": [
            {"stage": passed.stage, "at": passed.at, "detail": passed.detail}
            for passed in status.path
        ],
    }


def _time(at: float) -> str:
    local = datetime.fromtimestamp(at).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
