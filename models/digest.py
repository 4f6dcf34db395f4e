"""A digest of what models have learned: replicas that applied the same steps have the same one."""

import hashlib
import struct
from collections.abc import Mapping

import numpy as np

from models.state import State

__all__ = ["state_digest"]


def state_digest(states: Mapping[str, Mapping[str, State]]) -> str:
    """Return the SHA-256 (hex) of parts' states: each name, and each number to the last bit.

    Tables are hashed where they lie: 34 MB take about 20 ms where the processor has SHA
    instructions, and no copy but of a table that isn't contiguous.
    """
    whole = hashlib.sha256()
    for part, state in states.items():
        for name, value in state.items():
            array = isinstance(value, np.ndarray)
            told = value.dtype.str if isinstance(value, np.ndarray) else type(value).__name__
            content = _content(value)
            head = f"{part}\0{name}\0{told}\0".encode()
            whole.update(struct.pack("<?II", array, len(head), len(content)))
            whole.update(head)
            whole.update(content)
    return whole.hexdigest()


def _content(value: State) -> bytes | memoryview:
    if isinstance(value, np.ndarray):
        plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return plain.data.cast("B") if plain.size else b""  # a view of nothing can't be cast
    return value.encode() if isinstance(value, str) else struct.pack("<d", value)
