"""Windows as arithmetic: what is kept of an entity, how an increment changes it, what it reads.

A record holds times, totals, exponentially decayed counts and distinct counts of one entity. An
increment folds into it, and the order of increments doesn't matter: one that comes late decays by
its own age, so that a partition read again, or two read in another order, give the same record.
Distinct counts are HyperLogLog sketches (Flajolet et al., 2007) of one byte a register, one for the
current day and one for the day before. `streams.stores` runs the same arithmetic in Redis by a
script that is generated from KINDS; tests/streams/stores hold the two to each other.
"""

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

__all__ = [
    "DAY",
    "HALF_LIVES",
    "KINDS",
    "LAYOUT_VERSION",
    "REGISTERS",
    "SIGHTING_BYTES",
    "Counter",
    "Entity",
    "Increment",
    "Kind",
    "Reading",
    "counted",
    "decode",
    "distinct_item",
    "fold",
    "mark",
    "read_sighting",
    "sighting",
]

LAYOUT_VERSION: Final = 1
"""Raised when a kind's fields change: it is part of every key, so that no old record is misread."""

DAY: Final = 86_400.0
HALF_LIVES: Final[Mapping[str, float]] = MappingProxyType(
    {"1m": 60.0, "10m": 600.0, "1h": 3_600.0, "1d": DAY, "7d": 7 * DAY}
)
"""Names of half-lives, in seconds."""
REGISTERS: Final = 32  # relative standard error 1.04 / sqrt(32), 18 %
SIGHTING_BYTES: Final = 30  # what one small allocation of Redis holds beside its own header
_ITEM: Final = 3
_SKETCH_CODE: Final = 128  # item codes from here on are sketches
_ALPHA: Final = 0.697  # of 32 registers (Flajolet et al., 2007, figure 3)
_MOST: Final = 32_767
_AMOUNT: Final = struct.Struct(">h")


@dataclass(frozen=True, slots=True)
class Counter:
    """A total, exact up to 2^53, and the same count decayed with some half-lives."""

    name: str
    half_lives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)  # there is one of each: entities are keys of dicts
class Kind:
    """What is kept of one kind of entity; a kind keeps only what its features read.

    `code` is one character of the key. `by_tenant` tells that its entities are one tenant's own.
    `tagged` records hold a short text beside their numbers, that of the newest tagged increment.
    `days` is how long an entity is kept after it was last seen.
    """

    name: str
    code: str
    counters: tuple[Counter, ...]
    sketches: tuple[str, ...] = ()
    by_tenant: bool = False
    tagged: bool = False
    days: int = 180
    doubles: int = field(init=False)  # first, last, previous, then each counter's, then the day
    places: Mapping[tuple[str, str], int] = field(init=False)  # (counter, half-life or "")
    size: int = field(init=False)  # bytes of a full record without its tag
    layout: struct.Struct = field(init=False)  # of the numbers
    totals: tuple[int, ...] = field(init=False)  # places of the totals, by item code
    decaying: tuple[tuple[tuple[int, float], ...], ...] = field(init=False)  # places, half-lives
    by_half_life: tuple[tuple[float, tuple[int, ...]], ...] = field(init=False)  # the same
    codes: Mapping[str, int] = field(init=False)  # item codes by counter
    sketch_codes: Mapping[str, int] = field(init=False)  # a sketch may share a counter's name

    def __post_init__(self) -> None:
        """Number the fields."""
        places: dict[tuple[str, str], int] = {}
        for counter in self.counters:
            for part in ("", *counter.half_lives):
                places[counter.name, part] = 3 + len(places)
        codes = {counter.name: code for code, counter in enumerate(self.counters)}
        sketch_codes = {name: _SKETCH_CODE + at for at, name in enumerate(self.sketches)}
        doubles = 3 + len(places) + bool(self.sketches)
        decaying = tuple(
            tuple((places[counter.name, part], HALF_LIVES[part]) for part in counter.half_lives)
            for counter in self.counters
        )
        by_half_life: dict[float, tuple[int, ...]] = {}
        for place, life in chain.from_iterable(decaying):
            by_half_life[life] = (*by_half_life.get(life, ()), place)
        object.__setattr__(self, "doubles", doubles)
        object.__setattr__(self, "places", MappingProxyType(places))
        object.__setattr__(self, "size", 8 * doubles + 2 * REGISTERS * len(self.sketches))
        object.__setattr__(self, "layout", struct.Struct(f"<{doubles}d"))
        object.__setattr__(self, "totals", tuple(places[it.name, ""] for it in self.counters))
        object.__setattr__(self, "decaying", decaying)
        object.__setattr__(self, "by_half_life", tuple(by_half_life.items()))
        object.__setattr__(self, "codes", MappingProxyType(codes))
        object.__setattr__(self, "sketch_codes", MappingProxyType(sketch_codes))


_LABELS = (Counter("spam"), Counter("ham"))
_BAD, _INBOX = Counter("bad", ("7d",)), Counter("inbox", ("7d",))

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind(
                "domain",
                "d",
                (
                    Counter("messages", ("10m", "1h", "1d", "7d")),
                    Counter("recipients"),
                    Counter("first_contacts", ("1d",)),
                    _INBOX,
                    _BAD,
                    *_LABELS,
                ),
                ("recipients", "networks", "contents"),
            ),
            Kind("address", "a", (Counter("messages", ("7d",)), _BAD, *_LABELS)),
            Kind(
                "ip",
                "i",
                (Counter("messages", ("1h", "1d")), Counter("bad", ("1d",)), *_LABELS),
                ("domains",),
                days=60,
            ),
            Kind(
                "network",
                "n",
                (Counter("messages", ("7d",)), _INBOX, _BAD, *_LABELS),
                ("domains",),
            ),
            Kind("route", "r", (Counter("messages"),)),
            Kind("helo", "h", (Counter("messages"),), days=60),
            Kind(
                "account",
                "u",
                (
                    Counter("messages", ("10m", "1h", "1d", "7d")),
                    Counter("recipients"),
                    Counter("first_contacts", ("1d",)),
                    Counter("bounces", ("1d",)),
                    _BAD,
                    *_LABELS,
                ),
                ("recipients", "networks", "contents"),
                by_tenant=True,
            ),
            Kind("link", "l", (Counter("messages", ("1d",)), *_LABELS), ("senders",)),
            Kind("attachment", "t", (Counter("messages", ("1d",)), *_LABELS), days=30),
            Kind(
                "content",
                "c",
                (Counter("messages", ("1h",)), *_LABELS),
                ("recipients", "senders"),
                days=30,
            ),
            Kind("signature", "g", (Counter("messages"),), ("recipients",), days=30),
            Kind("pair", "p", (Counter("received"), Counter("sent"), *_LABELS), by_tenant=True),
            Kind("name", "m", (Counter("sent"),), by_tenant=True, tagged=True),
            Kind("likeness", "k", (Counter("sent"),), by_tenant=True, tagged=True),
        )
    }
)
"""Every kind of entity by name."""


class Entity(NamedTuple):
    """Something that a feature is about: a kind of KINDS, and its name within the kind and scope.

    `label` is how `weir state inspect` takes it ("dkim:example.org"), with no personal address in
    clear; `key` is 12 bytes of a keyed hash of kind, scope and name.
    """

    kind: Kind
    key: bytes
    label: str = ""


class Increment(NamedTuple):
    """What a message adds to an entity: 3-byte items (`counted`, `distinct_item`), joined.

    No items: the entity is read, and neither made nor changed. `tag` is kept by tagged kinds.
    """

    entity: Entity
    items: bytes = b""
    tag: bytes = b""


def counted(kind: Kind, counter: str, amount: int = 1) -> bytes:
    """Return the item that adds `amount` in [-32768, 32767] (cut to it) to a counter."""
    held = max(-_MOST - 1, min(_MOST, amount))
    return struct.pack(">Bh", kind.codes[counter], held)


def distinct_item(kind: Kind, sketch: str, element: bytes) -> bytes:
    """Return the item that adds an element (any bytes) to a sketch of distinct elements."""
    return bytes((kind.sketch_codes[sketch],)) + mark(element)


def mark(element: bytes) -> bytes:
    """Return what a sketch keeps of an element, 2 bytes: its register and its rank."""
    digest = int.from_bytes(hashlib.blake2b(element, digest_size=8).digest(), "big")
    register, rest = digest % REGISTERS, digest // REGISTERS
    rank = 60 - rest.bit_length()  # leading zeros of 59 bits, and one
    return bytes((register, rank))


def sighting(at: float, items: bytes) -> bytes | None:
    """Return the small record of an entity seen once, None where it doesn't fit one."""
    small = struct.pack("<d", at) + items
    return small if len(small) <= SIGHTING_BYTES else None


def read_sighting(small: bytes) -> tuple[float, bytes]:
    """Return time and items of a small record."""
    return struct.unpack_from("<d", small)[0], small[8:]


def fold(
    kind: Kind, record: bytes | None, at: float, items: bytes, tag: bytes = b"", *, arrival: bool
) -> bytes:
    """Return a full record after an increment at time `at` (seconds); None makes a new one.

    Times of sight change only with an `arrival`: what is known of a message later, its outcome
    or its label, is no new sight of the entity. Both come at the message's own time.
    """
    numbers, sketches, old_tag = _unpack(kind, record, at)
    newest = numbers[1]
    if at > newest:
        _decay(kind, numbers, at - newest)
    behind = max(0.0, newest - at)
    if tag and (not old_tag or at > newest or (at == newest and tag > old_tag)):
        old_tag = tag
    if arrival and record is not None:
        numbers[0] = min(numbers[0], at)
        numbers[2] = max(numbers[2], min(at, newest))
    numbers[1] = max(newest, at)
    day = math.floor(at / DAY)
    if kind.sketches:
        _rotate(numbers, sketches, day)
    for start in range(0, len(items), _ITEM):
        code = items[start]
        if code < _SKETCH_CODE:
            (amount,) = _AMOUNT.unpack_from(items, start + 1)
            _count(kind, numbers, code, amount, behind)
        else:
            at_sketch, register, rank = code - _SKETCH_CODE, items[start + 1], items[start + 2]
            _sketch(numbers, sketches, at_sketch, register, rank, day)
    return kind.layout.pack(*numbers) + sketches + old_tag


def _unpack(kind: Kind, record: bytes | None, at: float) -> tuple[list[float], bytearray, bytes]:
    if record is None:
        numbers = [0.0] * kind.doubles
        numbers[0] = numbers[1] = at
        numbers[2] = -math.inf
        if kind.sketches:
            numbers[-1] = math.floor(at / DAY)
        return numbers, bytearray(2 * REGISTERS * len(kind.sketches)), b""
    numbers = list(kind.layout.unpack_from(record))
    return numbers, bytearray(record[8 * kind.doubles : kind.size]), record[kind.size :]


def _decay(kind: Kind, numbers: list[float], seconds: float) -> None:
    for life, places in kind.by_half_life:
        factor = 2.0 ** (-seconds / life)
        for place in places:
            numbers[place] *= factor


def _count(kind: Kind, numbers: list[float], code: int, amount: int, behind: float) -> None:
    numbers[kind.totals[code]] += amount
    for place, life in kind.decaying[code]:
        numbers[place] += amount * 2.0 ** (-behind / life)


def _rotate(numbers: list[float], sketches: bytearray, day: int) -> None:
    """Make `day` the current one if it is newer: sketches are (current, previous) pairs."""
    gone = day - int(numbers[-1])
    if gone <= 0:
        return
    numbers[-1] = day
    for start in range(0, len(sketches), 2 * REGISTERS):
        middle, end = start + REGISTERS, start + 2 * REGISTERS
        sketches[middle:end] = sketches[start:middle] if gone == 1 else bytes(REGISTERS)
        sketches[start:middle] = bytes(REGISTERS)


def _sketch(
    numbers: Sequence[float], sketches: bytearray, at: int, register: int, rank: int, day: int
) -> None:
    behind = int(numbers[-1]) - day
    if behind > 1:
        return
    place = (2 * at + behind) * REGISTERS + register
    sketches[place] = max(sketches[place], rank)


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a record says at a moment: after the message's own increment, at max(its time, last).

    `first`, `last` and `previous` (the sight before the last; -inf if there was none) in seconds.
    """

    kind: Kind
    first: float
    last: float
    previous: float
    numbers: tuple[float, ...]
    sketches: bytes
    tag: bytes

    def total(self, counter: str) -> float:
        """Return a counter's total."""
        return self.numbers[self.kind.places[counter, ""]]

    def decayed(self, counter: str, half_life: str) -> float:
        """Return a counter's decayed count."""
        return self.numbers[self.kind.places[counter, half_life]]

    def distinct(self, sketch: str) -> float:
        """Return the estimated number of distinct elements of this day and the one before."""
        start = 2 * REGISTERS * self.kind.sketches.index(sketch)
        return _estimate(self.sketches[start : start + 2 * REGISTERS])


def decode(kind: Kind, record: bytes, at: float) -> Reading:
    """Return a full record's reading at time `at` (seconds), or at its last sight if later."""
    numbers, sketches, tag = _unpack(kind, record, at)
    last = numbers[1]
    if at > last:
        _decay(kind, numbers, at - last)
        if kind.sketches:
            _rotate(numbers, sketches, math.floor(at / DAY))
    return Reading(kind, numbers[0], last, numbers[2], tuple(numbers), bytes(sketches), tag)


_POWERS: Final = tuple(2.0**-rank for rank in range(256))
_LINEAR: Final = tuple(
    REGISTERS * math.log(REGISTERS / empty) if empty else math.inf for empty in range(REGISTERS + 1)
)
# With more empty registers the raw estimate can't exceed the bound of linear counting.
_SURELY_FEW: Final = math.ceil(_ALPHA * REGISTERS / 2.5)


def _estimate(registers: bytes) -> float:
    """Estimate from two sketches of the same elements' space; linear counting where few."""
    now, before = registers[:REGISTERS], registers[REGISTERS:]
    either = int.from_bytes(now, "big") | int.from_bytes(before, "big")
    empty = either.to_bytes(REGISTERS, "big").count(0)
    if empty >= _SURELY_FEW:
        return _LINEAR[empty]
    powers = [_POWERS[rank] for rank in map(max, now, before)]
    estimate = _ALPHA * REGISTERS * REGISTERS / sum(powers)
    return _LINEAR[empty] if estimate <= 2.5 * REGISTERS and empty else estimate
