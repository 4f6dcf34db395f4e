"""What only an analyst can decide: reports that a veto holds back, and trusted ones at odds."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from models.hearing import words_of
from models.standing import standing
from streams.labels.asking import Counted
from streams.stores.label_state import LabelRecord

__all__ = ["Disputed", "dispute_of", "disputed"]


class Disputed(NamedTuple):
    """A labelled message that waits for an analyst: why, and how many say abuse and how many ham.

    `last` is when the last of them spoke (s).
    """

    message: str
    why: str
    abuse: int
    ham: int
    last: float


def dispute_of(record: LabelRecord) -> Disputed | None:
    """Return what is to be decided of a labelled message; None where nothing is."""
    stands = standing(record.voices)
    why = stands.vetoed or ("as much speaks for as against" if stands.contested else "")
    if not why:
        return None
    said = words_of(record.voices, None)
    against = sum(it.abuse for it in said)
    last = max(it.given.at for it in said)
    return Disputed(record.message, why, against, len(said) - against, last)


async def disputed(counted: Counted, tenant: str) -> AsyncIterator[Disputed]:
    """Yield the tenant's messages that wait for an analyst; raises RedisError or StoreError."""
    async for record in counted.every():
        if record.tenant == tenant and (found := dispute_of(record)) is not None:
            yield found
