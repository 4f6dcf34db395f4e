"""Which message a label is of: found by id, token, position, Message-ID or its own bytes."""

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from detectors.verdict import Verdict
from features.context import Context
from features.envelope import Envelope, Incoming, LogPosition
from models.label import Label, Target
from models.trust import TRUSTED
from streams.labels.known import Known
from streams.labels.message import Found, Taken, Unfound
from streams.labels.verdict_scan import Wanted
from streams.stores.label_state import LabelRecord, LabelStore
from streams.tokens import read_token
from streams.wire import Arrival, hashed_id

__all__ = ["CLOCK_AHEAD_MS", "Finding", "made_at"]

CLOCK_AHEAD_MS: Final = 60_000
"""How far the clock that made an id may go ahead of the log's."""
_CACHED: Final = 64  # messages; several report one
_CACHED_BYTES: Final = 16_777_216
_UUID7: Final = 7


class _Log(Protocol):
    """Mail and verdicts by place (streams.labels.mail_log)."""

    async def messages(self, places: Sequence[LogPosition]) -> dict[LogPosition, Arrival]:
        """Return the messages at these places, without those that are gone or of another log."""

    async def verdicts(self, wanted: Sequence[Wanted]) -> dict[Wanted, Verdict]:
        """Return the verdicts that are wanted, as far as they are there."""


class Finding:
    """Finds the messages of labels; keeps the last few, as several people report the same.

    `token_key` is that of privacy.keys_file. Raises TopicError, StoreError or RedisError where
    Kafka or Redis can't be reached.
    """

    def __init__(
        self,
        log: _Log,
        store: LabelStore,
        known: Known,
        context: Context,
        token_key: bytes,
    ) -> None:
        self._log = log
        self._store = store
        self._known = known
        self._context = context
        self._token_key = token_key
        self._cache: OrderedDict[str, Found] = OrderedDict()
        self._cached = 0  # bytes

    async def find(self, batch: Sequence[Taken]) -> list[Found | Unfound]:
        """Return the message of each label, in order, or why it has none."""
        named = [await self._named(taken.label) for taken in batch]
        ids = [each[0] for each in named if not isinstance(each, Unfound) and each[0]]
        records = (await self._store.label_state(ids)).labelled if ids else {}
        asked: list[_Asked] = []
        for taken, name in zip(batch, named, strict=True):
            if not isinstance(name, Unfound) and taken.label.of.raw is None:
                record = records.get(name[0])
                asked.append(_Asked(name[0], name[1] or (record.place if record else None)))
        read = await self._read(dict.fromkeys(asked))
        answers = iter(asked)
        found: list[Found | Unfound] = []
        for taken, name in zip(batch, named, strict=True):
            if isinstance(name, Unfound):
                found.append(name)
            elif taken.label.of.raw is not None:
                found.append(_bare(taken, name[0], records.get(name[0])))
            else:
                one = next(answers)
                found.append(await self._of(taken.label, one, read[one], records.get(name[0])))
        return found

    async def _named(self, label: Label) -> tuple[str, LogPosition | None] | Unfound:
        """Return a message's id ('' if only its place is known), and its place if that is known."""
        target = label.of
        if label.retracts:
            (message,) = await self._store.messages_of([label.retracts])
            target = Target(id=message) if message is not None else target
        if target.id is not None:
            return target.id, None
        if target.position is not None:
            place = target.position
            return "", LogPosition(place.epoch, place.partition, place.offset)
        if target.token is not None:
            token = read_token(self._token_key, target.token)
            return token or Unfound("forged", "the token isn't one of ours")
        if target.rfc5322_message_id is not None:
            return await self._mentioned(target.rfc5322_message_id, label.tenant)
        return _bare_id(label), None

    async def _mentioned(
        self, message_id: str, tenant: str
    ) -> tuple[str, LogPosition | None] | Unfound:
        (mention,) = await self._known.by_message_id([message_id], self._context, tenant)
        if mention is None:
            return Unfound("unknown", "no message of the last 3 days has this Message-ID")
        return mention.id, mention.position

    async def _of(
        self, label: Label, asked: "_Asked", read: Found | Unfound, record: LabelRecord | None
    ) -> Found | Unfound:
        if isinstance(read, Found):
            found = read
        elif record is None:
            return read
        else:
            found = Found(record.message)
        if record is None and not asked.message:  # known by its place alone until now
            record = (await self._store.label_state([found.id])).labelled.get(found.id)
        arrival = found.arrival
        tenant = record.tenant if arrival is None and record else _tenant(arrival)
        if tenant != label.tenant:
            return Unfound("foreign", "the message is of another tenant")
        return found._replace(record=record)

    async def _read(self, asked: Collection["_Asked"]) -> dict["_Asked", Found | Unfound]:
        """Return the messages with their verdicts, from memory or from the log."""
        found: dict[_Asked, Found | Unfound] = {
            each: known for each in asked if (known := self._cache.get(each.message))
        }
        left = [each for each in asked if each not in found]
        if not left:
            return found
        places, verdicts = await self._places([each for each in left if each.place is None])
        for each in left:
            place = each.place or places[each]
            if isinstance(place, Unfound):
                found[each] = place
            else:
                places[each] = place
        arrivals = await self._log.messages(
            [place for place in places.values() if not isinstance(place, Unfound)]
        )
        read: dict[_Asked, Arrival] = {}
        for each in left:
            place = places[each]
            if isinstance(place, Unfound):
                continue
            arrival = arrivals.get(place)
            if arrival is None:
                found[each] = Unfound("gone", "the message is no longer in the mail log")
            elif each.message not in {"", arrival.incoming.envelope.id}:
                found[each] = Unfound("gone", "another message lies in its place")
            else:
                read[each] = arrival
        wanted = {
            each: Wanted(arrival.incoming.envelope.id, arrival.appended_ms, arrival.position)
            for each, arrival in read.items()
            if each not in verdicts
        }
        judged = await self._log.verdicts(list(wanted.values()))
        for each, arrival in read.items():
            verdict = verdicts.get(each) or judged.get(wanted[each])
            known = Found(arrival.incoming.envelope.id, arrival, arrival.incoming, verdict)
            found[each] = known
            if verdict is not None:  # one that isn't out yet is looked for again
                self._keep(known)
        return found

    async def _places(
        self, asked: Sequence["_Asked"]
    ) -> tuple[dict["_Asked", LogPosition | Unfound], dict["_Asked", Verdict]]:
        """Return where messages lie, by their ids: as Redis knows, else as their verdicts say.

        Beside them the verdicts that were needed for it.
        """
        known = await self._known.positions([each.message for each in asked])
        found: dict[_Asked, LogPosition | Unfound] = {}
        wanted: dict[_Asked, Wanted] = {}
        for each, place in zip(asked, known, strict=True):
            if place is not None:
                found[each] = place
            elif (since := made_at(each.message)) is not None:
                wanted[each] = Wanted(each.message, since - CLOCK_AHEAD_MS)
            else:
                found[each] = Unfound("unknown", "no message of the last day has this id")
        judged = await self._log.verdicts(list(wanted.values())) if wanted else {}
        verdicts: dict[_Asked, Verdict] = {}
        for each, want in wanted.items():
            verdict = judged.get(want)
            if verdict is None or verdict.log is None:
                found[each] = Unfound("unknown", "no verdict on a message of this id is kept")
            else:
                log = verdict.log
                found[each] = LogPosition(log.epoch, log.partition, log.offset)
                verdicts[each] = verdict
        return found, verdicts

    def _keep(self, found: Found) -> None:
        old = self._cache.pop(found.id, None)
        self._cache[found.id] = found
        self._cached += _size(found) - (_size(old) if old else 0)
        while len(self._cache) > _CACHED or (self._cached > _CACHED_BYTES and len(self._cache) > 1):
            self._cached -= _size(self._cache.popitem(last=False)[1])


class _Asked(NamedTuple):
    """A message by its id ('' if only its place is known), and its place if that is known."""

    message: str
    place: LogPosition | None


def _size(found: Found) -> int:
    return len(found.incoming.raw) if found.incoming else 0


def _bare_id(label: Label) -> str:
    """Return the id of a message that came with its label: that of its bytes and tenant."""
    return hashed_id("bare", label.tenant, hashlib.sha256(label.of.raw or b"").hexdigest())


def _bare(taken: Taken, message: str, record: LabelRecord | None) -> Found | Unfound:
    label = taken.label
    if label.source not in TRUSTED:
        return Unfound("untrusted", f"a bare message teaches nothing from source {label.source}")
    at = datetime.fromtimestamp(taken.at, UTC)
    envelope = Envelope(id=message, received_at=at, tenant=label.tenant)
    incoming = Incoming(envelope, label.of.raw or b"", None, ("bare",))
    return Found(message, None, incoming, None, record)


def _tenant(arrival: Arrival | None) -> str:
    return arrival.incoming.envelope.tenant if arrival else ""


def made_at(message: str) -> int | None:
    """Return when an id was made (epoch ms), None where it doesn't tell: UUIDv7 (RFC 9562)."""
    try:
        found = UUID(message)
    except ValueError:
        return None
    return found.int >> 80 if found.version == _UUID7 else None
