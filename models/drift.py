"""Drift of the score and of what is read from mail: has the stream changed, and by how much?

Each number has an ADWIN of River's (Bifet and Gavaldà, "Learning from time-changing data with
adaptive windowing", 2007): it keeps a window as long as its mean is steady, and drops the old part
when two parts of it differ by more than chance allows. Of River's detectors it was the one with the
fewest false alarms for its delay, at 0.4 us a number (docs/quality.md). That a mean differs isn't
yet worth a call: an alarm needs a move of `LEAST` deviations against the mean of weeks.
"""

from collections.abc import Sequence
from math import isfinite, sqrt
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN

from features.columns.sender_columns import COLUMNS
from features.vector import SCHEMA
from models.manifest import ArtifactError

__all__ = ["LEAST", "NUMBERS", "Alarm", "Drift", "Standing"]

_FEATURES: Final = (
    *("message.bytes", "content.html", "content.non_ascii", "links.foreign"),
    *("header.list_id", "subject.reply", "attachments.count", "authentication.proven"),
)
NUMBERS: Final = ("logit", "missing", *_FEATURES)
"""What is watched: the verdict's logit, the share of message features that are missing (an
upstream that stopped to check SPF shows there), and features that tell mixes of mail apart."""
LEAST: Final = 0.2
"""Deviations by which a mean must have moved: a daily rhythm stays below it, a new campaign that
is a tenth of all mail doesn't."""

_PLACES: Final = np.array([SCHEMA.names.index(name) for name in _FEATURES], dtype=np.intp)
_OF_MESSAGE: Final = len(SCHEMA.names) - len(COLUMNS)
_CLIP: Final = 8.0  # logits: beyond, a verdict is sure, and by how much says nothing
_DELTA: Final = 1e-4  # chance of a false cut, as ADWIN means it
_FEWEST: Final = 500  # messages before a mean is one to compare with
_SETTLED: Final = 300  # messages after a cut, of which the new mean is taken: ADWIN's is of both
_MEMORY: Final = 50_000.0  # messages that the compared mean remembers
_ALARMS: Final = 50
_SCHEMA_VERSION: Final = 1


class Alarm(msgspec.Struct, frozen=True, array_like=True):
    """A number that moved: its means before and after, the move in deviations, when (s)."""

    name: str
    before: float
    after: float
    deviations: float
    at: float


class Standing(NamedTuple):
    """Where a number stands: its recent mean over `width` messages, and its mean of weeks."""

    name: str
    recent: float
    width: int
    usual: float
    deviation: float


class _Usual(msgspec.Struct, array_like=True):
    weight: float = 0.0
    mean: float = 0.0
    square: float = 0.0

    def add(self, value: float) -> None:
        self.weight = min(self.weight + 1.0, _MEMORY)
        off = value - self.mean
        self.mean += off / self.weight
        self.square += (off * (value - self.mean) - self.square) / self.weight

    @property
    def deviation(self) -> float:
        return sqrt(max(0.0, self.square))


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    usual: dict[str, _Usual]
    alarms: list[Alarm]


class Drift:
    """Watches verdicts as they come. Some kilobytes; 15 us a verdict.

    Means and alarms are kept (`to_bytes`); ADWIN's windows aren't, and grow anew after a restart.
    """

    def __init__(self) -> None:
        self._usual = {name: _Usual() for name in NUMBERS}
        self._recent: dict[str, Any] = {name: _adwin() for name in NUMBERS}
        self._fresh: dict[str, _Usual] = {}
        self._alarms: list[Alarm] = []

    def watch(self, logit: float, vector: NDArray[np.float32], at: float) -> list[Alarm]:
        """Take in a verdict: its logit, its vector as recorded, its time; return what it set off.

        A number that is missing in the vector is passed over.
        """
        missing = float(np.isnan(vector[:_OF_MESSAGE]).mean())
        held = min(max(logit, -_CLIP), _CLIP)
        values = (held, missing, *map(float, vector[_PLACES]))
        taken = [
            self._take(name, value, at)
            for name, value in zip(NUMBERS, values, strict=True)
            if isfinite(value)
        ]
        raised = [alarm for alarm in taken if alarm]
        self._alarms = (self._alarms + raised)[-_ALARMS:]
        return raised

    def alarms(self) -> Sequence[Alarm]:
        """Return the last alarms, oldest first, at most 50."""
        return tuple(self._alarms)

    def standings(self) -> list[Standing]:
        """Return where each number stands, in the order of NUMBERS, without those never seen."""
        found = []
        for name in NUMBERS:
            usual, recent = self._usual[name], self._recent[name]
            if usual.weight:
                width = int(recent.width)
                mean = float(recent.estimation) if width else usual.mean
                found.append(Standing(name, mean, width, usual.mean, usual.deviation))
        return found

    def to_bytes(self) -> bytes:
        """Return means and alarms as MessagePack."""
        return msgspec.msgpack.encode(_Kept(_SCHEMA_VERSION, self._usual, self._alarms))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Drift":
        """Read them back; raises ArtifactError, one line, where it isn't what `to_bytes` wrote."""
        try:
            kept = msgspec.msgpack.decode(data, type=_Kept)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ArtifactError(f"drift: {error}") from None
        if kept.schema != _SCHEMA_VERSION:
            raise ArtifactError(f"drift: schema {kept.schema}, {_SCHEMA_VERSION} wanted")
        drift = cls()
        drift._usual |= {name: usual for name, usual in kept.usual.items() if name in NUMBERS}
        drift._alarms = kept.alarms
        return drift

    def _take(self, name: str, value: float, at: float) -> Alarm | None:
        usual, recent, fresh = self._usual[name], self._recent[name], self._fresh.get(name)
        recent.update(value)
        if fresh is None and recent.drift_detected and usual.weight >= _FEWEST:
            fresh = self._fresh[name] = _Usual()
        if fresh is None:
            usual.add(value)
            return None
        fresh.add(value)
        if fresh.weight < _SETTLED:
            return None
        del self._fresh[name]
        # A number that never varied has no deviation: any move of it is one.
        moved = (fresh.mean - usual.mean) / (usual.deviation or 1e-9)
        if abs(moved) < LEAST:
            return None
        alarm = Alarm(name, usual.mean, fresh.mean, min(max(moved, -99.0), 99.0), at)
        # What is usual from now on is what is: the same change isn't told twice.
        usual.mean, usual.weight = fresh.mean, float(_FEWEST)
        return alarm


def _adwin() -> Any:
    return ADWIN(delta=_DELTA)  # type: ignore[no-untyped-call]  # River's has no types
