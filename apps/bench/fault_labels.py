"""Labels of every sort for the benchmark of faults: drawn once, the same for a seed."""

import hashlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from models.label import Label, Source, Target, Truth
from streams.label_records import label_record, new_label, retraction
from streams.wire import Record, new_id

__all__ = ["Planned", "plan_labels"]

_REPORTERS: Final = 40
_SORTS: Final = {
    "analyst": 35,
    "report": 30,
    "rescue": 8,
    "trap": 4,
    "retraction": 9,
    "again": 5,
    "malformed": 5,
    "unknown": 4,
}
"""Parts in a hundred; `again` is a label that was sent before, sent once more."""
_MISTAKEN: Final = 0.05  # labels that say the opposite of what their message is
_MALFORMED: Final = (b"", b"{", b'{"schema":2}', b'{"id":"x","of":{},"truth":"spam"}', b"\xff\xfe")


class Planned(NamedTuple):
    """Records for the topic of labels in their order; how many of each sort; the messages' ids.

    `known` are the places in `records` of labels and retractions that are of those messages and say
    something else than what was said before.
    """

    records: list[Record]
    sorts: dict[str, int]
    known: frozenset[int]


def plan_labels(topic: str, idents: Sequence[str], count: int, seed: int) -> Planned:
    """Draw labels of messages, every second of which is abuse; `count` records in all."""
    drawn = random.Random(seed)  # noqa: S311 - a benchmark's labels, the same each time
    begun = datetime.now(UTC)
    given: list[Label] = []
    records: list[Record] = []
    sorts = dict.fromkeys(_SORTS, 0)
    known = set()
    said: dict[str, Truth | None] = {}
    for number in range(count):
        at = begun + timedelta(milliseconds=number)
        (sort,) = drawn.choices(list(_SORTS), list(_SORTS.values()))
        if sort in ("retraction", "again") and not given:
            sort = "analyst"
        sorts[sort] += 1
        if sort == "malformed":
            value = drawn.choice(_MALFORMED)
            records.append(Record(topic, b"malformed", value, []))
            continue
        if sort == "retraction":
            label = retraction(drawn.choice(given), at)
        elif sort == "again":
            label = drawn.choice(given)
        else:
            place = drawn.randrange(len(idents))
            ident = new_id() if sort == "unknown" else idents[place]
            label = _label(sort, ident, abuse=bool(place % 2), at=at, drawn=drawn)
            if sort != "unknown":
                given.append(label)
        about = label.retracts or label.id
        if sort != "unknown" and said.get(about, "") != label.truth:
            known.add(number)
            said[about] = label.truth
        records.append(label_record(topic, label, source="/weir/bench"))
    return Planned(records, sorts, frozenset(known))


def _label(sort: str, ident: str, *, abuse: bool, at: datetime, drawn: random.Random) -> Label:
    source: Source = "analyst"
    truth: Truth = "spam" if abuse != (drawn.random() < _MISTAKEN) else "ham"
    if sort == "report":
        source, truth = "report", "spam"
    elif sort == "rescue":
        source, truth = "rescue", "ham"
    elif sort == "trap":
        source, truth = "trap", "spam"
    who = f"{sort}-{drawn.randrange(_REPORTERS if sort != 'analyst' else 2)}"
    reporter = hashlib.sha256(who.encode()).hexdigest()[:32]
    return new_label(Target(id=ident), truth, source, reporter=reporter, given_at=at)
