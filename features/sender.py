"""Which entities a message touches, what it adds to them, and what is added once it is judged.

Reputation belongs to proven identities: a domain that DKIM or SPF proves has a record of its own,
and one that is only claimed has another for each network that claims it. Neither adds to the other.
"""

from collections.abc import Mapping
from datetime import UTC
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from features.attachments import Attachments
from features.authentication import Authentication
from features.context import Context
from features.conversation import answered_ids, is_bounce, is_personal, own_id
from features.entities import Namer
from features.envelope import Envelope
from features.headers import Headers
from features.history import History
from features.increments import (
    ATTACHMENTS,
    LINKS,
    Increments,
    claimed_domains,
    linked_domains,
    sent_files,
)
from features.links import Links
from features.message import Message
from features.origin import RECIPIENTS, read_origin
from features.readings import read_history
from features.rolling import KINDS, Increment, Kind, counted
from features.touches import Touches

__all__ = ["Touches", "index_keys", "labelled", "narrowed", "outcome", "read_history", "touches"]

_ITEM = 3  # bytes
_PREFIX = 80  # characters of a subject in which "Re:" stands, behind a list's tag


def touches(
    envelope: Envelope,
    message: Message,
    headers: Headers,
    authentication: Authentication,
    links: Links,
    attachments: Attachments,
    fingerprint: str,
    context: Context,
) -> Touches:
    """Return what a message touches; a function of its arguments alone, and nothing raises.

    Counted are the first 16 recipients of inbound mail and 100 of outbound, the first 8 domains
    linked to and the first 16 attachments; `flags` of the result say where there are more.
    """
    namer = Namer(context, envelope.tenant)
    origin = read_origin(envelope, headers, authentication, namer, context)
    increments = Increments(namer, origin, fingerprint)
    domains, digests = linked_domains(links), sent_files(attachments)
    outbound = origin.outbound
    bounce = not outbound and is_bounce(message, headers, envelope)
    own, answered = own_id(message), answered_ids(message, bounce=bounce)
    personal = not outbound or is_personal(headers, envelope)
    watch, sent = increments.watch(), increments.outbound_watch()
    asks = outbound or bool(answered) or ":" in headers.subject[:_PREFIX]
    return Touches(
        increments=(
            *(increments.account(envelope.user or "") if outbound else increments.domain()),
            *increments.client(),
            *increments.content(fingerprint),
            *increments.links(domains),
            *increments.attachments(digests),
            *(() if outbound else increments.signature(message, authentication)),
            *(increments.sent(envelope, headers) if outbound else increments.received(headers)),
            *((sent,) if asks else ()),
            watch,
        ),
        at=_seconds(envelope),
        direction=envelope.direction,
        mentions=tuple(
            [
                namer.secret(purpose, it)
                for purpose in ((_MESSAGE_ID, _AUTOMATIC_ID) if bounce else (_MESSAGE_ID,))
                for it in answered
            ]
        ),
        message_id=namer.secret(_MESSAGE_ID if personal else _AUTOMATIC_ID, own) if own else b"",
        author=origin.author,
        domain=headers.from_.domain.registrable,
        claimed=claimed_domains(headers),
        proven=bool(authentication.proven) if authentication.source and not outbound else None,
        watch=watch.entity,
        outbound_watch=sent.entity if asks else None,
        bounced=namer.entity("account", origin.recipients[0])
        if bounce and len(origin.recipients) == 1
        else None,
        flags=tuple(
            flag
            for flag, count, most in (
                ("recipients_over", origin.recipient_count, RECIPIENTS[envelope.direction]),
                ("links_over", len(domains), LINKS),
                ("attachments_over", len(digests), ATTACHMENTS),
            )
            if count > most
        ),
    )


def outcome(
    touches: Touches, history: History, *, delivered: bool, bad: bool
) -> tuple[Increment, ...]:
    """Return what is added once a message is judged.

    `delivered`: it reached the inbox. `bad`: its content alone, without any reputation, is bad, so
    that reputation can't feed on itself. From `history` follow first contacts, and whether a bounce
    answers a message of ours; where a message also goes to someone known, the others aren't counted
    as first contacts, since the numbers don't tell how many there were.
    """
    first = _first_contacts(touches, history)
    found: list[Increment] = []
    for entity, _, _ in touches.increments:
        items = _outcome_items(entity.kind, int(delivered), int(bad), first)
        if items:
            found.append(Increment(entity, items))
    if touches.bounced is not None and history["thread.answers"] == 1:
        found.append(Increment(touches.bounced, counted(KINDS["account"], "bounces")))
    return tuple(found)


@lru_cache(maxsize=1024)  # first contacts are few, and one outcome has few kinds of entities
def _outcome_items(kind: Kind, inbox: int, bad: int, first_contacts: int) -> bytes:
    """Return the items that an outcome adds to an entity of a kind, b"" for none."""
    amounts = {"inbox": inbox, "bad": bad, "first_contacts": first_contacts}
    return b"".join(
        [
            counted(kind, name, amount)
            for name, amount in amounts.items()
            if amount and name in kind.codes
        ]
    )


def labelled(touches: Touches, *, abuse: bool, amount: int = 1) -> tuple[Increment, ...]:
    """Return what a label adds; a negative amount takes one back."""
    counter = "spam" if abuse else "ham"
    return tuple(
        Increment(entity, counted(entity.kind, counter, amount))
        for entity, _, _ in touches.increments
        if counter in entity.kind.codes
    )


def narrowed(touches: Touches) -> tuple[Increment, ...]:
    """Return the increments of a copy for other recipients of a message that was counted before.

    Recipients and pairs are added, all else is only read; length and order stay.
    """
    return tuple(
        increment
        if increment.entity.kind.name == "pair"
        else increment._replace(items=_about_recipients(increment), tag=b"")
        for increment in touches.increments
    )


def _about_recipients(increment: Increment) -> bytes:
    codes, items = _RECIPIENT_CODES[increment.entity.kind.name], increment.items
    chunks = [items[at : at + _ITEM] for at in range(0, len(items), _ITEM)]
    return b"".join([chunk for chunk in chunks if chunk[0] in codes])


def _recipient_codes() -> Mapping[str, frozenset[int]]:
    return {
        kind.name: frozenset(
            codes["recipients"]
            for codes in (kind.codes, kind.sketch_codes)
            if "recipients" in codes
        )
        for kind in KINDS.values()
    }


_RECIPIENT_CODES: Final = MappingProxyType(_recipient_codes())
_MESSAGE_ID: Final = b"weir message-id"
# Whoever wrote to somebody on holiday has the Message-ID of the program's answer, and would answer
# our mail by it: only a bounce does.
_AUTOMATIC_ID: Final = b"weir automatic"


def index_keys(namer: Namer, message_id: str) -> tuple[bytes, bytes]:
    """Return the keys by which a Message-ID may be known: as mail of a person, of a program."""
    return namer.secret(_MESSAGE_ID, message_id), namer.secret(_AUTOMATIC_ID, message_id)


def _first_contacts(touches: Touches, history: History) -> int:
    pairs = sum(increment.entity.kind.name == "pair" for increment in touches.increments)
    known, most = history["pair.known"], history["pair.received"]
    return round(pairs * (1 - known)) if most <= 1 else 0


def _seconds(envelope: Envelope) -> float:
    at = envelope.received_at
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
