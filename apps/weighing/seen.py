"""What a message showed the detectors and the models, kept small: names and strengths."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from apps.received import content_id
from apps.weighing.mail import ABUSE, Piece
from detectors.actions import Action
from detectors.judging import Judge
from detectors.signals import Finding
from features.envelope import Incoming
from features.evidence import Evidence
from features.history import UNKNOWN
from features.trace import envelope_of_file
from models.classifier import Prediction
from streams.sandbox.sandbox import Sandbox

__all__ = ["Seen", "look"]

_BATCH = 32
_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)  # for mail without a Received that tells its time


@dataclass(frozen=True, slots=True)
class Seen:
    """A message by its source, pool and unit (apps.weighing.mail), without its bytes.

    `action` is what policy and weights in force do with it.
    """

    source: str
    unit: str
    pool: str
    findings: tuple[Finding, ...]
    predictions: tuple[Prediction, ...]
    action: Action

    @property
    def legitimate(self) -> bool:
        """Whether it counts for the weights."""
        return self.unit != ABUSE


def look(
    judge: Judge, sandbox: Sandbox, pieces: Iterable[Piece]
) -> Iterator[tuple[Piece, Seen | None, Evidence | None]]:
    """Judge messages as if their senders were unknown; no Seen for one that broke the pipeline.

    Attachments are opened in the sandbox as a worker opens them.
    """
    pieces = iter(pieces)
    while batch := list(islice(pieces, _BATCH)):
        messages = [_incoming(piece.raw, judge) for piece in batch]
        prepared = sandbox.open_all(judge.prepare(messages))
        found = judge.conclude(prepared, [UNKNOWN] * len(batch))
        for piece, judged in zip(batch, found, strict=True):
            if judged.error is not None:
                yield piece, None, None
                continue
            fired = tuple(replace(f, reason="", inputs={}) for f in judged.findings)
            seen = Seen(
                piece.source,
                piece.unit,
                piece.pool,
                fired,
                judged.predictions,
                judged.verdict.action,
            )
            yield piece, seen, judged.evidence


def _incoming(raw: bytes, judge: Judge) -> Incoming:
    return Incoming(envelope_of_file(raw, content_id(raw), _UNDATED, judge.context.limits), raw)
