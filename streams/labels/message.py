"""A labelled message as it was found, and what of it is kept with its labels."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from detectors.verdict import Verdict
from features.envelope import Incoming
from features.evidence import Evidence
from models.hearing import MessageFacts
from models.label import Label
from models.standing import KINDS_OF
from streams.sender_state import moment
from streams.stores.label_state import LabelRecord, Touched
from streams.wire import Arrival

__all__ = ["SINCE", "Found", "Taken", "Unfound", "record_of", "waits_since"]

SINCE: Final = "weir-waits-since"
"""Header of a label that waits for its message's verdict: when it first came (epoch ms)."""

Reason = Literal["unknown", "foreign", "forged", "gone", "untrusted"]

_COUNTED: Final = frozenset().union(*KINDS_OF.values())
_BARE: Final = KINDS_OF["content"]


class Taken(NamedTuple):
    """A label as `mail.labels` has it: with its offset and its append time (s).

    `since` is when it first came (s), where it was put behind others to wait for its message.
    """

    label: Label
    offset: int
    at: float
    since: float | None = None


class Found(NamedTuple):
    """The message that a label is of.

    `arrival` is the message as the log has it, None where it is gone or never was there. `incoming`
    is what the judge can prepare: the arrival's, or a bare message's. `verdict` is the recorded
    one, None where there is none any more. `record` is what earlier labels left; with it counts
    are taken back even where the message is gone. One of `incoming` and `record` is there.
    """

    id: str
    arrival: Arrival | None = None
    incoming: Incoming | None = None
    verdict: Verdict | None = None
    record: LabelRecord | None = None

    @property
    def bare(self) -> bool:
        """Whether it came with its label alone, and nobody knows who sent it."""
        return self.arrival is None and self.incoming is not None


class Unfound(NamedTuple):
    """Why a label's message isn't found, in a word and in a line.

    unknown: nothing is known of it; foreign: another tenant's; forged: a token that isn't ours;
    gone: no longer in the log; untrusted: a bare message from a source that may not teach by it.
    """

    reason: Reason
    detail: str


def waits_since(headers: Sequence[tuple[str, bytes | None]], at: float) -> float | None:
    """Return when a label first came (s), None where it wasn't put behind others.

    `at` is its append time (s): what a header says of a later one is no such time.
    """
    for name, value in headers:
        if name == SINCE and value is not None and value.isdigit() and len(value) <= 15:
            since = int(value) / 1000
            return since if since < at else None
    return None


def record_of(found: Found, evidence: Evidence, at: float) -> LabelRecord:
    """Return what is kept of a message, no label yet: it counts at its own time, as on arrival.

    Of a bare message only the content counts, for where it came from is anybody's word, at the
    time `at` (s) of its label.
    """
    kinds = _BARE if found.bare else _COUNTED
    entities = dict.fromkeys(increment.entity for increment in evidence.touches.increments)
    return LabelRecord(
        message=found.id,
        tenant=evidence.envelope.tenant,
        direction=evidence.envelope.direction,
        at=moment(found.arrival) if found.arrival else at,
        place=found.arrival.position if found.arrival else None,
        touched=tuple(
            [
                Touched(each.kind.name, each.key, each.label)
                for each in entities
                if each.kind.name in kinds
            ]
        ),
        facts=MessageFacts(
            proven=evidence.authentication.aligned is True and not found.bare,
            one_click=evidence.headers.one_click and evidence.headers.list_unsubscribe,
            outbound=evidence.envelope.direction == "outbound",
        ),
    )
