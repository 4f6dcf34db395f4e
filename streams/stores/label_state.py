"""What a store keeps of labels: labelled messages, standing reports by entity, reporters.

All of it changes in one act a batch, together with the place in `mail.labels` up to which it has
been applied: what was decided about a label then rests on nothing that the same label has changed.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from features.envelope import Direction, LogPosition
from features.reported import REPORTED, Report
from features.rolling import KINDS, Entity
from models.hearing import MessageFacts, Voice
from models.trust import Reputation

__all__ = [
    "Campaign",
    "Heard",
    "LabelChange",
    "LabelRecord",
    "LabelState",
    "LabelStore",
    "Reporter",
    "Touched",
    "is_reported",
]

_REPORTED: Final = frozenset(REPORTED)


class Touched(msgspec.Struct, frozen=True, array_like=True):
    """An entity of a labelled message: its kind's name, its key, its label (see Entity)."""

    kind: str
    key: bytes
    label: str

    @property
    def entity(self) -> Entity:
        """The entity; KeyError for a kind of another release."""
        return Entity(KINDS[self.kind], self.key, self.label)


class Heard(msgspec.Struct, frozen=True, array_like=True):
    """A label as it was heard, and how many of its campaign users had given then: side, a day."""

    voice: Voice
    campaign: int = 0


class LabelRecord(msgspec.Struct, frozen=True, array_like=True):
    """A labelled message: all that is needed to count its labels, and to take them back exactly.

    `at` is the time at which the message was counted (s), `place` where it lies, None for a bare
    one. `touched` are the entities that labels of it may count for, the sender's first. `heard`
    are its labels and retractions in the order of their offsets, in the mail.labels of `epoch`.
    """

    message: str
    tenant: str
    direction: Direction
    at: float
    place: LogPosition | None
    touched: tuple[Touched, ...]
    facts: MessageFacts
    heard: tuple[Heard, ...] = ()
    epoch: str = ""

    @property
    def voices(self) -> tuple[Voice, ...]:
        """What was heard of it."""
        return tuple([each.voice for each in self.heard])

    @property
    def last(self) -> int:
        """The highest offset of its labels, -1 without any."""
        return max((each.voice.offset for each in self.heard), default=-1)


class Reporter(msgspec.Struct, frozen=True, array_like=True):
    """How often somebody agreed with later truth, and how much they said on their last day.

    `day` is the append time's day since 1970 in UTC, `labels` those given on it.
    """

    reputation: Reputation = Reputation()
    day: int = 0
    labels: int = 0


class Campaign(msgspec.Struct, frozen=True, array_like=True):
    """How many labels have taught of some content on a day, as Reporter has it: abuse, and ham.

    Those of analysts and traps aren't among them.
    """

    day: int = 0
    abuse: int = 0
    ham: int = 0


class LabelState(NamedTuple):
    """What is kept of what was asked for: by message id, by reporter (Report.who), by entity's key.

    What isn't kept is missing. `applied` is the place in mail.labels up to which all of it has
    been applied, None before the first label.
    """

    applied: LogPosition | None
    labelled: Mapping[str, LabelRecord]
    reporters: Mapping[bytes, Reporter]
    reports: Mapping[bytes, tuple[Report, ...]]
    campaigns: Mapping[bytes, Campaign]


class LabelChange(NamedTuple):
    """What takes the place of what is kept, all at once; empty reports and None are deleted.

    `expected` is the `applied` that it was worked out from; with None as the new one it stays.
    `labels` are the message ids by the ids of the labels that are of them.
    """

    expected: LogPosition | None
    applied: LogPosition | None
    labelled: Sequence[LabelRecord] = ()
    reporters: Mapping[bytes, Reporter | None] = {}
    reports: Mapping[Entity, tuple[Report, ...]] = {}
    campaigns: Mapping[Entity, Campaign] = {}
    labels: Mapping[str, str] = {}


class LabelStore(Protocol):
    """Where labels are kept. Every method raises StoreError if the store can't be reached."""

    async def label_state(
        self,
        messages: Sequence[str] = (),
        reporters: Sequence[bytes] = (),
        entities: Sequence[Entity] = (),
    ) -> LabelState:
        """Return what is kept of messages, reporters and entities, as of one moment."""
        ...

    async def keep_labels(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False, and nothing changed, where `expected` isn't so."""
        ...

    async def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label (by id) is of, None where unknown."""
        ...


def is_reported(entity: Entity) -> bool:
    """Tell whether standing reports are kept of entities of its kind."""
    return entity.kind.name in _REPORTED
