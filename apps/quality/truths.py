"""What stands of each message by the labels in the topic, and who said it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from models.label import ABUSE, Label, Place, Source
from models.trust import RANKS, TRUSTED
from streams.tokens import id_in

__all__ = ["Key", "Truth", "Truths"]

_SAID: Final = ABUSE | {"ham"}
"""Truths for all; "unwanted" is one recipient's word."""

Key = str | tuple[str, int, int]
"""How a label names its message: by id, or by place in the mail log."""


class Truth(NamedTuple):
    """What stands of a message, and the source of the highest rank that says so."""

    abuse: bool
    source: Source


class Truths:
    """Labels of the topic in their order, folded by message.

    A reporter's last word counts, a retraction takes it back, and the highest rank decides
    (models.trust.RANKS); where it is at odds with itself nothing stands. Reputations aren't known
    here: users count alike. A label of bare bytes or of a Message-ID can't be matched.
    """

    def __init__(self) -> None:
        self.labels = 0
        self.unmatched = 0
        self._said: dict[Key, dict[tuple[Source, str], tuple[str, bool]]] = {}

    def add(self, label: Label) -> None:
        """Take the next label of the topic."""
        self.labels += 1
        key = _key(label)
        if key is None:
            self.unmatched += 1
            return
        said = self._said.setdefault(key, {})
        who = (label.source, label.reporter)
        if label.retracts:
            if who in said and said[who][0] == label.retracts:
                del said[who]
        elif label.truth in _SAID:
            said[who] = (label.id, label.truth in ABUSE)
        else:
            said.pop(who, None)

    def of(self, message: str, place: Place | None = None) -> Truth | None:
        """Return what stands of a message; None where nothing does."""
        return _decide(self._words(message, place))

    def named(self) -> tuple[list[str], list[str]]:
        """Return the messages that labels name: ids, and places as EPOCH:PARTITION:OFFSET."""
        ids = [key for key in self._said if isinstance(key, str)]
        places = [":".join(map(str, key)) for key in self._said if not isinstance(key, str)]
        return ids, places

    def asked(self, message: str, place: Place | None = None) -> bool | None:
        """Return what analysts and traps alone say: abuse, not abuse, or None."""
        trusted = {w: said for w, said in self._words(message, place).items() if w[0] in TRUSTED}
        truth = _decide(trusted)
        return None if truth is None else truth.abuse

    def _words(self, message: str, place: Place | None) -> dict[tuple[Source, str], bool]:
        keys: Iterable[Key] = (message,)
        if place is not None:
            keys = (message, (place.epoch, place.partition, place.offset))
        return {who: abuse for key in keys for who, (_, abuse) in self._said.get(key, {}).items()}


def _decide(words: dict[tuple[Source, str], bool]) -> Truth | None:
    if not words:
        return None
    top = max(RANKS[source] for source, _ in words)
    votes = [(source, abuse) for (source, _), abuse in words.items() if RANKS[source] == top]
    balance = sum(1 if abuse else -1 for _, abuse in votes)
    if not balance:
        return None
    return Truth(balance > 0, next(source for source, abuse in votes if abuse == (balance > 0)))


def _key(label: Label) -> Key | None:
    of = label.of
    if of.token is not None:
        return id_in(of.token) or None
    if of.position is not None:
        return of.position.epoch, of.position.partition, of.position.offset
    return of.id
