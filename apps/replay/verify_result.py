"""What a verification found, as a value that parts of a run add up to and that is kept as JSON."""

from typing import Final

import msgspec

from apps.replay.difference import Difference
from apps.replay.digest import RunDigest
from apps.replay.verifying import Checked
from apps.subscriber.recorded import Recorded

__all__ = ["Found", "VerifyResult"]

_EXAMPLES: Final = 20
_KINDS: Final = 100  # of reasons and fields that are told apart; the rest goes under one name
_OTHERS: Final = "(others)"


class Found(msgspec.Struct, frozen=True):
    """A verdict that came out otherwise, and where."""

    event: str
    way: str
    differences: tuple[Difference, ...]


class VerifyResult(msgspec.Struct):
    """Counts of verdicts, and the first of those that differ.

    `raw` and `vector` were judged again and compared, from the mail or from vector and basis; of
    them `differing_raw` and `differing_vector` came out otherwise. `other_engine` of the compared
    were made by another release or installation: action and logit (within 1e-3) count there.
    `fallback` are a hook's own, which no worker judged. `untold` couldn't be judged again, by
    `reasons`; `unread` is what the source couldn't give. `fields` counts verdicts by field that
    differs. `digest` is that of the verdicts as judged now, `recorded` that of the same as they
    were recorded (RunDigest): equal where nothing differs.
    """

    raw: int = 0
    vector: int = 0
    differing_raw: int = 0
    differing_vector: int = 0
    other_engine: int = 0
    fallback: int = 0
    untold: int = 0
    reasons: dict[str, int] = {}
    unread: dict[str, int] = {}
    fields: dict[str, int] = {}
    examples: list[Found] = []
    digest: str = RunDigest().hex
    recorded: str = RunDigest().hex

    @property
    def verdicts(self) -> int:
        """How many verdicts were read."""
        return self.raw + self.vector + self.fallback + self.untold

    @property
    def differing(self) -> int:
        """How many came out otherwise."""
        return self.differing_raw + self.differing_vector

    def add(self, recorded: Recorded, checked: Checked) -> None:
        """Add what came of one verdict."""
        if checked.way == "none":
            if checked.reason == "fallback":
                self.fallback += 1
            else:
                self.untold += 1
                _count(self.reasons, checked.reason)
            return
        raw = checked.way == "raw"
        self.raw, self.vector = self.raw + raw, self.vector + (not raw)
        self.other_engine += checked.other_engine
        for name, value in (("digest", checked.value), ("recorded", recorded.value)):
            total = RunDigest(getattr(self, name))
            total.add(recorded.event, value)
            setattr(self, name, total.hex)
        for field in dict.fromkeys(each.field for each in checked.differences):
            _count(self.fields, field)
        if checked.agrees:
            return
        self.differing_raw += raw
        self.differing_vector += not raw
        if len(self.examples) < _EXAMPLES:
            self.examples.append(Found(checked.event, checked.way, checked.differences))

    def miss(self, reason: str) -> None:
        """Add something that the source couldn't give."""
        _count(self.unread, reason)

    def merge(self, other: "VerifyResult") -> None:
        """Add what another part of the run found."""
        for name in (
            "raw",
            "vector",
            "differing_raw",
            "differing_vector",
            "other_engine",
            "fallback",
            "untold",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("reasons", "unread", "fields"):
            for key, number in getattr(other, name).items():
                _count(getattr(self, name), key, number)
        self.examples = [*self.examples, *other.examples][:_EXAMPLES]
        for name in ("digest", "recorded"):
            total = RunDigest(getattr(self, name))
            total.merge(RunDigest(getattr(other, name)))
            setattr(self, name, total.hex)


def _count(counts: dict[str, int], key: str, number: int = 1) -> None:
    """Count under a key; a hostile record must not make this grow without end."""
    if key not in counts and len(counts) >= _KINDS:
        key = _OTHERS
    counts[key] = counts.get(key, 0) + number
