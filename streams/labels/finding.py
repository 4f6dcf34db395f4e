"""Which message a label is of: found by id, token, position, Message-ID or its own bytes."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from features.context import Context
from features.envelope import Envelope, Incoming, LogPosition
from models.label import Label, Target
from models.trust import TRUSTED
from streams.labels.known import KnownMessages
from streams.labels.mail_log import MailLog
from streams.labels.message import Found, Taken, Unfound
from streams.stores.label_state import LabelRecord, LabelStore
from streams.tokens import read_token
from streams.wire import Arrival, hashed_id

__all__ = ["CLOCK_AHEAD_MS", "Finding", "made_at"]

CLOCK_AHEAD_MS: Final = 60_000
"""How far the clock that made an id may go ahead of the log's."""
_CACHED: Final = 64  # messages; several report one
_CACHED_BYTES: Final = 16_777_216
_UUID7: Final = 7


class Finding:
    """Finds the messages of labels; keeps the last few, as several people report the same.

    `token_key` is that of privacy.keys_file. Raises TopicError, StoreError or RedisError where
    Kafka or Redis can't be reached.
    """

    def __init__(
        self,
        log: MailLog,
        store: LabelStore,
        known: KnownMessages,
        context: Context,
        token_key: bytes,
    ) -> None:
        self._log = log
        self._store = store
        self._known = known
        self._context = context
        self._token_key = token_key
        self._cache: OrderedDict[str, Found] = OrderedDict()

    async def find(self, batch: Sequence[Taken]) -> list[Found | Unfound]:
        """Return the message of each label, in order, or why it has none."""
        named = [await self._named(taken.label) for taken in batch]
        ids = [each[0] for each in named if not isinstance(each, Unfound) and each[0]]
        records = (await self._store.label_state(ids)).labelled if ids else {}
        found: list[Found | Unfound] = []
        for taken, name in zip(batch, named, strict=True):
            if isinstance(name, Unfound):
                found.append(name)
            elif taken.label.of.raw is not None:
                found.append(_bare(taken, name[0], records.get(name[0])))
            else:
                found.append(await self._found(taken.label, *name, records.get(name[0])))
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

    async def _found(
        self, label: Label, message: str, place: LogPosition | None, record: LabelRecord | None
    ) -> Found | Unfound:
        if place is None and record is not None:
            place = record.place
        found = self._cache.get(message) or await self._read(message, place)
        if isinstance(found, Found):
            self._keep(found)
        elif record is None:
            return found
        else:
            found = Found(record.message)
        if record is None and not message:  # known by its place alone until now
            record = (await self._store.label_state([found.id])).labelled.get(found.id)
        arrival = found.arrival
        tenant = record.tenant if arrival is None and record else _tenant(arrival)
        if tenant != label.tenant:
            return Unfound("foreign", "the message is of another tenant")
        return found._replace(record=record)

    async def _read(self, message: str, place: LogPosition | None) -> Found | Unfound:
        """Return a message with its verdict from the log."""
        verdict = None
        if place is None:
            (place,) = await self._known.positions([message])
        if place is None:
            since = made_at(message)
            if since is None:
                return Unfound("unknown", "no message of the last day has this id")
            verdict = await self._log.verdict(message, since - CLOCK_AHEAD_MS)
            if verdict is None or verdict.log is None:
                return Unfound("unknown", "no verdict on a message of this id is kept")
            place = LogPosition(verdict.log.epoch, verdict.log.partition, verdict.log.offset)
        arrival = await self._log.message(place)
        if arrival is None:
            return Unfound("gone", "the message is no longer in the mail log")
        found = arrival.incoming.envelope.id
        if message and found != message:
            return Unfound("gone", "another message lies in its place")
        if verdict is None:
            verdict = await self._log.verdict(found, arrival.appended_ms, place)
        return Found(found, arrival, arrival.incoming, verdict)

    def _keep(self, found: Found) -> None:
        self._cache[found.id] = found
        self._cache.move_to_end(found.id)
        size = sum(len(it.incoming.raw) for it in self._cache.values() if it.incoming)
        while len(self._cache) > _CACHED or (size > _CACHED_BYTES and len(self._cache) > 1):
            _, old = self._cache.popitem(last=False)
            size -= len(old.incoming.raw) if old.incoming else 0


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
