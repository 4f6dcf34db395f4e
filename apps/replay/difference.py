"""Two verdicts field by field: what is written, and where the two differ."""

from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from features.vector import SCHEMA

__all__ = ["Difference", "differences"]

_MOST: Final = 40  # of one verdict; one that is another altogether needn't be told in full
_LONGEST: Final = 200
_NAMED: Final = frozenset({"signals", "overrides", "models", "shadow_models", "findings"})
_ABSENT: Final = "(absent)"


class Difference(NamedTuple):
    """A field, by its path, with what was recorded and what was found, as JSON."""

    field: str
    recorded: str
    found: str


def differences(recorded: bytes, found: bytes) -> tuple[Difference, ...]:
    """Return where two encoded verdicts differ, at most 40 places; () for equal bytes.

    Members of lists that have names are compared by these, feature values by theirs. Fields of
    another release, which this one doesn't know, are compared like all others.
    """
    if recorded == found:
        return ()
    try:
        before, after = msgspec.json.decode(recorded), msgspec.json.decode(found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (Difference("(all of it)", _short(repr(recorded)), _short(repr(found))),)
    told = []
    for difference in _compared("", before, after):
        told.append(difference)
        if len(told) == _MOST:
            break
    return tuple(told) or (Difference("(how it is written)", "the same values", "other bytes"),)


def _compared(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after and type(before) is type(after):
        return
    field = path.rpartition(".")[2]
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            inner = f"{path}.{key}" if path else key
            yield from _compared(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif field in _NAMED and (named := _by_name(before, after)) is not None:
        ours, theirs = named
        for key in dict.fromkeys((*ours, *theirs)):
            yield from _compared(f"{path}[{key}]", ours.get(key, _ABSENT), theirs.get(key, _ABSENT))
        if list(ours) != list(theirs) and ours.keys() == theirs.keys():
            yield Difference(f"{path} (order)", _shown(list(ours)), _shown(list(theirs)))
    elif path == "features.f32" and (values := _numbers(before, after)) is not None:
        ours_, theirs_ = values
        for at in np.flatnonzero(ours_.view("<u4") != theirs_.view("<u4")).tolist():
            name = f"features[{SCHEMA.names[at]}]"
            yield Difference(name, str(ours_[at]), str(theirs_[at]))
    else:
        yield Difference(path, _shown(before), _shown(after))


def _by_name(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return two lists as what their names stand for; None where a name is missing or double."""
    found = []
    for given in (before, after):
        if not isinstance(given, list) or not all(isinstance(it, dict) for it in given):
            return None
        named = {str(it.get("name")): it for it in given}
        if len(named) != len(given):
            return None
        found.append(named)
    return found[0], found[1]


def _numbers(before: Any, after: Any) -> Any:
    """Return two feature vectors as float32; None where they aren't of this schema's length."""
    try:
        ours, theirs = (np.frombuffer(b64decode(given), "<f4") for given in (before, after))
    except (ValueError, TypeError):
        return None
    return (ours, theirs) if len(ours) == len(theirs) == len(SCHEMA.names) else None


def _shown(value: Any) -> str:
    return _short(_ABSENT if value is _ABSENT else msgspec.json.encode(value).decode())


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
