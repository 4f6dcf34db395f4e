"""Envelopes made of what an MTA said: as much of it as a record of the mail log has room for."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from apps.hook.submission import Submission
from apps.hook.tenants import Share
from features.envelope import Client, Direction, Envelope, Truncated
from streams.wire import printable

__all__ = ["Cut", "cut", "envelope"]

_LONGEST: Final = 1_000  # characters of a host, a sender or a user; SMTP allows 255 and 254
_RECIPIENTS: Final = 65_536  # bytes of recipients as JSON: half of what a record has for headers


class Cut(NamedTuple):
    """A message as it goes to the log; `truncated` says what is missing, None for nothing."""

    raw: bytes
    truncated: Truncated | None


def cut(submission: Submission, longest: int) -> Cut:
    """Cut a message to what the mail log takes (bytes); hashes the whole of what is longer."""
    raw, truncated = submission.raw, submission.truncated
    if len(raw) <= longest:
        return Cut(raw, truncated)
    truncated = truncated or Truncated(len(raw), sha256(raw).hexdigest())
    return Cut(raw[:longest], truncated)


def envelope(
    submission: Submission,
    share: Share,
    direction: Direction,
    identifier: str,
    received_at: datetime,
) -> Envelope:
    """Return the envelope of the recipients that one tenant answers for, without facts.

    Recipients beyond 64 KiB are left out, in their order, and each text beyond 1,000 characters:
    an envelope must fit a record's header, whatever a client says.
    """
    client = submission.client
    return Envelope(
        id=identifier,
        received_at=received_at,
        direction=direction,
        tenant=share.tenant,
        client=Client(_text(client.ip), _text(client.helo), _text(client.ptr)),
        mail_from=_text(submission.mail_from),
        rcpt_to=_fitting(share.recipients),
        user=_text(submission.user),
        queue_id=_text(submission.queue_id),
        tls=_text(submission.tls),
        truncated=submission.truncated,
    )


def _text(value: str | None) -> str | None:
    return None if value is None else printable(value[:_LONGEST])


def _fitting(recipients: Iterable[str]) -> tuple[str, ...]:
    kept, room = [], _RECIPIENTS
    for recipient in recipients:
        text = printable(recipient[:_LONGEST])
        room -= len(msgspec.json.encode(text)) + 1
        if room < 0:
            break
        kept.append(text)
    return tuple(kept)
