"""Where a message comes from and whom it is for, as far as the state of senders goes by it."""

from typing import Final, NamedTuple

from features.authentication import Authentication
from features.client import client_ip, client_network, written_ip
from features.context import Context
from features.domains import split_host
from features.entities import UNKNOWN_NETWORK, Namer, domain_of, proof_name
from features.envelope import Envelope
from features.headers import Headers

__all__ = ["RECIPIENTS", "Origin", "read_origin"]

RECIPIENTS: Final = {"inbound": 16, "outbound": 100}
"""Recipients that are counted one by one, by direction."""


class Origin(NamedTuple):
    """The client, the sender, and the recipients.

    `greeting` is the registrable domain of the client's HELO, else of its PTR. `sender` is the name
    of the sender's domain with its proof, `domain` the domain alone, '' for none. `author` is the
    hash of the author's address: inbound that of From, else MAIL FROM; outbound that of our user.
    `correspondent` is the author as pairs know it: where our edge looked and found From's domain
    not proven, the address counts for this network alone. `recipients` are hashes too, of
    `recipient_count` altogether.
    """

    outbound: bool
    ip: str
    network: str
    greeting: str
    sender: str
    domain: str
    author: str
    correspondent: str
    recipients: tuple[str, ...]
    recipient_count: int


def read_origin(
    envelope: Envelope,
    headers: Headers,
    authentication: Authentication,
    namer: Namer,
    context: Context,
) -> Origin:
    """Return a message's origin; what is missing is empty."""
    outbound = envelope.direction == "outbound"
    ip = client_ip(envelope, headers.hops, context)
    network = client_network(ip)
    written = headers.from_ if headers.from_.address else headers.return_path
    address = _user(envelope, headers) if outbound else written.address
    author = namer.person(address)
    host = (authentication.proven or written.host).lower().strip(".")
    sender = ""
    if host:
        sender = proof_name(authentication.proven_by or "claimed", host, author, network)
    correspondent = author
    if author and authentication.source and not authentication.aligned and not outbound:
        correspondent = f"{author}@{network or UNKNOWN_NETWORK}"
    return Origin(
        outbound=outbound,
        ip=ip,
        network=network,
        greeting="" if outbound else _greeting(envelope, headers, ip),
        sender=sender,
        domain=domain_of(host),
        author=author,
        correspondent=correspondent,
        recipients=tuple(
            [namer.person(it) for it in headers.recipients[: RECIPIENTS[envelope.direction]]]
        ),
        recipient_count=max(len(headers.recipients), len(envelope.rcpt_to)),
    )


def _user(envelope: Envelope, headers: Headers) -> str:
    """Return our user's address: the login name if it is one, else MAIL FROM, else From."""
    user = envelope.user or ""
    return user if "@" in user else (envelope.mail_from or headers.from_.address)


def _greeting(envelope: Envelope, headers: Headers, ip: str) -> str:
    client = envelope.client
    helo, ptr = client.helo or "", client.ptr or ""
    if ip and written_ip(client.ip or "") != ip:  # a relay of ours says whom it spoke to
        hop = next((hop for hop in headers.hops if written_ip(hop.ip) == ip), None)
        helo, ptr = (hop.helo, hop.ptr) if hop else ("", "")
    return split_host(helo.lower()).registrable or split_host(ptr.lower()).registrable
