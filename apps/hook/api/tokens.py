"""Who may ask what over HTTP: a file of tokens, compared in constant time."""

import hashlib
import hmac
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast, get_args

from streams.settings import SettingsError

__all__ = ["ANALYST", "Caller", "Right", "Tokens", "read_tokens"]

Right = Literal["check", "label", "analyst", "read"]

ANALYST: Final[Right] = "analyst"
_RIGHTS: Final[tuple[Right, ...]] = get_args(Right)
_USUAL: Final = frozenset[Right]({"check", "label", "read"})
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHORTEST: Final = 16  # characters
_LONGEST_FILE: Final = 1_000_000  # bytes


class Caller(NamedTuple):
    """Whoever asks: the name that the file gives its token, '' without one; what it may."""

    name: str
    rights: frozenset[Right]


class Tokens:
    """The tokens in force, kept as their SHA-256.

    Without any, whoever can reach an address may ask there; only over a Unix socket, whose file
    has a mode and a group, may they speak as an analyst.
    """

    def __init__(self, callers: Iterable[tuple[bytes, Caller]] = ()) -> None:
        self._callers = tuple(callers)

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._callers)

    def caller(self, token: str | None, *, unix: bool) -> Caller | None:
        """Return who a token belongs to, None for nobody.

        Over a Unix socket none is needed: whoever could open it has every right. A wrong token
        is refused there, too. All are compared, and each in a time that says nothing of it.
        """
        if token is None:
            if unix:
                return Caller("", frozenset(_RIGHTS))
            return None if self._callers else Caller("", _USUAL)
        given = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = None
        for digest, caller in self._callers:
            if hmac.compare_digest(digest, given):
                found = caller
        return found


def read_tokens(path: str) -> Tokens:
    """Read a file of tokens, none for ''; raises SettingsError, one line, without a token in it.

    Each line is `NAME TOKEN [RIGHT...]`; without rights it may check, label and read.
    """
    if not path:
        return Tokens()
    where = f"api.tokens_file = {path!r}"
    try:
        mode = Path(path).stat().st_mode
        with Path(path).open("rb") as file:
            content = file.read(_LONGEST_FILE + 1)
        text = content.decode("ascii")
    except OSError as error:
        raise SettingsError(f"{where}: {error.strerror}; allowed: a file of tokens") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: not ASCII; allowed: `NAME TOKEN [RIGHT...]`") from None
    if mode & stat.S_IRWXO:
        raise SettingsError(
            f"{where}: mode {stat.S_IMODE(mode):04o} lets everybody read it; allowed: 0600, or "
            "0640 for a group (`chmod 600`)"
        )
    if len(content) > _LONGEST_FILE:
        raise SettingsError(f"{where}: allowed: at most {_LONGEST_FILE:,} bytes")
    callers = []
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.partition("#")[0].split():
            try:
                callers.append(_caller(words))
            except ValueError as error:
                raise SettingsError(f"{where}, line {number}: {error}") from None
    if not callers:
        raise SettingsError(f"{where}: no token in it; allowed: `NAME TOKEN [RIGHT...]` a line")
    return Tokens(callers)


def _caller(words: list[str]) -> tuple[bytes, Caller]:
    name, *rest = words
    if not _NAME.fullmatch(name):
        raise ValueError("the name; allowed: letters, digits, - _ and .")
    if not rest or len(rest[0]) < _SHORTEST:
        raise ValueError(f"the token of {name}; allowed: {_SHORTEST} characters or more")
    token, *rights = rest
    for right in rights:
        if right not in _RIGHTS:
            raise ValueError(f"{right!r}; allowed: {', '.join(_RIGHTS)}")
    held = frozenset(cast("list[Right]", rights)) or _USUAL
    return hashlib.sha256(token.encode()).digest(), Caller(name, held)
