"""Which messages the audit asks a label of: a chance by stratum, drawn so that nobody can foresee.

The draw is a keyed hash of the message's id: the same on every worker, for a redelivered message
and in a replay; whoever doesn't hold the key can't send what isn't asked about.
"""

from bisect import bisect_right
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

__all__ = ["NOT_ASKED", "Ask", "Asking", "ask"]

_PERSON: Final = b"weir audit ask"  # so that no other use of the key gives the same hash
_RANGE: Final = 1 << 64
_MICRO: Final = 1_000_000


class Ask(msgspec.Struct, frozen=True):
    """Whether the audit budget asks for a label of this message, and with what probability."""

    theta: str
    p: float
    asked: bool


class Asking(Protocol):
    """How the audit asks (streams.model_records.Theta): one more chance than edges, in logits."""

    @property
    def version(self) -> str:
        """Name of these chances, as verdicts quote it."""

    @property
    def edges(self) -> tuple[float, ...]:
        """Lower ends of the strata but the first, rising."""

    @property
    def chances(self) -> tuple[float, ...]:
        """The chance of each stratum, in [0, 1]."""


NOT_ASKED: Final = Ask("", 0.0, asked=False)
"""What a verdict holds where no audit is known, or where the message broke the pipeline."""


def ask(message: str, key: bytes, logit: int | None, theta: Asking | None) -> Ask:
    """Draw whether a label is asked for; a function of its arguments alone.

    Args:
        message: its id.
        key: secret of the installation (`features.context.Context.hash_key`).
        logit: the verdict's, in millionths; None where it has none.
        theta: the chances in force; None where no learner has published any.
    """
    if theta is None or logit is None:
        return NOT_ASKED
    chance = theta.chances[bisect_right(theta.edges, logit / _MICRO)]
    digest = blake2b(
        message.encode("utf-8", "backslashreplace"), digest_size=8, person=_PERSON, key=key[:64]
    )
    drawn = int.from_bytes(digest.digest(), "big")
    return Ask(theta.version, chance, asked=drawn < chance * _RANGE)
