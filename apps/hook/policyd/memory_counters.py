"""Counters in this process: of an embedded installation, lost when it stops."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from apps.hook.policyd.counters import (
    INSTANCE_SECONDS,
    KNOWN_SECONDS,
    MOST_ITEMS,
    PARTS,
    Occasion,
    Tally,
)

__all__ = ["MemoryCounters"]

_MOST: Final = 100_000


@dataclass(slots=True)
class _Entry:
    """Whatever one key holds: numbers by part of the window, or times by item."""

    expires: float = 0.0
    parts: dict[int, int] = field(default_factory=dict)
    items: OrderedDict[bytes, float] = field(default_factory=OrderedDict)


class MemoryCounters:
    """Counters over two dictionaries; beyond `most` keys in one those unused for longest go.

    What others than our users have counted is kept apart: whoever sends bounces to a hundred
    thousand addresses of ours mustn't have our users' counters begin anew.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._others: OrderedDict[str, _Entry] = OrderedDict()

    async def count(self, occasion: Occasion, tallies: Sequence[Tally]) -> tuple[int, ...]:
        """Count: see Counters; never raises."""
        now = occasion.at
        comes_in = all(tally.kind == "bounced" for tally in tallies)
        home = self._others if comes_in else self._entries
        seen = self._entry(home, f"i:{occasion.instance}", now, INSTANCE_SECONDS)
        if occasion.recipient:
            fresh = 0 if occasion.recipient in seen.items else 1
        else:
            fresh = max(0, occasion.recipients - len(seen.items) - seen.parts.get(1, 0))
        first = not seen.parts.get(0)
        adding: list[Callable[[], None]] = []
        over = []
        refused = False
        for at, tally in enumerate(tallies):
            exceeds, add = self._asked(tally, occasion, fresh, first=first)
            adding.append(add)
            if exceeds:
                over.append(at)
                refused = refused or tally.refuses
        if not refused:
            for add in adding:
                add()
            seen.parts[0] = 1
            if occasion.recipient:
                seen.items[occasion.recipient] = now
            else:
                seen.parts[1] = seen.parts.get(1, 0) + fresh
        return tuple(over)

    def _asked(
        self, tally: Tally, occasion: Occasion, fresh: int, *, first: bool
    ) -> tuple[bool, Callable[[], None]]:
        """Return whether a tally is exceeded, and what adds to it."""
        now, window = occasion.at, tally.window
        home = self._others if tally.kind in {"bounced", "bounces"} else self._entries
        entry = self._entry(home, tally.key, now, window * (1 + 1 / PARTS))
        if tally.kind == "networks":
            known = [at for at in entry.items.values() if at > now - window]
            new = entry.items.get(tally.item, 0.0) <= now - window
            exceeds = first and len(known) + new > tally.over
            return exceeds, lambda: _note(entry, tally.item, now)
        held = _sum(entry, now, window)
        if tally.kind == "bounces":
            sent = self._entry(self._entries, tally.beside, now, window * (1 + 1 / PARTS))
            exceeds = first and min(held, _sum(sent, now, window)) > tally.over
            return exceeds, lambda: _add(sent, now, window, fresh)
        if tally.kind == "new_recipients":
            known_to = self._entry(self._entries, tally.beside, now, KNOWN_SECONDS)
            strange = known_to.items.get(occasion.recipient, 0.0) <= now - KNOWN_SECONDS
            more = int(bool(occasion.recipient) and fresh > 0 and strange)

            def add() -> None:
                _add(entry, now, window, more)
                if occasion.recipient:
                    _note(known_to, occasion.recipient, now)

            return bool(more) and held + more > tally.over, add
        more = int(first) if tally.kind == "messages" else fresh
        exceeds = tally.kind != "bounced" and more > 0 and held + more > tally.over
        return exceeds, lambda: _add(entry, now, window, more)

    def _entry(
        self, home: OrderedDict[str, _Entry], key: str, now: float, seconds: float
    ) -> _Entry:
        entry = home.get(key)
        if entry is None or entry.expires <= now:
            entry = home[key] = _Entry()
        entry.expires = now + seconds
        home.move_to_end(key)
        if len(home) > self._most:
            home.popitem(last=False)
        return entry

    def __len__(self) -> int:
        """Return how many keys are held."""
        return len(self._entries) + len(self._others)

    async def close(self) -> None:
        """Do nothing."""


def _part(now: float, window: float) -> int:
    return int(now * PARTS // window)


def _sum(entry: _Entry, now: float, window: float) -> int:
    oldest = _part(now, window) - PARTS
    return sum(number for part, number in entry.parts.items() if part >= oldest)


def _add(entry: _Entry, now: float, window: float, more: int) -> None:
    if not more:
        return
    part = _part(now, window)
    entry.parts[part] = entry.parts.get(part, 0) + more
    for old in [known for known in entry.parts if known < part - PARTS]:
        del entry.parts[old]


def _note(entry: _Entry, item: bytes, now: float) -> None:
    entry.items[item] = now
    entry.items.move_to_end(item)
    if len(entry.items) > MOST_ITEMS:
        entry.items.popitem(last=False)
