"""Verdicts to bytes and back: the same verdict has the same bytes on every run and machine."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from detectors.verdict import Verdict

__all__ = ["decode", "encode"]

_DECODER = msgspec.json.Decoder(Verdict)


def encode(record: msgspec.Struct) -> bytes:
    """Return a verdict, or any other record, as JSON, fields in their fixed order.

    Times are RFC 3339 in UTC with microseconds and a Z. Text that isn't Unicode comes out as
    backslash escapes, an integer beyond 64 bits as text: nothing in a message makes this raise.
    """
    plain = msgspec.to_builtins(record, builtin_types=(datetime,))
    try:
        return _dump(plain)
    except TypeError:  # orjson's own error is a subclass
        return _dump(_representable(plain))


def decode(data: bytes) -> Verdict:
    """Read a record back; raises msgspec.ValidationError or DecodeError where it is none."""
    return _DECODER.decode(data)


def _dump(record: Any) -> bytes:
    return orjson.dumps(record, default=_time, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _time(value: Any) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} has no place in a record")
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return utc.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _representable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    if isinstance(value, dict):
        return {_representable(key): _representable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_representable(item) for item in value]
    return value
