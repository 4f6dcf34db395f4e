"""Verdicts of a time with what labels say of them: counts of all, and samples in full."""

import binascii
from base64 import b64decode
from bisect import bisect_right
from collections import Counter
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec
import numpy as np

from apps.quality.estimates import Cell, Drawn
from apps.quality.truths import Truths
from detectors.actions import MICRO, Action
from detectors.asking import Ask
from detectors.margins import logits_of
from features.vector import SCHEMA
from models.audit import EDGES
from models.drift import Alarm, Drift
from models.label import Place
from models.progress import VERDICT, Progress

__all__ = ["History", "Judged"]

_WINDOW: Final = 20_000  # labelled messages of a source
_DAY: Final = 86_400


class _Signal(msgspec.Struct):
    name: str
    inputs: dict[str, str | int | float | bool]
    reason: str = ""
    contribution: int = 0


class _Features(msgspec.Struct):
    schema: str
    f32: str


class _Shadow(msgspec.Struct):
    name: str
    logit: int


class _Verdict(msgspec.Struct):
    """What is read of a verdict; all else is passed over by the decoder."""

    id: str
    kind: str
    revision: int
    log: Place | None
    tenant: str
    direction: str
    from_domain: str
    action: Action
    score: float | None
    logit: int | None
    signals: tuple[_Signal, ...]
    features: _Features
    ask: Ask
    shadow_models: tuple[_Shadow, ...] = ()


class Judged(NamedTuple):
    """A message that was asked about: what an analyst needs to find and judge it."""

    id: str
    at: datetime
    tenant: str
    direction: str
    from_domain: str
    action: Action
    score: float
    reason: str
    cell: Cell
    chance: float
    abuse: bool | None
    logits: dict[str, float]


_DECODER: Final = msgspec.json.Decoder(_Verdict)


class History:
    """Counts of all verdicts by day, action and stratum; in full those asked about or labelled.

    Labels first: `truths` is complete before the first verdict is added. Memory grows with what
    was asked about and labelled, not with the mail.
    """

    def __init__(self, truths: Truths, *, stride: int = 1) -> None:
        self.truths = truths
        self.sizes: dict[int, Counter[Cell]] = {}
        self.asked: list[Judged] = []
        self.progress, self.drift = Progress(_WINDOW), Drift()
        self.alarms: list[Alarm] = []
        self.verdicts = self.without_logit = self.unreadable = 0
        self.first = self.last = 0.0
        self._stride = max(1, stride)
        self._known: set[str] = set()

    def add(self, value: bytes | None, at: float) -> None:
        """Take an encoded verdict, appended at a time (s); drift is read of every `stride`-th."""
        try:
            verdict = _DECODER.decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.unreadable += 1
            return
        if verdict.kind != "judged" or verdict.revision:
            return
        if verdict.logit is None:
            self.without_logit += 1
            return
        self.verdicts += 1
        self.first = min(self.first or at, at)
        self.last = max(self.last, at)
        logit = verdict.logit / MICRO
        cell = Cell(verdict.action, bisect_right(EDGES, logit))
        self.sizes.setdefault(int(at // _DAY), Counter())[cell] += 1
        if self.verdicts % self._stride == 0:
            self._watch(verdict, logit, at)
        truth = self.truths.of(verdict.id, verdict.log)
        if (truth is None and not verdict.ask.asked) or verdict.id in self._known:
            return
        self._known.add(verdict.id)
        if verdict.ask.asked:
            self.asked.append(self._judged(verdict, at, cell))
        if truth is not None:
            logits = _logits(verdict)
            self.progress.observe(verdict.id, logits, abuse=truth.abuse, source=truth.source)

    def drawn(self, days: range | None = None) -> list[Drawn]:
        """Return the messages asked about, of some days (since the epoch) or of all."""
        return [
            Drawn(one.cell, one.chance, one.abuse)
            for one in self.asked
            if days is None or int(one.at.timestamp() // _DAY) in days
        ]

    def all_sizes(self) -> Counter[Cell]:
        """Return how many messages each cell held in all."""
        total: Counter[Cell] = Counter()
        for counted in self.sizes.values():
            total += counted
        return total

    def _judged(self, verdict: _Verdict, at: float, cell: Cell) -> Judged:
        against = max(verdict.signals, key=lambda signal: signal.contribution, default=None)
        return Judged(
            verdict.id,
            datetime.fromtimestamp(at, UTC),
            verdict.tenant,
            verdict.direction,
            verdict.from_domain,
            verdict.action,
            verdict.score or 0.0,
            against.reason if against and against.contribution > 0 else "",
            cell,
            verdict.ask.p,
            self.truths.asked(verdict.id, verdict.log),
            _logits(verdict),
        )

    def _watch(self, verdict: _Verdict, logit: float, at: float) -> None:
        if verdict.features.schema != SCHEMA.digest:
            return
        try:
            vector = np.frombuffer(b64decode(verdict.features.f32), "<f4")
        except (binascii.Error, ValueError):
            return
        if len(vector) == len(SCHEMA.names):
            self.alarms += self.drift.watch(logit, vector, at)


def _logits(verdict: _Verdict) -> dict[str, float]:
    """Return the logits of the whole, of each model, and of the whole as each shadow would have it.

    Only for a verdict that has a logit.
    """
    return {
        VERDICT: (verdict.logit or 0) / MICRO,
        **logits_of(verdict.signals),
        **{f"shadow:{shadow.name}": shadow.logit / MICRO for shadow in verdict.shadow_models},
    }
