"""How much waits at once: bounded by messages and by bytes, and nothing queues for a place."""

__all__ = ["InFlight"]


class InFlight:
    """Places for messages that wait for a worker or for the brokers' acknowledgement."""

    def __init__(self, messages: int, size: int) -> None:
        """Take bounds: `messages`, and `size` in bytes."""
        self._most = messages
        self._most_bytes = size
        self.messages = 0
        self.bytes = 0

    def enter(self, size: int) -> bool:
        """Take a place for a message of `size` bytes; tell whether there was one.

        A lone message always has one, however large: else it would never be judged.
        """
        if self.messages and (self.messages >= self._most or self.bytes + size > self._most_bytes):
            return False
        self.take(size)
        return True

    def take(self, size: int) -> None:
        """Take a place beyond the bounds: a probe's."""
        self.messages += 1
        self.bytes += size

    def leave(self, size: int) -> None:
        """Give the place of a message of `size` bytes back."""
        self.messages -= 1
        self.bytes -= size
