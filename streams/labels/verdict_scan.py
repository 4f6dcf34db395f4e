"""Which of the verdicts that a scan passes are looked for."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord  # type: ignore[import-untyped]  # no types

from detectors.record import decode
from detectors.verdict import Verdict
from features.envelope import LogPosition

__all__ = ["VerdictScan", "Wanted"]

_MOST: Final = 20_000  # verdicts that are looked through for one
_NEAR_MS: Final = 1_000  # further ahead, asking where a time begins costs less than reading on


class Wanted(NamedTuple):
    """A verdict on a message: the first since a time (epoch ms), or that on the one at `place`."""

    message: str
    since_ms: int
    place: LogPosition | None = None


class VerdictScan:
    """Looks for verdicts of one partition in scans from the earliest one's time on."""

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.found: dict[Wanted, Verdict] = {}
        self._left = sorted(dict.fromkeys(wanted), key=lambda each: each.since_ms)
        self._by_key: dict[bytes, list[Wanted]] = defaultdict(list)
        for each in self._left:
            self._by_key[each.message.encode()].append(each)
        self._looked = 0
        self._stopped = False

    @property
    def since_ms(self) -> int | None:
        """From which time on to scan; None where there is nothing left to look for."""
        return max(0, self._left[0].since_ms) if self._left else None

    def starts(self) -> None:
        """Take note that a scan starts at `since_ms`."""
        self._looked, self._stopped = 0, False

    def take(self, record: ConsumerRecord) -> int | None:
        """Look at a record, in order; return the next offset, None to end this scan."""
        self._looked += 1
        of_message = self._by_key.get(record.key)
        if of_message:
            self._match(record, of_message)
        if self._left and self._looked >= _MOST:
            del self._left[0]
        elif self._left and self._left[0].since_ms <= record.timestamp + _NEAR_MS:
            following: int = record.offset + 1
            return following
        self._stopped = True
        return None

    def ends(self) -> None:
        """Take note that a scan is over: what it met the end for isn't there."""
        if not self._stopped:
            self._left.clear()

    def _match(self, record: ConsumerRecord, of_message: list[Wanted]) -> None:
        verdict = _verdict(record.value)
        if verdict is None:
            return
        for each in list(of_message):
            if each.place is None:
                is_it = record.timestamp >= each.since_ms
            else:
                is_it = each.place == _place(verdict)
            if is_it:
                self.found[each] = verdict
                of_message.remove(each)
                first = self._left[0]
                self._left.remove(each)
                if each is first:
                    self._looked = 0


def _verdict(value: bytes | None) -> Verdict | None:
    try:
        return decode(value or b"")
    except (msgspec.MsgspecError, ValueError):
        return None


def _place(verdict: Verdict) -> LogPosition | None:
    log = verdict.log
    return None if log is None else LogPosition(log.epoch, log.partition, log.offset)
