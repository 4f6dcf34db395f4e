"""What an MTA is to do with a message: the same for every adapter, said in SMTP's own words."""

from typing import NamedTuple

import msgspec

from detectors.actions import Action
from detectors.verdict import Verdict

__all__ = ["Field", "Outcome", "Reply"]


class Reply(NamedTuple):
    """An SMTP reply (RFC 5321, RFC 3463): printable ASCII, one line."""

    code: int
    enhanced: str
    text: str


class Field(NamedTuple):
    """A header field to add: printable ASCII, folded by LF and a space, no line over 998 octets."""

    name: str
    value: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with a message, on which verdicts.

    `action` is what is enforced on the whole message; `verdicts` are those it rests on, one
    unless recipients of several tenants had one each, the first is the one whose id is told.
    `reply` is the SMTP reply of defer and reject, else None. `remove` names the header fields of
    which every copy that came with the message goes, before `add` are added. `authserv_ids` are
    those whose Authentication-Results (RFC 8601) go, as they are forged. `subject` is what is put
    before the subject, "" for nothing. `hold` is the reason of a quarantine, "" for none.
    """

    action: Action
    verdicts: tuple[Verdict, ...] = ()
    reply: Reply | None = None
    remove: tuple[str, ...] = ()
    authserv_ids: tuple[str, ...] = ()
    add: tuple[Field, ...] = ()
    subject: str = ""
    hold: str = ""
