"""How often each signal fires, by pool of legitimate mail; any unit's mail can be taken out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apps.weighing.seen import Seen

__all__ = ["SMALL", "Counts", "count", "pools"]

SMALL = 100
"""Messages below which a source is counted with the other small ones: one of 17 says nothing."""

_POOLED = "small sources"


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages by pool, and by signal the messages it fired on, by pool."""

    messages: Counter[str]
    fired: Mapping[str, Counter[str]]

    @property
    def total(self) -> int:
        """The number of messages."""
        return self.messages.total()

    def without(self, other: "Counts") -> "Counts":
        """Return what is left when other's messages, which are among these, are taken out."""
        fired = {
            name: pools - other.fired.get(name, Counter()) for name, pools in self.fired.items()
        }
        return Counts(self.messages - other.messages, fired)

    def rates(self, name: str, least: int = 1) -> dict[str, float]:
        """Return the share of each pool's messages on which a signal fires.

        A pool of fewer than `least` messages counts as one of so many.
        """
        fired = self.fired.get(name, Counter())
        return {
            pool: fired[pool] / max(least, total) for pool, total in sorted(self.messages.items())
        }


def pools(seen: Iterable[Seen]) -> dict[str, str]:
    """Return each source's pool: the one it was given, else its own name unless it is small."""
    seen = list(seen)
    sizes = Counter(one.source for one in seen)
    given = {one.source: one.pool for one in seen}
    small = [name for name, size in sizes.items() if not given[name] and size < SMALL]
    return {
        name: pool or (_POOLED if name in small and len(sizes) > 1 else name)
        for name, pool in given.items()
    }


def count(seen: Iterable[Seen], pool_of: Mapping[str, str]) -> Counts:
    """Count messages, each signal at most once a message."""
    messages: Counter[str] = Counter()
    fired: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        pool = pool_of[one.source]
        messages[pool] += 1
        for name in {finding.name for finding in one.findings}:
            fired[name][pool] += 1
    return Counts(messages, dict(fired))
