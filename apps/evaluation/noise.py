"""Wrong labels: any, or those of one mailing list."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apps.evaluation.draws import draw

__all__ = ["Noise", "busiest_list", "list_of", "list_of_file"]

_HEADER_BYTES: Final = 65_536  # of a message that are looked through for its list
_FIELDS: Final = (b"list-id", b"list-post", b"x-beenthere", b"mailing-list", b"x-mailing-list")
_FIELD: Final = re.compile(
    rb"^(" + b"|".join(_FIELDS) + rb"):[ \t]*([^\r\n]{0,500}(?:\r?\n[ \t][^\r\n]{0,500})?)",
    re.IGNORECASE | re.MULTILINE,
)
_NAME: Final = re.compile(rb"[\w.+-]{1,200}(?:@|\.)[\w.-]{1,200}")


@dataclass(frozen=True, slots=True)
class Noise:
    """Which labels are wrong: a `share` of [0, 1], of all or of the messages at `places`."""

    share: float
    seed: int = 0
    places: frozenset[int] | None = None

    def flips(self, place: int) -> bool:
        """Tell whether the message's label is given the wrong way round."""
        if self.places is not None and place not in self.places:
            return False
        return draw(self.seed, "noise", place) < self.share


def list_of(raw: bytes) -> str:
    """Return the mailing list that a message's header names, in lower case; "" for none."""
    for separator in (b"\r\n\r\n", b"\n\n"):
        raw = raw[:_HEADER_BYTES].partition(separator)[0]
    found = {name.lower(): value for name, value in reversed(_FIELD.findall(raw))}
    for field in _FIELDS:
        names = _NAME.findall(found.get(field, b""))
        if names:
            return str(names[-1].lower().decode("ascii", "replace"))
    return ""


def list_of_file(file: Path) -> str:
    """Return the mailing list of a message in a file; raises OSError."""
    with file.open("rb") as content:
        return list_of(content.read(_HEADER_BYTES))


def busiest_list(names: Sequence[str], spam: Iterable[bool]) -> frozenset[int]:
    """Return the places of the ham of the list that brought most of it; none without a list."""
    ham = [place for place, abuse in enumerate(spam) if not abuse and names[place]]
    counts = Counter(names[place] for place in ham)
    if not counts:
        return frozenset()
    most = max(counts, key=lambda name: (counts[name], name))
    return frozenset(place for place in ham if names[place] == most)
