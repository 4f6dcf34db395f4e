"""What is counted of outbound mail, and what every counter answers: one interface, two homes."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

__all__ = [
    "INSTANCE_SECONDS",
    "KNOWN_SECONDS",
    "MOST_ITEMS",
    "PARTS",
    "Counters",
    "CountersError",
    "Kind",
    "Occasion",
    "Tally",
]

PARTS: Final = 12
"""A window is counted in so many parts, and the one that is under way."""
INSTANCE_SECONDS: Final = 3_600
"""How long a transaction is remembered: Postfix's own limits end one long before."""
KNOWN_SECONDS: Final = 30 * 86_400
"""How long a recipient is known to a user or client."""
MOST_ITEMS: Final = 10_000
"""Most recipients or networks kept of one user or client; the oldest go first."""

Kind = Literal["messages", "recipients", "new_recipients", "networks", "bounces", "bounced"]


class CountersError(Exception):
    """The counters can't be asked now; one line."""


class Occasion(NamedTuple):
    """One request: of which transaction, on which recipient (a hash), or on `recipients` in all.

    `recipient` is empty where the request names none: at the end of a message with several.
    `at` is in seconds since 1970.
    """

    instance: str
    at: float
    recipient: bytes = b""
    recipients: int = 0


class Tally(NamedTuple):
    """One counter that a request asks of and, unless it is refused, adds to.

    `beside` is the counter's companion: the recipients known to a user (new_recipients), or what
    the sender sent (bounces). `item` is the network. `bounced` adds a bounce and is never over.
    """

    kind: Kind
    key: str
    over: int
    window: float
    refuses: bool = False
    beside: str = ""
    item: bytes = b""


class Counters(Protocol):
    """Counts requests; the same one of a transaction, asked again, counts once."""

    async def count(self, occasion: Occasion, tallies: Sequence[Tally]) -> tuple[int, ...]:
        """Return the positions of the tallies that this request exceeds.

        If one of those refuses, the request adds to nothing. Raises CountersError.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
