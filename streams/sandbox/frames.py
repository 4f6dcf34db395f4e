"""What passes between a worker and its reader: frames of msgpack behind their length."""

from struct import Struct
from typing import Final

import msgspec

from features.opened import File, Request

__all__ = ["LENGTH", "LONGEST_ANSWER", "READY", "answers", "requests"]

LENGTH: Final = Struct(">I")
LONGEST_ANSWER = 16_000_000  # bytes; the reader's own bounds keep it far below
READY: Final = b"ready"
"""The reader's first frame."""

requests: Final = msgspec.msgpack.Decoder(tuple[Request, ...])
answers: Final = msgspec.msgpack.Decoder(tuple[File, ...])
