"""The envelope of a message that comes as a file: what its trace fields say of its delivery."""  # noqa: A005 - the standard's word; nothing here needs the interpreter's tracer

from datetime import UTC, datetime
from ipaddress import ip_address

from features.context import Limits
from features.envelope import Client, Envelope
from features.header_block import read_header, unfold
from features.mailboxes import parse_mailbox
from features.trace_fields import Hop, parse_hop

__all__ = ["envelope_of_file"]

_HOPS = 50
_RECIPIENTS = 512
_TRACE = frozenset({"received", "return-path", "delivered-to", "x-original-to"})
_NO_HOP = Hop("", "", "", "")


def envelope_of_file(raw: bytes, identifier: str, fallback: datetime, limits: Limits) -> Envelope:
    """Make the envelope of mail that has none (.eml, mbox, Maildir); never raises.

    The sender is Return-Path's, None without one; the recipients are Delivered-To's and
    X-Original-To's. The time is the topmost Received's, in UTC, and `fallback` (aware) where
    none tells it: the core reads no clock. Times are as written: who reads many files in a row
    keeps them in order. The client is that of the topmost Received which names one outside
    private networks, since local delivery and fetchmail write theirs above; else the topmost's.
    `identifier` becomes the envelope's id.
    """
    found: dict[str, list[str]] = {name: [] for name in _TRACE}
    _, block, _ = read_header(raw[: limits.message_bytes], limits.headers, limits.header_bytes)
    for name, value in block.fields:
        if name in _TRACE:
            found[name].append(value)
    hops = [parse_hop(unfold(value)) for value in found["received"][:_HOPS]]
    top = hops[0] if hops else _NO_HOP
    client = next((hop for hop in hops if _is_public(hop.ip)), top)
    sender = found["return-path"]
    recipients = [
        parse_mailbox(value).address
        for name in ("delivered-to", "x-original-to")
        for value in found[name][:_RECIPIENTS]
    ]
    return Envelope(
        id=identifier,
        received_at=_utc(top.at) or fallback,
        client=Client(ip=client.ip or None, helo=client.helo or None, ptr=client.ptr or None),
        mail_from=parse_mailbox(sender[0]).address if sender and sender[0] else None,
        rcpt_to=tuple(dict.fromkeys([address for address in recipients if address])),
    )


def _is_public(ip: str) -> bool:
    return bool(ip) and ip_address(ip).is_global


def _utc(at: datetime | None) -> datetime | None:
    try:
        return at.astimezone(UTC) if at is not None else None
    except OverflowError:  # the first or last day that there is, and an offset
        return None
