"""What a message adds to each entity on its arrival, and which ones it only asks about."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from features.attachments import Attachments
from features.authentication import Authentication
from features.conversation import is_personal
from features.correspondents import name_key, sender_skeletons, skeleton
from features.domains import split_host
from features.entities import ALL_MAIL, Namer, ip_name
from features.envelope import Envelope
from features.headers import Headers
from features.hosts import is_freemail
from features.links import Links
from features.message import Message
from features.origin import RECIPIENTS, Origin
from features.rolling import KINDS, Increment, counted, mark

__all__ = ["ATTACHMENTS", "LINKS", "Increments", "claimed_domains", "linked_domains", "sent_files"]

LINKS: Final = 8
ATTACHMENTS: Final = 16
_NAMED = 16  # correspondents of an outbound message whose names and domains are kept
_ORGANIZATIONS = 2  # of the recipients', in which an author's name is looked for
_ANSWERS = 2  # addresses of Reply-To whose domains are looked at
_LONGEST = 256  # characters of what is told apart
_BANDS = 2  # of a fingerprint's six: each costs an entity
_FIELD = 8_192  # characters of a DKIM signature
_MESSAGE: Final = {
    name: counted(kind, "messages") for name, kind in KINDS.items() if "messages" in kind.codes
}


def _code(kind: str, sketch: str) -> bytes:
    return bytes((KINDS[kind].sketch_codes[sketch],))


_SENDER_SKETCHES: Final = {
    kind: tuple([_code(kind, sketch) for sketch in ("recipients", "networks", "contents")])
    for kind in ("domain", "account")
}
_IP_DOMAINS, _NETWORK_DOMAINS = _code("ip", "domains"), _code("network", "domains")
_LINK_SENDERS, _CONTENT_SENDERS = _code("link", "senders"), _code("content", "senders")
_CONTENT_RECIPIENTS = _code("content", "recipients")
_SIGNATURE_RECIPIENTS = _code("signature", "recipients")
_RECEIVED: Final = counted(KINDS["pair"], "received")
_SENT: Final = {name: counted(KINDS[name], "sent") for name in ("pair", "name", "likeness")}


class Increments:
    """The increments of one message, by subject."""

    __slots__ = ("_content", "_domain", "_namer", "_network", "_origin", "_recipients")

    def __init__(self, namer: Namer, origin: Origin, fingerprint: str) -> None:
        self._namer = namer
        self._origin = origin
        content = fingerprint.partition("-")[0]
        self._recipients = _marks(origin.recipients)
        self._domain = _marks((origin.domain,) if origin.domain else ())
        self._network = _marks((origin.network,) if origin.network else ())
        self._content = _marks((content,) if content else ())

    def account(self, login: str) -> Iterator[Increment]:
        """Yield that of outbound mail's sender: the login name, else the user's address."""
        name = self._namer.person(login) or self._origin.author
        if name:
            yield self._sender("account", name)

    def domain(self) -> Iterator[Increment]:
        """Yield those of inbound mail's sender: domain, address, and the route it took."""
        origin = self._origin
        if not origin.sender:
            return
        yield self._sender("domain", origin.sender)
        name, at, network = origin.sender.partition("@")
        if origin.author and "/" not in name:  # else the sender is the address
            yield self._seen("address", f"{name}/{origin.author}{at}{network}")
        if origin.network and not at:
            yield self._seen("route", f"{name}@{origin.network}")

    def watch(self) -> Increment:
        """Return that of all mail, whose first sight is since when the state has watched."""
        return self._seen("route", ALL_MAIL)

    def outbound_watch(self) -> Increment:
        """Return that of the tenant's outbound mail; inbound mail only asks about it."""
        entity = self._namer.outbound_mail()
        return Increment(entity, _MESSAGE["route"] if self._origin.outbound else b"")

    def client(self) -> Iterator[Increment]:
        """Yield those of the client's address, its network and its greeting."""
        origin = self._origin
        if origin.ip:
            yield self._seen("ip", ip_name(origin.ip), _IP_DOMAINS.join(self._domain))
            yield self._seen("network", origin.network, _NETWORK_DOMAINS.join(self._domain))
        if origin.greeting:
            yield self._seen("helo", origin.greeting)

    def content(self, fingerprint: str) -> Iterator[Increment]:
        """Yield those of the content: a short text as a whole, else the first two bands."""
        bands = fingerprint.split("-")[:_BANDS] if fingerprint else ()
        distinct = _CONTENT_RECIPIENTS.join(self._recipients) + _CONTENT_SENDERS.join(self._domain)
        for place, band in enumerate(bands):
            name = band if band.startswith("=") else f"{place}.{band}"
            yield self._seen("content", name, distinct)

    def links(self, domains: Sequence[str]) -> Iterator[Increment]:
        """Yield those of the first domains linked to."""
        distinct = _LINK_SENDERS.join(self._domain)
        for domain in domains[:LINKS]:
            yield self._seen("link", domain, distinct)

    def attachments(self, digests: Sequence[str]) -> Iterator[Increment]:
        """Yield those of the first attachments, by their SHA-256."""
        for digest in digests[:ATTACHMENTS]:
            yield self._seen("attachment", digest)

    def signature(self, message: Message, authentication: Authentication) -> Iterator[Increment]:
        """Yield that of the first DKIM signature (RFC 6376, 3.5), by a hash of its b=.

        Not where our edge looked and none passes: a copied signature that signs something else is
        no replay, and would count against whoever made it.
        """
        if authentication.dkim not in ("pass", "missing"):
            return
        value = message.raw_first("dkim-signature")[:_FIELD]
        for tag in value.split(";"):
            name, equals, signed = tag.partition("=")
            if equals and name.strip() == "b":
                octets = "".join(signed.split()).encode("utf-8", "backslashreplace")
                if octets:
                    name = hashlib.blake2b(octets, digest_size=16).hexdigest()
                    yield self._seen(
                        "signature", name, _SIGNATURE_RECIPIENTS.join(self._recipients)
                    )
                return

    def received(self, headers: Headers) -> Iterator[Increment]:
        """Yield those of inbound mail's pairs, and what its author might be taken for."""
        origin, entity = self._origin, self._namer.entity
        if not origin.author:
            return
        for person in origin.recipients:
            yield Increment(entity("pair", f"{person},{origin.correspondent}"), _RECEIVED)
        name = name_key(headers.from_.display)
        if name:
            hidden = self._namer.hidden_name(name)
            for person in origin.recipients:
                yield Increment(entity("name", f"{person},{hidden}"))
            for domain in _organizations(headers):
                yield Increment(entity("name", f"={domain},{hidden}"))
        for domain in claimed_domains(headers):
            yield Increment(entity("likeness", f"={domain}"))
            for looks in sender_skeletons(domain):
                yield Increment(entity("likeness", looks))

    def sent(self, envelope: Envelope, headers: Headers) -> Iterator[Increment]:
        """Yield those of outbound mail's pairs, and of the names and domains written to.

        What a program answers or sends to many makes nobody a correspondent: else whoever gets
        an out-of-office reply would be one.
        """
        origin, entity = self._origin, self._namer.entity
        if not origin.author:
            return
        personal = is_personal(headers, envelope)
        for person in origin.recipients:
            pair = entity("pair", f"{origin.author},{person}")
            yield Increment(pair, _SENT["pair"] if personal else b"")
        if not personal:
            return
        name = name_key(headers.from_.display)
        if name:
            hidden, own = self._namer.hidden_name(name), headers.from_.domain.registrable
            if own and not is_freemail(own):
                yield Increment(entity("name", f"={own},{hidden}"), _SENT["name"])
        people = dict(zip(headers.recipients, origin.recipients, strict=False))
        named = 0
        for mailbox in (*headers.to, *headers.cc):
            person, name = people.get(mailbox.address, ""), name_key(mailbox.display)
            if name and person and person != origin.author and named < _NAMED:
                named += 1
                hidden = self._namer.hidden_name(name)
                key = entity("name", f"{origin.author},{hidden}")
                yield Increment(key, _SENT["name"], person.encode())
        yield from self._domains(headers.recipients, _own_domains(envelope, headers))

    def _domains(self, recipients: Sequence[str], own: frozenset[str]) -> Iterator[Increment]:
        """Yield the likenesses of the recipients' domains: as they are, and as they look."""
        entity = self._namer.entity
        hosts = [address.rpartition("@")[2] for address in recipients]
        domains = dict.fromkeys([split_host(host).registrable for host in hosts])
        foreign = [it for it in domains if it and it not in own and not is_freemail(it)]
        for domain in foreign[:_NAMED]:
            tag = domain.encode("utf-8", "backslashreplace")
            yield Increment(entity("likeness", f"={domain}"), _SENT["likeness"], tag)
            looks = skeleton(domain)
            if looks:
                yield Increment(entity("likeness", looks), _SENT["likeness"], tag)

    def _sender(self, kind: str, name: str) -> Increment:
        recipients, networks, contents = _SENDER_SKETCHES[kind]
        items = (
            counted(KINDS[kind], "recipients", self._origin.recipient_count),
            recipients.join(self._recipients),
            networks.join(self._network),
            contents.join(self._content),
        )
        return self._seen(kind, name, b"".join(items))

    def _seen(self, kind: str, name: str, items: bytes = b"") -> Increment:
        return Increment(self._namer.entity(kind, name), _MESSAGE[kind] + items)


def claimed_domains(headers: Headers) -> tuple[str, ...]:
    """Return the domains that may be taken for a correspondent's: the author's, the answers'.

    Registrable ones, each once; free mail is nobody's.
    """
    answers = [mailbox.domain.registrable for mailbox in headers.reply_to[:_ANSWERS]]
    domains = dict.fromkeys([headers.from_.domain.registrable, *answers])
    return tuple([domain for domain in domains if domain and not is_freemail(domain)])


def _organizations(headers: Headers) -> list[str]:
    """Return the recipients' registrable domains, the first two, but for the author's own."""
    hosts = [address.rpartition("@")[2] for address in headers.recipients[: RECIPIENTS["inbound"]]]
    domains = dict.fromkeys([split_host(host).registrable for host in hosts])
    own = headers.from_.domain.registrable
    return [it for it in domains if it and it != own and not is_freemail(it)][:_ORGANIZATIONS]


def linked_domains(links: Links) -> list[str]:
    """Return the registrable domains linked to, each once, in the message's order."""
    return list(dict.fromkeys(filter(None, [link.domain.registrable for link in links.all])))


def sent_files(attachments: Attachments) -> list[str]:
    """Return the SHA-256 of the attachments that hold anything, each once."""
    return list(dict.fromkeys([found.sha256 for found in attachments.all if found.size]))


def _own_domains(envelope: Envelope, headers: Headers) -> frozenset[str]:
    hosts = [(it or "").rpartition("@")[2] for it in (envelope.user, envelope.mail_from)]
    return frozenset(
        [split_host(host.lower()).registrable for host in (*hosts, headers.from_.host)]
    )


def _marks(elements: Sequence[str]) -> list[bytes]:
    """Return elements' marks behind an empty one: joined by a sketch's code, they are its items."""
    return [b"", *[_mark(element[:_LONGEST]) for element in elements]]


@lru_cache(maxsize=32_768)
def _mark(element: str) -> bytes:
    return mark(element.encode("utf-8", "backslashreplace"))
