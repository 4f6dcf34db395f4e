"""What an SMTP client reads of a message that isn't taken: why, its id, and where to object."""

from collections.abc import Sequence
from typing import Final

from apps.hook.outcome import Reply
from apps.hook.plain_text import plain
from detectors.policy import Policy

__all__ = ["deferral", "refusal"]

_LONGEST: Final = 480  # octets: a reply line holds 512 with code and line end (RFC 5321, 4.5.3.1.5)


def refusal(policy: Policy, ids: Sequence[str]) -> Reply:
    """Return the reply of a rejection: 550 5.7.1 (RFC 3463, "delivery not authorized")."""
    appeal = f"; to object: {policy.appeal}" if policy.appeal else ""
    return Reply(550, "5.7.1", _line(f"{policy.refusal}{_named(ids)}{appeal}"))


def deferral(ids: Sequence[str], *, unsure: bool) -> Reply:
    """Return the reply of a deferral: 451 4.7.1; `unsure` where only we are to blame."""
    why = "This message couldn't be checked now" if unsure else "This message isn't taken yet"
    return Reply(451, "4.7.1", _line(f"{why}, please try again later{_named(ids)}"))


def _named(ids: Sequence[str]) -> str:
    return f" (id {ids[0]})" if ids else ""


def _line(text: str) -> str:
    return plain(text)[:_LONGEST]
