"""Between the milter protocol and the hook: transactions to submissions, outcomes to edits."""

from collections.abc import Iterator, Mapping
from typing import Final

import structlog

from apps.hook.fields import OWN_NAMES
from apps.hook.forged import is_forged
from apps.hook.milter.answer import (
    AddHeader,
    Answer,
    ChangeHeader,
    Edit,
    Quarantine,
    SmtpReply,
)
from apps.hook.milter.server import Handle
from apps.hook.milter.transaction import Path, Peer, Transaction
from apps.hook.outcome import Outcome
from apps.hook.submission import Check, Listener, Submission
from features.envelope import Client, Truncated
from streams.wire import printable

__all__ = ["COUNTED", "adapt", "answer", "submission"]

_RESULTS: Final = b"authentication-results"
_SUBJECT: Final = b"subject"
_MOST_FORGED: Final = 200  # fields in our name: an MTA takes the square of their number to remove
_TOO_MANY: Final = SmtpReply(550, "5.6.0", "Too many header fields that only this host may add")
_BELOW_RECEIVED: Final = 1  # 0 is above the MTA's own Received, where only the MTA speaks

# Which fields go, or may go, however many come before them.
COUNTED: Final = frozenset({_RESULTS, *(name.lower().encode() for name in OWN_NAMES)})

log = structlog.get_logger(__name__)


def adapt(check: Check, listener: Listener) -> Handle:
    """Return what answers the transactions that come over one listener."""

    async def handle(transaction: Transaction) -> Answer:
        """Answer one message."""
        return answer(await check(submission(transaction, listener)), transaction)

    return handle


def submission(transaction: Transaction, listener: Listener) -> Submission:
    """Return what an MTA said in its own words; bytes that aren't UTF-8 become escapes."""
    macros, raw = transaction.macros, transaction.message()
    return Submission(
        raw=raw,
        listener=listener,
        client=Client(
            transaction.peer.address, _text(transaction.helo), _reverse_name(transaction.peer)
        ),
        mail_from=_address(transaction.sender),
        rcpt_to=tuple(printable(path.address) for path in transaction.recipients),
        user=_macro(macros, "auth_authen"),
        queue_id=_macro(macros, "i"),
        tls=_macro(macros, "tls_version"),
        truncated=Truncated(max(transaction.size, len(raw))) if transaction.cut else None,
    )


def answer(outcome: Outcome, transaction: Transaction) -> Answer:
    """Return an outcome as edits and the end; a message that isn't taken isn't edited.

    One that holds more of our own fields than an MTA can be asked to remove is refused.
    """
    if outcome.reply is not None:
        return Answer(SmtpReply(*outcome.reply))
    if outcome.action == "discard":
        return Answer("discard")
    forged = list(_removals(outcome, transaction))
    if len(forged) > _MOST_FORGED:
        log.warning("fields_in_our_name", count=len(forged))
        return Answer(_TOO_MANY)
    # The highest of each name first: the MTA counts again after each removal.
    return Answer("accept", (*reversed(forged), *_edits(outcome, transaction)))


def _edits(outcome: Outcome, transaction: Transaction) -> Iterator[Edit]:
    """Yield what is added, then the rest.

    What is inserted at one place comes to stand above what was inserted there before.
    """
    for field in reversed(outcome.add):
        yield AddHeader(field.name, field.value, _BELOW_RECEIVED)
    if outcome.subject:
        yield from _subject(outcome.subject, transaction)
    if outcome.hold:
        yield Quarantine(outcome.hold)


def _removals(outcome: Outcome, transaction: Transaction) -> Iterator[ChangeHeader]:
    """Yield removals from the top; of results that weren't read, each may be forged."""
    gone = frozenset(name.lower().encode() for name in outcome.remove)
    forged = frozenset(identifier.lower() for identifier in outcome.authserv_ids)
    counts: dict[bytes, int] = {}
    for name, value in transaction.headers:
        key = name.strip().lower()
        if key not in gone and not (key == _RESULTS and forged):
            continue
        nth = counts[key] = counts.get(key, 0) + 1
        if key in gone or is_forged(value, forged):
            yield ChangeHeader(key.decode("ascii"), nth, None)
    for key, more in transaction.beyond.items():
        if key in gone or (key == _RESULTS and forged):
            for nth in range(counts.get(key, 0) + 1, counts.get(key, 0) + more + 1):
                yield ChangeHeader(key.decode("ascii"), nth, None)


def _subject(prefix: str, transaction: Transaction) -> Iterator[Edit]:
    old = next((v for name, v in transaction.headers if name.strip().lower() == _SUBJECT), None)
    if old is None:
        yield AddHeader("Subject", prefix.strip())
    elif not old.strip().startswith(prefix.strip().encode()):
        yield ChangeHeader("Subject", 1, prefix.encode() + old.strip())


def _address(path: Path | None) -> str | None:
    return None if path is None else printable(path.address)


def _text(value: bytes | None) -> str | None:
    return None if value is None else printable(value)


def _macro(macros: Mapping[str, bytes], name: str) -> str | None:
    """Return a macro; an MTA that has nothing to say of it may send it empty."""
    return printable(macros[name]) if macros.get(name) else None


def _reverse_name(peer: Peer) -> str | None:
    """Return the client's name; MTAs write its address in brackets, or unknown, for none."""
    if not peer.name or peer.name.startswith(b"[") or peer.name.lower() == b"unknown":
        return None
    return printable(peer.name)
