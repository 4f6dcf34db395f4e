"""Limits on what a user or a client sends, as policy data: docs/policy.md, section limits."""

from typing import Literal

import msgspec

__all__ = ["Counted", "Limit", "Whose"]

Counted = Literal["messages", "recipients", "new_recipients", "bounces", "networks"]
Whose = Literal["user", "client"]


class Limit(msgspec.Struct, frozen=True):
    """How much of something may go out for one user or client within `minutes`.

    `over` is the most that is let through; what exceeds it is deferred (and not counted, so that a
    patient sender gets through) or held for a person. Draft: only read. Shadow: only counted.
    """

    name: str
    counts: Counted
    over: int
    minutes: float
    reason: str
    by: Whose = "user"
    action: Literal["defer", "hold"] = "defer"
    mode: Literal["draft", "shadow", "live"] = "live"
