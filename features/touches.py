"""What a message touches: the entities it adds to or asks about, and the messages it answers."""

from dataclasses import dataclass

from features.envelope import Direction
from features.rolling import Entity, Increment

__all__ = ["Touches"]


@dataclass(frozen=True, slots=True)
class Touches:
    """A message's increments on arrival, in an order that read_history knows by their kinds.

    The sender comes first, if there is one: an increment of kind domain (inbound) or account
    (outbound). Increments without items only ask. `at` is the message's time in seconds.
    `mentions` are keyed hashes of the Message-IDs that it answers, `message_id` that of its own,
    b"" without one. `author` is the hash of the author's address as pairs and names know it,
    `domain` the author's registrable domain, `claimed` that and those of its Reply-To, as far as
    they aren't free mail's. `proven` tells whether DKIM or SPF proves the sender,
    None where nobody looked. `watch` is the entity that all mail touches, the last of them;
    before it `outbound_watch`, that of outbound mail, asked about by what may answer some.
    `bounced` is the account whose message came back, if this is a bounce. `flags` name what was
    more than is counted: recipients_over, links_over, attachments_over.
    """

    increments: tuple[Increment, ...]
    at: float
    direction: Direction = "inbound"
    mentions: tuple[bytes, ...] = ()
    message_id: bytes = b""
    author: str = ""
    domain: str = ""
    claimed: tuple[str, ...] = ()
    proven: bool | None = None
    watch: Entity | None = None
    outbound_watch: Entity | None = None
    bounced: Entity | None = None
    flags: tuple[str, ...] = ()

    @property
    def sender(self) -> Entity | None:
        """The sender's entity, None where nothing names one."""
        first = self.increments[0].entity if self.increments else None
        return first if first is not None and first.kind.name in ("domain", "account") else None
