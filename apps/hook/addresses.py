"""The addresses that the hook's faces listen on, as settings and commands say them."""

from typing import Literal, NamedTuple, get_args

from apps.hook.submission import TENANT, TENANT_FORM, Listener
from streams.settings import SettingsError

__all__ = ["Address", "parse_address", "parse_addresses"]

_Direction = Literal["auto", "inbound", "outbound"]
_FORM = (
    "allowed: unix:PATH or inet:HOST:PORT, then tenant=NAME, direction=inbound|outbound and, "
    "for unix, mode=OCTAL, group=NAME"
)
_UNIX_PATH_BYTES = 107  # sockaddr_un of Linux, less the final NUL


class Address(NamedTuple):
    """Where one face listens, and what holds for all mail that comes there.

    Either `path` (a Unix socket, with the `mode` of its file and the `group` that owns it, None
    for the process's own) or `host` and `port` (port 0: any that is free).
    """

    text: str
    listener: Listener = Listener()
    path: str | None = None
    mode: int = 0o660
    group: str | None = None
    host: str = ""
    port: int = 0


def parse_addresses(texts: tuple[str, ...], key: str) -> tuple[Address, ...]:
    """Return the addresses of a setting `key` (`milter.listen`), as `parse_address` does each.

    Raises SettingsError also where one is given twice.
    """
    addresses = tuple(parse_address(text, key) for text in texts)
    seen = set()
    for address in addresses:
        place = (address.path, address.host, address.port)
        if place in seen and not (address.host and not address.port):
            raise SettingsError(f"{key}: {address.text!r} is given twice; allowed: each once")
        seen.add(place)
    return addresses


def parse_address(text: str, key: str) -> Address:
    """Return what `unix:PATH|inet:HOST:PORT [NAME=VALUE ...]` says.

    An IPv6 address stands in brackets. Raises SettingsError, one line that begins with `key`,
    for anything else.
    """
    where, *options = text.split() or [""]
    kind, _, place = where.partition(":")
    given = _options(text, options, key)
    listener = Listener(
        name=where, tenant=given.get("tenant", ""), direction=_direction(text, given, key)
    )
    if kind == "unix":
        return _unix(Address(text, listener, place), given, key)
    if kind == "inet":
        return _inet(Address(text, listener), place, given, key)
    raise _wrong(key, text)


def _unix(address: Address, given: dict[str, str], key: str) -> Address:
    assert address.path is not None
    if not address.path:
        raise _wrong(key, address.text)
    if len(address.path.encode()) > _UNIX_PATH_BYTES:
        raise SettingsError(
            f"{key}: {address.text!r} has a path of {len(address.path.encode())} bytes; "
            f"allowed: at most {_UNIX_PATH_BYTES}"
        )
    mode = given.get("mode", "660")
    if not 3 <= len(mode) <= 4 or not set(mode) <= set("01234567") or int(mode, 8) > 0o777:
        raise SettingsError(
            f"{key}: mode={mode} in {address.text!r}; allowed: octal, as 660 or 0666"
        )
    return address._replace(mode=int(mode, 8), group=given.get("group"))


def _inet(address: Address, place: str, given: dict[str, str], key: str) -> Address:
    host, colon, port = place.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise SettingsError(
            f"{key}: {address.text!r}; allowed: an IPv6 address in brackets, as inet:[::1]:8891"
        )
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise _wrong(key, address.text)
    if len(port) > 5 or int(port) > 65535:
        raise SettingsError(f"{key}: port {port} in {address.text!r}; allowed: 0 to 65535")
    for name in ("mode", "group"):
        if name in given:
            raise SettingsError(f"{key}: {name}= in {address.text!r}; allowed: with unix: only")
    return address._replace(host=host, port=int(port))


def _options(text: str, options: list[str], key: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in {"tenant", "direction", "mode", "group"} or not value or name in given:
            raise SettingsError(f"{key}: {option!r} in {text!r}; {_FORM}, each once")
        given[name] = value
    if "tenant" in given and not TENANT.fullmatch(given["tenant"]):
        raise SettingsError(f"{key}: tenant={given['tenant']} in {text!r}; allowed: {TENANT_FORM}")
    return given


def _direction(text: str, given: dict[str, str], key: str) -> _Direction:
    for direction in get_args(_Direction):
        if given.get("direction", "auto") == direction:
            return direction  # type: ignore[no-any-return]  # get_args has no types
    raise SettingsError(
        f"{key}: direction={given['direction']} in {text!r}; allowed: auto, inbound, outbound"
    )


def _wrong(key: str, text: str) -> SettingsError:
    return SettingsError(f"{key}: {text!r}; {_FORM}")
