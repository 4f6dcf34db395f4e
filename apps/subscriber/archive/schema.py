"""The columns of the archive's files, by kind (docs/archive.md). Times are UTC.

Date and tenant aren't columns: they are the names of a file's folders.
"""

from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]  # no types

from apps.subscriber.archive.manifest import Kind

__all__ = ["COLUMNS", "ORDER", "ROWS_A_GROUP"]

_TIME: Final = pa.timestamp("us", "UTC")
_TEXT: Final = pa.string()
_TEXTS: Final = pa.list_(_TEXT)
_PLACE: Final = [("partition", pa.int32()), ("offset", pa.int64()), ("appended", _TIME)]

_SIGNAL: Final = pa.struct([("name", _TEXT), ("group", _TEXT), ("contribution", pa.int64())])
_MODEL: Final = pa.struct([("name", _TEXT), ("version", _TEXT)])

COLUMNS: Final[dict[Kind, pa.Schema]] = {
    "verdicts": pa.schema(
        [
            *_PLACE,
            ("event", _TEXT),  # ce_id
            ("id", _TEXT),
            ("kind", _TEXT),
            ("revision", pa.int32()),
            ("received_at", _TIME),
            ("direction", _TEXT),
            ("from_domain", _TEXT),
            ("mail_from_domain", _TEXT),
            ("sender", _TEXT),
            ("client_net", _TEXT),
            ("rcpt_count", pa.int32()),
            ("fingerprint", _TEXT),
            ("action", _TEXT),
            ("class", _TEXT),
            ("score", pa.float64()),
            ("logit", pa.int64()),
            ("signals", pa.list_(_SIGNAL)),
            ("overrides", _TEXTS),
            ("models", pa.list_(_MODEL)),
            ("policy", _TEXT),
            ("engine", _TEXT),
            ("shadow", _TEXTS),
            ("degraded", _TEXTS),
            ("flags", _TEXTS),
            ("asked", pa.bool_()),
            ("log_epoch", _TEXT),
            ("log_partition", pa.int32()),
            ("log_offset", pa.int64()),
            # The record's bytes, without the vector's Base64 where `cut` says whence it was taken.
            ("record", pa.binary()),
            ("cut", pa.int32()),
            ("vector", pa.binary()),  # little-endian float32
        ]
    ),
    "messages": pa.schema(
        [
            *_PLACE,
            ("id", _TEXT),  # empty where its publisher gave none
            ("received_at", _TIME),
            ("requeued", pa.bool_()),
            ("envelope", pa.binary()),  # the header weir-envelope
            ("raw", pa.binary()),
        ]
    ),
    "labels": pa.schema(
        [
            *_PLACE,
            ("event", _TEXT),
            ("id", _TEXT),  # of the label
            ("target", _TEXT),  # `id:ID`, `message-id:ID`, `position:...` or `raw:SHA-256`
            ("truth", _TEXT),
            ("source", _TEXT),
            ("reporter", _TEXT),
            ("given_at", _TIME),
            ("retracts", _TEXT),
            ("record", pa.binary()),  # without a message's bytes, where the label brought them
        ]
    ),
    "models": pa.schema([*_PLACE, ("type", _TEXT), ("record", pa.binary())]),
}

ORDER: Final[dict[Kind, tuple[str, ...]]] = {
    "verdicts": ("received_at", "log_partition", "log_offset", "revision", "partition", "offset"),
    "messages": ("received_at", "partition", "offset"),
    "labels": ("appended", "partition", "offset"),
    "models": ("partition", "offset"),
}
"""How the rows of a file are sorted; nulls come first."""

ROWS_A_GROUP: Final[dict[Kind, int]] = {
    "verdicts": 8192,
    "messages": 256,
    "labels": 65_536,
    "models": 8192,
}
