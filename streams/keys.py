"""The secrets of an installation: made once, kept in one file that others can't read."""

import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Keys", "KeysError", "read_keys", "write_keys"]

_KEY_BYTES = 32


class KeysError(ValueError):
    """The keys file can't be used: one line that says which file, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """`hash_key` keys the hashes of addresses, `token_key` signs tokens, `token_salt` n-grams."""

    hash_key: bytes = field(repr=False)
    hash_key_id: str
    token_key: bytes = field(repr=False)
    token_salt: int = field(repr=False)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    hash_key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64,}$")]
    hash_key_id: Annotated[str, Meta(pattern=r"^[0-9A-Za-z]{1,16}$")]
    token_key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64,}$")]
    token_salt: Annotated[int, Meta(ge=1, le=2**63 - 1)]


def write_keys(path: Path) -> Keys:
    """Make new keys and write them to a file that didn't exist (mode 0600).

    Raises FileExistsError where there is one: a second set would orphan every stored hash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        "# Made once by `weir keys create`. Back it up: without it, old hashes match nothing.\n"
        f'hash_key = "{secrets.token_hex(_KEY_BYTES)}"\n'
        'hash_key_id = "1"\n'
        f'token_key = "{secrets.token_hex(_KEY_BYTES)}"\n'
        f"token_salt = {secrets.randbelow(2**63 - 1) + 1}\n"
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    return read_keys(path)


def read_keys(path: Path) -> Keys:
    """Read the keys; raises KeysError for a missing, malformed or world-readable file."""
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        todo = "make it once with `weir keys create`, then copy it to every worker"
        if isinstance(error, PermissionError):
            todo = "allowed: a file that the user who runs this can read (`chgrp`, `chmod 640`)"
        raise KeysError(f"privacy.keys_file = {str(path)!r}: {error.strerror}; {todo}") from None
    if mode & stat.S_IRWXO:
        raise KeysError(
            f"privacy.keys_file = {str(path)!r}: mode {stat.S_IMODE(mode):04o} lets everybody "
            "read it; allowed: 0600, or 0640 for a group (`chmod 600`)"
        )
    try:
        file = msgspec.toml.decode(content, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeysError(
            f"privacy.keys_file = {str(path)!r}: {error}; wanted: hash_key and token_key of 64 "
            "or more hex digits, hash_key_id, token_salt"
        ) from None
    return Keys(
        hash_key=bytes.fromhex(file.hash_key),
        hash_key_id=file.hash_key_id,
        token_key=bytes.fromhex(file.token_key),
        token_salt=file.token_salt,
    )
