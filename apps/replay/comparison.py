"""What a what-if comes to: two runs over the same messages, held against each other.

A value that is written as JSON, drawn on a page and told in a terminal; apps.replay.comparing makes
it, message by message.
"""

from datetime import datetime
from typing import Literal

import msgspec

from detectors.actions import Action
from detectors.signals import AbuseClass
from features.envelope import Direction
from models.label import Source

__all__ = [
    "BINS",
    "Change",
    "Comparison",
    "Consequence",
    "Curve",
    "Effect",
    "Flow",
    "Moved",
    "Range",
    "RocPoint",
    "Scores",
    "Share",
    "Slice",
    "Threshold",
    "Untold",
]

Consequence = Literal[
    "ham now refused",
    "ham now held",
    "ham now deferred",
    "ham now marked",
    "abuse now let through",
    "known correspondent now stopped",
    "now refused",
    "now held",
    "now let through",
    "now deferred",
    "now marked",
    "now milder",
    "ham no longer stopped",
    "ham now milder",
    "abuse now stopped",
    "abuse now marked",
]
"""What a change of action means, the gravest first; ham and abuse are those by label."""

BINS: tuple[int, ...] = tuple(range(-16, 17))
"""Edges of a distribution of scores, in logits; what lies beyond is in the outermost bins."""


class Flow(msgspec.Struct, frozen=True):
    """How many messages went from one action to another, or stayed."""

    before: Action
    after: Action
    messages: int


class Moved(msgspec.Struct, frozen=True):
    """A signal whose say differs: contributions in millionths of a logit, None where silent."""

    name: str
    before: int | None
    after: int | None


class Threshold(msgspec.Struct, frozen=True):
    """A threshold that differs for a message: scores, None for never by score."""

    action: Action
    before: float | None
    after: float | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A message whose action differs, and why.

    `event` is the verdict's ce_id. `truth` is what its labels come to, "" where nothing stands, and
    `said_by` the source of the highest rank that says so. `moved` are the signals that moved most,
    the furthest first; `gained` and `lost` name overrides.
    """

    event: str
    id: str
    tenant: str
    direction: Direction
    received_at: datetime
    from_domain: str
    before: Action
    after: Action
    score_before: float | None
    score_after: float | None
    class_before: AbuseClass
    class_after: AbuseClass
    consequence: Consequence
    truth: Literal["ham", "abuse", ""] = ""
    said_by: Source | Literal[""] = ""
    known_correspondent: bool = False
    moved: tuple[Moved, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class Share(msgspec.Struct, frozen=True):
    """A share of labelled messages with its 95 % interval (Wilson 1927); (0, 1) of none."""

    hits: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.total if self.total else None


class Range(msgspec.Struct, frozen=True):
    """A difference of two shares of the same messages, with its 95 % interval."""

    value: float
    low: float
    high: float


class Effect(msgspec.Struct, frozen=True):
    """What the change does to mail that is labelled: `what` in words, and whether less is better.

    `difference` is after - before (Newcombe 1998, method 10 for pairs), None without labels.
    """

    what: str
    before: Share
    after: Share
    difference: Range | None
    less_is_better: bool = True


class Slice(msgspec.Struct, frozen=True):
    """A tenant's or a sender domain's messages: how many get a harsher or a milder action."""

    name: str
    messages: int
    harsher: int
    milder: int
    ham_stopped_before: int = 0
    ham_stopped_after: int = 0
    abuse_through_before: int = 0
    abuse_through_after: int = 0

    @property
    def changed(self) -> int:
        """Messages with another action."""
        return self.harsher + self.milder


class Scores(msgspec.Struct, frozen=True):
    """How scores lie, as counts a bin of BINS (len(BINS) - 1 of them), before and after."""

    of: Literal["all", "ham", "abuse"]
    before: tuple[int, ...]
    after: tuple[int, ...]


class RocPoint(msgspec.Struct, frozen=True, array_like=True):
    """Shares of ham misjudged and of abuse caught from a threshold (logits) on."""

    ham_misjudged: float
    abuse_caught: float
    threshold: float | None


class Curve(msgspec.Struct, frozen=True):
    """A ROC curve against labels, from the highest threshold down.

    `area` is 1-ROCA in % with its 95 % interval (DeLong), None where it can't be had.
    """

    run: Literal["before", "after"]
    points: tuple[RocPoint, ...]
    area: float | None
    low: float | None
    high: float | None


class Untold(msgspec.Struct, frozen=True):
    """Messages of which the what-if can't say anything, and what was missing."""

    what: str
    messages: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs over the same messages.

    `asked` says in words what was to be otherwise, a line each; `before` and `after` name the
    runs. `messages` were read: `compared` of them, `by_mail` of these judged anew from the message
    itself, and the rest is in `untold`; `unread` is what the source couldn't give. `other_engine`
    of the compared were judged by another release or installation, which may have a part in what
    differs. `changes` are the gravest of all that changed. `domains` are the senders' domains with
    the most changes. `digest_before` and `digest_after` are those of the compared verdicts
    (apps.replay.digest). `interrupted`: it ended before the source did.
    """

    schema: int = 1
    asked: tuple[str, ...]
    before: str = "recorded"
    after: str = "what-if"
    since: datetime | None
    until: datetime | None
    messages: int
    compared: int
    by_mail: int
    other_engine: int
    changed: int
    scores_changed: int
    harsher: int
    milder: int
    labelled_ham: int
    labelled_abuse: int
    flows: tuple[Flow, ...]
    changes: tuple[Change, ...]
    effects: tuple[Effect, ...]
    tenants: tuple[Slice, ...]
    domains: tuple[Slice, ...]
    scores: tuple[Scores, ...]
    curves: tuple[Curve, ...]
    shadow: dict[str, int]
    untold: tuple[Untold, ...]
    unread: tuple[Untold, ...] = ()
    digest_before: str
    digest_after: str
    interrupted: bool = False
