"""Messages that the audit asks about and nobody has labelled."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from apps.cli.rendering import clean
from apps.quality.history import History, Judged

__all__ = ["as_object", "told", "waiting"]


def waiting(history: History) -> list[Judged]:
    """Return the messages that wait for an analyst's label, the latest first."""
    found = [one for one in history.asked if one.abuse is None]
    return sorted(found, key=lambda one: one.at, reverse=True)


def as_object(one: Judged) -> dict[str, Any]:
    """Return a waiting message as JSON's own types."""
    return {
        "id": one.id,
        "at": one.at.isoformat(),
        "tenant": one.tenant,
        "direction": one.direction,
        "from_domain": one.from_domain,
        "action": one.action,
        "score": one.score,
        "reason": one.reason,
        "p": one.chance,
    }


def told(found: Sequence[Judged], most: int) -> Iterator[str]:
    """Yield the lines that list `most` of them, with the command that answers."""
    if not found:
        yield "No message waits for a label."
        return
    for one in found[:most]:
        yield click.style(clean(one.id), bold=True)
        yield (
            f"  {one.at:%Y-%m-%d %H:%M}  {one.direction}  {one.action} {one.score:.3f}  "
            f"{clean(one.from_domain, 60) or '(no sender domain)'}  {clean(one.reason, 70)}"
        )
    yield ""
    number = len(found)
    shown = f", {most:,} of them above" if most < number else ""
    verb = "s wait" if number != 1 else " waits"
    yield f"{number:,} message{verb} for a label{shown}. To answer:"
    tenant = "" if found[0].tenant == "default" else f" --tenant {clean(found[0].tenant)}"
    yield f"  weir label {clean(found[0].id)} ham|spam|phish|malware|bulk{tenant}"
