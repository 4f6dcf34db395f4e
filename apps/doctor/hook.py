"""A running hook: a test message through each of its faces, which no hook judges or counts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from apps.doctor.finding import Finding, fault, fine, warning
from apps.doctor.openers import only_owner
from apps.hook.addresses import Address, parse_addresses
from apps.hook.api.tokens import read_tokens
from apps.hook.probing.asking import (
    RefusedError,
    ask_checkv2,
    ask_milter,
    ask_policy,
    ask_rest,
    reach,
)
from apps.hook.probing.message import make_test_message
from apps.hook.probing.milter import MilterError
from streams.keys import KeysError
from streams.settings import Settings, SettingsError, read_keys

__all__ = ["look_at_hook"]

_SECONDS: Final = 10.0
_SUBJECT: Final = "hook"
_ADVICE: Final = {
    "replies": "Kafka isn't reached: mail is judged without what is known of its senders",
    "workers": "no worker answers in time: look at workers and lag",
    "models": "it is starting: ask again",
    "running": "it is stopping",
}


class _Face(NamedTuple):
    """One protocol on one address; `ask` returns X-Weir-Status, or the policy service's answer."""

    key: str
    protocol: str
    address: Address
    ask: Callable[[], Awaitable[str]]


async def look_at_hook(settings: Settings) -> list[Finding]:
    """Return a finding for each face of the hook; one alone where none runs.

    Nothing where there are no keys: that is another finding's subject.
    """
    try:
        key = read_keys(Path(settings.privacy.keys_file)).token_key
    except (KeysError, OSError):
        return []
    try:
        faces = list(_faces(settings, make_test_message(key, time.time())))
    except SettingsError as error:
        return [fault(_SUBJECT, str(error), "mend the setting: the hook doesn't start with it")]
    found = [(await _looked_at(face), face) for face in faces]
    if faces and all(finding is None for finding, _ in found):
        where = ", ".join(dict.fromkeys(face.address.listener.name for face in faces))
        todo = "start `weir hook` where mail is to be judged while it is received"
        return [warning(_SUBJECT, f"none runs: nobody listens at {where}", todo)]
    return [finding or _silent(face) for finding, face in found]


def _faces(settings: Settings, raw: bytes) -> Iterator[_Face]:
    for address in _known(settings.milter.listen, "milter.listen"):
        yield _Face("milter.listen", "milter", address, partial(ask_milter, address, raw, _SECONDS))
    addresses = _known(settings.api.listen, "api.listen")
    token = _token(settings.api.tokens_file) if addresses else ""
    for address in addresses:
        yield _Face("api.listen", "/v1/check", address, partial(ask_rest, address, raw, token))
        yield _Face("api.listen", "/checkv2", address, partial(ask_checkv2, address, raw, token))
    for address in _known(settings.policyd.listen, "policyd.listen"):
        yield _Face("policyd.listen", "policy service", address, partial(ask_policy, address))


def _known(listen: tuple[str, ...], key: str) -> list[Address]:
    """Return the addresses, less ports that nobody knows beforehand."""
    return [each for each in parse_addresses(listen, key) if each.path is not None or each.port]


def _token(path: str) -> str:
    """Return a token that may check, '' where none is needed; raises SettingsError."""
    tokens = read_tokens(path)
    if not tokens:
        return ""
    for line in Path(path).read_text("ascii").splitlines():
        words = line.partition("#")[0].split()
        caller = tokens.caller(words[1], unix=False) if len(words) > 1 else None
        if caller is not None and "check" in caller.rights:
            return words[1]
    raise SettingsError(f"api.tokens_file = {path!r}: no token in it has the right to check")


async def _looked_at(face: _Face) -> Finding | None:
    """Return what there is to say of a face, None where nobody listens."""
    where = face.address.listener.name
    begun = time.monotonic()
    try:
        async with asyncio.timeout(_SECONDS):
            await reach(face.address)
            status = await face.ask()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except PermissionError:
        todo = f"ask as root or as the hook's user; for the MTA, group=NAME at {face.key}"
        return warning(_SUBJECT, f"{where}: this user may not open the socket", todo)
    except TimeoutError:
        todo = "look at the hook's log, and at what else the machine does"
        return fault(_SUBJECT, f"{where}: no answer within {_SECONDS:g} s", todo)
    except RefusedError as error:
        return fault(_SUBJECT, f"{where}: {error}", _unwelcome(error.status))
    except (OSError, MilterError) as error:
        said = str(error).removeprefix(f"{face.address.text}: ")
        return fault(_SUBJECT, f"{where}: {said}", f"see who listens there: {face.key}")
    return _answered(face, status, time.monotonic() - begun)


def _answered(face: _Face, status: str, seconds: float) -> Finding:
    where = face.address.listener.name
    if face.key == "policyd.listen":
        if status != "action=DUNNO":
            todo = f"see who listens there: {face.key}"
            return fault(_SUBJECT, f"{where}: is no policy service of weir", todo)
    elif not status.startswith("test; "):
        if not status:
            said, todo = "answers, and is no weir hook", f"see who listens there: {face.key}"
        else:
            said = "took the test message for mail: it has other keys, or another clock"
            todo = "give it these settings (privacy.keys_file), restart it, set its clock"
        return fault(_SUBJECT, f"{where}: {said}", todo)
    missing = status.partition("missing=")[2].replace(" ", "").split(",")
    if missing != [""]:
        todo = "; ".join(_ADVICE.get(part, f"look for {part} in its log") for part in missing)
        return warning(_SUBJECT, f"{where}: answers, without {', '.join(missing)}", todo)
    if face.address.path is not None and (mode := only_owner(Path(face.address.path))):
        todo = f"give it the MTA's group: group=NAME at {face.key}"
        return warning(_SUBJECT, f"{where}: {mode}, so that no MTA can open it", todo)
    return fine(_SUBJECT, f"{where} answers by {face.protocol}, in {seconds * 1000:.0f} ms")


def _silent(face: _Face) -> Finding:
    todo = f"restart the hook if {face.key} was added since its start"
    return fault(_SUBJECT, f"{face.address.listener.name}: nobody listens", todo)


def _unwelcome(status: int) -> str:
    if status in {401, 403}:
        return "restart the hook: it has other tokens than api.tokens_file"
    return "look at the hook's log"
