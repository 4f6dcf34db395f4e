"""The SMTP envelope in a request's headers: rspamd's names, and ours, which say the same."""

import ipaddress
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from apps.hook.submission import Listener, Submission
from features.envelope import Client, Truncated

__all__ = ["OURS", "RSPAMD", "HeaderError", "address", "submission"]

_LONGEST: Final = 1_000  # characters of a value; an address has at most 320 (RFC 5321, 4.5.3.1)

RSPAMD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ip": "IP",
        "helo": "Helo",
        "hostname": "Hostname",
        "from": "From",
        "rcpt": "Rcpt",
        "deliver_to": "Deliver-To",
        "user": "User",
        "queue_id": "Queue-Id",
        "tls": "TLS-Version",
    }
)
"""What each part of the envelope is called in rspamd's protocol."""

OURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ip": "Weir-Client-Ip",
        "helo": "Weir-Client-Helo",
        "hostname": "Weir-Client-Ptr",
        "from": "Weir-Mail-From",
        "rcpt": "Weir-Rcpt-To",
        "user": "Weir-User",
        "queue_id": "Weir-Queue-Id",
        "tls": "Weir-Tls",
    }
)
"""The same in our own API."""

_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "compression": "compressed messages aren't read; send it plain",
        "key": "encrypted requests (HTTPCrypt) aren't read; send it plain",
        "shm": "messages in shared memory aren't read; send it as the request's body",
        "file": "files of this host aren't read; send it as the request's body",
        "path": "files of this host aren't read; send it as the request's body",
    }
)


class HeaderError(ValueError):
    """A header of a request can't be right: one line that names it."""

    def __init__(self, header: str, what: str) -> None:
        self.header = header
        super().__init__(f"{header}: {what}")


def submission(
    headers: Iterable[tuple[bytes, bytes]],
    names: Mapping[str, str],
    raw: bytes,
    *,
    listener: Listener = Listener(),  # noqa: B008 - immutable
    truncated: Truncated | None = None,
) -> Submission:
    """Return a message with the envelope that headers say; others are passed over.

    `names` is RSPAMD or OURS, header names in lower case. Raises HeaderError for a value that
    can't be one, or a header that says two things.
    """
    given = _Given(headers, names)
    recipients = given.many("rcpt") or given.many("deliver_to")
    sender = given.maybe("from")
    return Submission(
        raw,
        listener,
        Client(
            ip=given.address("ip"),
            helo=given.one("helo") or None,
            ptr=_known(given.one("hostname")),
        ),
        mail_from=None if sender is None else _bare(sender),
        rcpt_to=recipients,
        user=given.one("user") or None,
        queue_id=given.one("queue_id") or None,
        tls=given.one("tls") or None,
        truncated=truncated,
    )


class _Given:
    """The headers of interest by their part of the envelope."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], names: Mapping[str, str]) -> None:
        self._names = names
        parts = {name.lower().encode(): part for part, name in names.items()}
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            if (part := parts.get(name)) is not None:
                text = value.decode("utf-8", "backslashreplace").strip()
                if len(text) > _LONGEST and part != "rcpt":
                    raise HeaderError(names[part], f"longer than {_LONGEST:,} characters")
                self._values.setdefault(part, []).append(text)
            elif names is RSPAMD and (why := _REFUSED.get(name.decode("latin-1"))) and value:
                raise HeaderError(name.decode("latin-1").title(), why)

    def maybe(self, part: str) -> str | None:
        """Return the one value of a header, None where it isn't there."""
        values = dict.fromkeys(self._values.get(part, ()))
        if len(values) > 1:
            raise HeaderError(self._names[part], "given more than once; allowed: once")
        return next(iter(values), None)

    def one(self, part: str) -> str:
        """Return the one value of a header, '' where it isn't there."""
        return self.maybe(part) or ""

    def many(self, part: str) -> tuple[str, ...]:
        """Return addresses, of several headers or several in one, parted by commas."""
        found = []
        for value in self._values.get(part, ()):
            # A quoted local part (RFC 5321, 4.1.2) may hold a comma.
            parts = [value] if '"' in value else value.split(",")
            for address in filter(None, map(_bare, parts)):
                if len(address) > _LONGEST:
                    raise HeaderError(self._names[part], f"longer than {_LONGEST:,} characters")
                found.append(address)
        return tuple(found)

    def address(self, part: str) -> str | None:
        """Return an IP address in its usual form."""
        return address(self._names[part], self.one(part))


def address(name: str, said: str) -> str | None:
    """Return an IP address in its usual form; local clients have none.

    Raises HeaderError, which names `name`, for what is no address.
    """
    plain = said.removeprefix("[").removesuffix("]")
    if plain.lower().startswith("ipv6:"):
        plain = plain[5:]
    if not plain or plain == "unknown" or plain.startswith(("unix:", "/")):
        return None
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        raise HeaderError(name, f"{said[:60]!r}; allowed: an IPv4 or IPv6 address") from None


def _bare(address: str) -> str:
    """Return an address without its angle brackets."""
    address = address.strip()
    if address.startswith("<") and address.endswith(">"):
        return address[1:-1].strip()
    return address


def _known(hostname: str) -> str | None:
    """Return a name; MTAs say "unknown" where the address has none."""
    return None if hostname in {"", "unknown"} else hostname
