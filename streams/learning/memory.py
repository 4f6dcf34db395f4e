"""What a learner remembers beside its models: labelled mail, hashed, and what labels have taught.

All of it is a function of the steps in their order, so that a learner that starts again replays,
and takes back what one that never stopped would have.
"""

import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from models.manifest import ArtifactError
from models.step import Lesson, Part, Step
from models.teaching import TRUSTED, Known
from streams.model_records import StepRecord

__all__ = ["KeptMail", "Memory", "Taught", "own_lessons"]

_MAGIC: Final = b"WEIRKNOWN\x01"
_LARGEST: Final = 1 << 29  # bytes, unpacked
_SPAM: Final = 10  # as much ham is kept for each message of abuse
_SENDERS: Final = 20  # one sender has at most this part of what is kept
_ENOUGH: Final = 30  # messages that trusted people labelled, from which the others' aren't asked
_TAUGHT: Final = 100_000  # messages of which it is known what they taught


class KeptMail(msgspec.Struct, frozen=True, array_like=True):
    """A labelled message: whom it is from (hashed), its logit when it was kept, what it teaches.

    `trusted`: an analyst or a trap said what it is.
    """

    sender: str
    anchor: float
    lesson: Lesson
    trusted: bool = False


class Taught(msgspec.Struct, frozen=True, array_like=True):
    """What models have learned of a message: its lesson without the message, to take it back."""

    abuse: bool
    weight: float
    moves: tuple[Part, ...]
    cap: float


class _State(msgspec.Struct, frozen=True, array_like=True):
    ham: list[tuple[str, KeptMail]]
    spam: list[tuple[str, KeptMail]]
    trusted: tuple[int, int]
    taught: list[tuple[str, Taught]]


class Memory:
    """At most `limit` honest messages and a tenth as many of abuse; the oldest make room.

    What users and automata labelled makes room first, and is replayed and measured only as long as
    trusted people have labelled little: a thousand accounts would else move the gradient, and
    close the gate, by what they call honest.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ham: OrderedDict[str, KeptMail] = OrderedDict()
        self._spam: OrderedDict[str, KeptMail] = OrderedDict()
        self._trusted = [0, 0]
        self._taught: OrderedDict[str, Taught] = OrderedDict()

    @property
    def ham(self) -> Sequence[KeptMail]:
        """The honest messages, the oldest first."""
        return _believed(self._ham)

    def take(self, record: StepRecord, anchor: float) -> None:
        """Take in a step that was learned; `anchor` is the labelled message's logit after it.

        What a step takes back comes out, and so does what it was held for before.
        """
        for lesson in own_lessons(record.step):
            digest = hashlib.sha256(lesson.slots).hexdigest()[:32]
            gained, trusted = lesson.weight > 0, record.source in TRUSTED
            held = self._ham.get(digest) or self._spam.get(digest)
            outranked = gained and not trusted and held is not None and held.trusted
            if not outranked:
                self._ham.pop(digest, None)
                self._spam.pop(digest, None)
            if trusted:
                self._trusted[lesson.abuse] += 1 if gained else -1
            self._note(record, lesson)
            if gained and lesson.sizes and not outranked:
                kept = KeptMail(record.sender, anchor, lesson, trusted)
                if lesson.abuse:
                    _put(self._spam, digest, kept, self._limit // _SPAM)
                else:
                    _put(self._ham, digest, kept, self._limit)

    def known(self) -> Known:
        """Return what a new step may replay."""
        return Known(
            ham=[kept.lesson for kept in _believed(self._ham)],
            spam=[kept.lesson for kept in _believed(self._spam)],
            trusted=max(0, min(self._trusted)),
        )

    def taught(self, message: str) -> Taught | None:
        """Return what models have learned of a message; None for nothing."""
        return self._taught.get(message)

    def copy(self) -> "Memory":
        """Return what is remembered now, apart from what comes."""
        other = Memory(self._limit)
        other._ham, other._spam = self._ham.copy(), self._spam.copy()
        other._trusted, other._taught = list(self._trusted), self._taught.copy()
        return other

    def dump(self) -> bytes:
        """Return it as bytes, with their digest."""
        state = _State(
            list(self._ham.items()),
            list(self._spam.items()),
            (self._trusted[0], self._trusted[1]),
            list(self._taught.items()),
        )
        packed = zlib.compress(msgspec.msgpack.encode(state), 1)
        return _MAGIC + hashlib.sha256(packed).digest() + packed

    @classmethod
    def load(cls, content: bytes, limit: int) -> "Memory":
        """Read it back; raises ArtifactError, one line, for bytes that are damaged or none."""
        start = len(_MAGIC) + 32
        packed = content[start:]
        given = content[len(_MAGIC) : start]
        if not content.startswith(_MAGIC) or hashlib.sha256(packed).digest() != given:
            raise ArtifactError("known mail: damaged, cut short, or not written by Weir")
        try:
            unpacked = zlib.decompressobj().decompress(packed, _LARGEST)
            state = msgspec.msgpack.decode(unpacked, type=_State)
        except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ArtifactError(f"known mail: not readable ({error})") from None
        found = cls(limit)
        found._trusted = list(state.trusted)
        found._taught = OrderedDict(state.taught)
        for digest, kept in state.ham:
            _put(found._ham, digest, kept, limit)
        for digest, kept in state.spam:
            _put(found._spam, digest, kept, limit // _SPAM)
        return found

    def _note(self, record: StepRecord, lesson: Lesson) -> None:
        gained = lesson.weight > 0
        if gained:
            self._taught[record.message] = Taught(
                lesson.abuse, lesson.weight, lesson.moves, lesson.cap
            )
            while len(self._taught) > _TAUGHT:
                self._taught.popitem(last=False)
        else:
            self._taught.pop(record.message, None)


def own_lessons(step: Step) -> tuple[Lesson, ...]:
    """Return the lessons of the labelled message: what is taken back of it, what is learned.

    What follows them is replayed mail, which was known before.
    """
    first = step.lessons[:1]
    if not first or first[0].weight > 0:
        return first
    return step.lessons[:2]


def _put(kept: OrderedDict[str, KeptMail], digest: str, mail: KeptMail, limit: int) -> None:
    """Keep a message; whom it is from has a share, and the oldest make room, users' first."""
    kept[digest] = mail
    if mail.sender:
        own = [key for key, other in kept.items() if other.sender == mail.sender]
        own.sort(key=lambda key: kept[key].trusted)
        for key in own[: max(0, len(own) - max(1, limit // _SENDERS))]:
            del kept[key]
    while len(kept) > limit:
        del kept[next((key for key, it in kept.items() if not it.trusted), next(iter(kept)))]


def _believed(kept: OrderedDict[str, KeptMail]) -> tuple[KeptMail, ...]:
    """Return what trusted people labelled, all where that is little; the oldest first."""
    trusted = tuple([mail for mail in kept.values() if mail.trusted])
    return trusted if len(trusted) >= _ENOUGH else tuple(kept.values())
