"""DNS answers that are kept for a while: bounded in number, in size and in time."""

from collections import OrderedDict
from typing import NamedTuple

__all__ = ["Answer", "Answers", "Failure", "Found"]

_LARGEST = 8  # MiB of records and names that are kept, whatever their number
_ENTRY_BYTES = 200  # what an entry without records takes, roughly


class Answer(NamedTuple):
    """What the DNS says of a name: its records, and whether there is such a name at all.

    TXT records are joined strings, a character for each octet (latin-1); A, AAAA are address
    literals, MX and PTR host names without the last dot.
    """

    records: tuple[str, ...] = ()
    exists: bool = True


class Failure(NamedTuple):
    """That nobody could say; `reason` is a word or two."""

    reason: str


Found = Answer | Failure
_Key = tuple[str, str]


class Answers:
    """The answers used last, each until it expires on the caller's clock (seconds)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[_Key, tuple[float, int, Found]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are kept, expired ones too."""
        return len(self._kept)

    def get(self, key: _Key, now: float) -> Found | None:
        """Return what is kept for a name and type, None where nothing is or it has expired."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        expires, size, found = entry
        if expires <= now:
            del self._kept[key]
            self._size -= size
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: _Key, found: Found, expires: float) -> None:
        """Keep an answer; what wasn't used for longest goes where there is no room."""
        before = self._kept.pop(key, None)
        if before is not None:
            self._size -= before[1]
        size = _ENTRY_BYTES + len(key[0])
        if isinstance(found, Answer):
            size += sum(50 + len(record) for record in found.records)
        self._kept[key] = (expires, size, found)
        self._size += size
        while len(self._kept) > self._most or self._size > _LARGEST << 20:
            _, (_, freed, _) = self._kept.popitem(last=False)
            self._size -= freed
