"""What the readings of a message's entities say of its sender: the vector's sender part."""

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from features.columns.sender_columns import COLUMNS
from features.envelope import Direction
from features.history import History
from features.reported import Report, Reported, kept
from features.rolling import DAY, KINDS, Kind, Reading
from features.touches import Touches

__all__ = ["read_history"]

_PLACES: Final = MappingProxyType({column.name: at for at, column in enumerate(COLUMNS)})
_KNOWN: Final = _PLACES["pair.known"]
_NAN: Final = float("nan")
_DAYS_OF_SKETCHES = "1d"
_REPORTS = 512  # of a message: its verdict carries them
_SILENT = 4 * DAY  # without outbound mail, after which nobody feeds it any more: a long weekend


class _Plan(NamedTuple):
    """Where one entity's numbers go: places of the columns, by how they are read."""

    age: int | None
    idle: int | None
    counts: tuple[tuple[int, int], ...]  # place of the column, place of the count in the record
    sketches: tuple[tuple[int, str], ...]


def _plan(group: str, kind: Kind) -> _Plan:
    """Read the columns' names: group.counter, group.counter_halflife or group.sketch_1d."""
    counts: list[tuple[int, int]] = []
    sketches: list[tuple[int, str]] = []
    for column, place in _PLACES.items():
        of, _, what = column.partition(".")
        if of != group:
            continue
        name, _, window = what.rpartition("_")
        if (what, "") in kind.places:
            counts.append((place, kind.places[what, ""]))
        elif (name, window) in kind.places:
            counts.append((place, kind.places[name, window]))
        elif name in kind.sketches and window == _DAYS_OF_SKETCHES:
            sketches.append((place, name))
    return _Plan(
        _PLACES.get(f"{group}.age"), _PLACES.get(f"{group}.idle"), tuple(counts), tuple(sketches)
    )


# Entities of which a message has one, or whose strongest reading stands for all.
_PLANS: Final[Mapping[str, _Plan]] = MappingProxyType(
    {
        kind: _plan("sender" if kind in ("domain", "account") else kind, KINDS[kind])
        for kind in (
            "domain", "account", "address", "ip", "network", "route", "helo", "content",
            "signature",
        )
    }
)  # fmt: skip


def read_history(
    touches: Touches,
    readings: Sequence[Reading | None],
    directions: Sequence[Direction | None],
    at: float,
    reports: Sequence[Sequence[Report]] = (),
) -> History:
    """Return the sender part of the vector, float32 of shape (60,), at time `at` (seconds).

    `readings` are those of `touches.increments`, in their order, None for an entity that the state
    doesn't know; `directions` are those of the messages that `touches.mentions` name, None where
    the state knows none. What has no entity or no reading is NaN. `reports` are those that stand of
    the entities, in the order of the increments; none at all where nobody asked. ValueError where
    readings or reports are more or fewer than the increments.
    """
    found, watched, watched_outbound = _by_kind(touches, readings, at)
    asked = frozenset([increment.entity.kind.name for increment in touches.increments])
    numbers = [_NAN] * len(_PLACES)
    for kind, plan in _PLANS.items():
        if kind in found:
            _read_one(numbers, plan, max(found[kind], key=_messages), at)
    if touches.proven is not None:
        numbers[_PLACES["sender.proven"]] = float(touches.proven)
    if "link" in found:
        _read_links(numbers, found["link"], at)
    if "attachment" in found:
        worst = max(reading.total("spam") for reading in found["attachment"])
        numbers[_PLACES["attachments.spam"]] = worst
    pairs = found.get("pair", [])
    if pairs:
        _read_pairs(numbers, pairs, touches.direction, at)
    numbers[_PLACES["thread.answers"]] = float("outbound" in directions)
    correspondent, colleague = "", False
    if touches.direction == "inbound":
        colleague = _is_colleagues(found.get("name", ())) and not numbers[_KNOWN] > 0
        correspondent = _read_correspondents(numbers, touches, asked, found)
    return History(
        np.array(numbers, dtype=np.float32),
        correspondent,
        watched,
        colleague,
        watched_outbound,
        _reported(touches, readings, reports, at) if reports else (),
    )


def _reported(
    touches: Touches,
    readings: Sequence[Reading | None],
    reports: Sequence[Sequence[Report]],
    at: float,
) -> tuple[Reported, ...]:
    """Return the entities of which reports stand, with how common they are."""
    found = []
    if sum(map(len, reports)) > _REPORTS:
        share = max(1, _REPORTS // sum(map(bool, reports)))
        reports = [kept(said, 0.0, share) for said in reports]
    for increment, reading, said in zip(touches.increments, readings, reports, strict=True):
        if not said:
            continue
        kind, _, label = increment.entity
        one = Reported(kind.name, label, tuple(said))
        if reading is not None:
            one = one._replace(
                messages=max(0.0, reading.total("messages")),
                age=max(0.0, at - reading.first),
            )
        found.append(one)
    return tuple(found)


def _is_colleagues(names: Iterable[Reading]) -> bool:
    """Say whether a name is one under which somebody of the recipient's organization writes.

    Correspondents' names have a tag, which says whose they are.
    """
    return any(not reading.tag and reading.total("sent") > 0 for reading in names)


def _by_kind(
    touches: Touches, readings: Sequence[Reading | None], at: float
) -> tuple[dict[str, list[Reading]], float, float]:
    """Return the readings by kind, and for how long the state has watched all and outbound mail."""
    found: dict[str, list[Reading]] = {}
    watched = watched_outbound = _NAN
    answered = False
    for increment, reading in zip(touches.increments, readings, strict=True):
        if reading is None:
            continue
        answered = True
        if increment.entity is touches.watch:
            watched = max(0.0, at - reading.first)
        elif increment.entity is touches.outbound_watch:
            silent = at - reading.last > _SILENT
            watched_outbound = 0.0 if silent else max(0.0, at - reading.first)
        else:
            found.setdefault(increment.entity.kind.name, []).append(reading)
    if answered and touches.outbound_watch is not None and math.isnan(watched_outbound):
        watched_outbound = 0.0
    return found, watched, watched_outbound


def _read_correspondents(
    numbers: list[float],
    touches: Touches,
    asked: frozenset[str],
    found: Mapping[str, Sequence[Reading]],
) -> str:
    """Read what the author might be taken for: nobody, if our users write to the author."""
    known = numbers[_PLACES["pair.known"]] > 0
    if "name" in asked:
        author = touches.author.encode()
        other = any(tag != author for tag in _tags(found.get("name", ())))
        numbers[_PLACES["correspondent.name"]] = float(other and not known)
    if "likeness" not in asked:
        return ""
    correspondent = "" if known else _correspondent(found.get("likeness", ()), touches)
    imitated = correspondent not in ("", touches.domain)
    numbers[_PLACES["correspondent.domain"]] = float(imitated)
    return correspondent


def _read_one(numbers: list[float], plan: _Plan, reading: Reading, at: float) -> None:
    if plan.age is not None:
        numbers[plan.age] = max(0.0, at - reading.first)
    if plan.idle is not None and reading.previous > -np.inf:
        numbers[plan.idle] = max(0.0, at - reading.previous)
    record = reading.numbers
    for place, source in plan.counts:
        numbers[place] = record[source]
    for place, sketch in plan.sketches:
        numbers[place] = reading.distinct(sketch)


def _read_links(numbers: list[float], links: Sequence[Reading], at: float) -> None:
    worst = _most_reported(links)
    numbers[_PLACES["links.youngest"]] = max(0.0, at - max(reading.first for reading in links))
    numbers[_PLACES["links.new"]] = sum(reading.previous == -np.inf for reading in links)
    numbers[_PLACES["links.senders_1d"]] = max(reading.distinct("senders") for reading in links)
    numbers[_PLACES["links.spam"]] = worst.total("spam")
    numbers[_PLACES["links.ham"]] = worst.total("ham")


def _read_pairs(
    numbers: list[float], pairs: Sequence[Reading], direction: Direction, at: float
) -> None:
    """Read whether they know each other, and how often this side has written, this time included.

    Where the first sight of a pair is this message's own, it is a first contact, even if later
    messages were counted before it was read: so it stays one when it is judged again after a crash.
    """
    own, other = ("received", "sent") if direction == "inbound" else ("sent", "received")
    worst = _most_reported(pairs)
    written = sum(reading.total(other) > 0 for reading in pairs)
    numbers[_PLACES["pair.known"]] = written / len(pairs)
    numbers[_PLACES["pair.received"]] = max(
        min(1.0, reading.total(own)) if reading.first >= at else reading.total(own)
        for reading in pairs
    )
    numbers[_PLACES["pair.spam"]] = worst.total("spam")
    numbers[_PLACES["pair.ham"]] = worst.total("ham")


def _messages(reading: Reading) -> float:
    return reading.total("messages")


def _most_reported(readings: Sequence[Reading]) -> Reading:
    """Return the reading with most labels as abuse for each as wanted (one half added to either).

    The sheer number would point at domains that half of all mail links to.
    """
    return max(readings, key=_odds)


def _odds(reading: Reading) -> float:
    return (max(0.0, reading.total("spam")) + 0.5) / (max(0.0, reading.total("ham")) + 0.5)


def _tags(readings: Iterable[Reading]) -> list[bytes]:
    return [reading.tag for reading in readings if reading.tag]


def _correspondent(likenesses: Iterable[Reading], touches: Touches) -> str:
    """Return the correspondents' domain that is the author's, else one that looks like it.

    Or like that of its Reply-To; one to whom answers truly go is imitated by nobody. '' for none.
    """
    tags = _tags(likenesses)
    claimed = [domain.encode("utf-8", "backslashreplace") for domain in touches.claimed]
    if touches.domain and touches.domain.encode("utf-8", "backslashreplace") in tags:
        return touches.domain
    found = next((tag for tag in tags if tag not in claimed), b"")
    return found.decode("utf-8", "replace")
