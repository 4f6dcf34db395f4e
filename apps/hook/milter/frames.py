"""Frames of the milter protocol: four bytes of length, one byte of command, the payload."""

__all__ = ["FrameError", "Frames", "frame"]

_HEAD = 4


class FrameError(ValueError):
    """The peer doesn't speak the protocol: what comes after can't be told apart."""


def frame(command: bytes, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return (len(payload) + 1).to_bytes(4, "big") + command + payload


class Frames:
    """Bytes as they come in, out as frames; each byte is joined once, however it was split."""

    __slots__ = ("_at", "_cap", "_data", "_more", "_need", "held")

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._data = b""
        self._at = 0
        self._more = bytearray()
        self._need = _HEAD
        self.held = 0

    def feed(self, data: bytes) -> None:
        """Take what was read; `held` is what isn't taken out yet, in bytes."""
        if self.held:
            self._more += data
        else:
            self._data = data
            self._at = 0
        self.held += len(data)

    def take(self) -> tuple[bytes, bytes] | None:
        """Return the next command and its payload, None until a whole frame is there.

        Raises FrameError for a length of 0 or over the cap.
        """
        if self.held < self._need:
            return None
        if self._more:
            self._data = self._data[self._at :] + self._more
            self._at = 0
            self._more.clear()
        begin = self._at + _HEAD
        length = int.from_bytes(self._data[self._at : begin], "big")
        if not 0 < length <= self._cap:
            raise FrameError(f"a frame of {length} bytes; allowed: 1 to {self._cap}")
        if self.held < _HEAD + length:
            self._need = _HEAD + length
            return None
        self._need = _HEAD
        self._at = end = begin + length
        self.held -= _HEAD + length
        return self._data[begin : begin + 1], self._data[begin + 1 : end]
