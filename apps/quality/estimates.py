"""From labels of messages drawn by known chances to all mail: false positives and misses.

Mail is cut into cells by action and stratum of the logit, of which we know how many messages each
holds. Within a cell the share of abuse is estimated by inverse propensity (Hajek, 1971): each
labelled message stands for 1 / p of them. The sum over cells, each by its known size, is the
post-stratified estimate. An asked message that nobody labelled counts as one like the labelled ones
of its stratum.

Intervals: the exact one in each cell, at Kish's effective number of labels (1965), put together by
Zou and Donner's rule (MOVER, 2008), which needs no normal distribution: with no mistake among n
labels it says "at most about 4 in n", as it should, and not "none, give or take nothing".
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Final, NamedTuple

from apps.quality.exact import interval

__all__ = ["Cell", "Drawn", "Estimate", "estimate", "labels_for"]

_FEWEST: Final = 10  # labels of a cell; thinner ones are put together with their neighbours


class Cell(NamedTuple):
    """Messages of one action in one stratum of the logit (from the lowest, 0)."""

    action: str
    stratum: int


class Drawn(NamedTuple):
    """A message that was asked about, and its chance; `abuse` is None until it is labelled."""

    cell: Cell
    chance: float
    abuse: bool | None


class Estimate(NamedTuple):
    """How many of `messages` are what was looked for: estimate and 95 % interval, in messages.

    `labels` is the number that it rests on, `found` how many of them were it.
    """

    messages: float
    likely: float
    low: float
    high: float
    labels: int
    found: int

    @property
    def is_known(self) -> bool:
        """Whether it says anything: an interval as wide as half of all mail says nothing."""
        return self.labels > 0 and self.high - self.low <= 0.5 * self.messages

    @property
    def shares(self) -> tuple[float, float, float]:
        """The estimate and its interval as shares of the messages."""
        whole = self.messages or 1.0
        return self.likely / whole, self.low / whole, self.high / whole


class _Part(NamedTuple):
    """A cell, or neighbours put together: how many messages, and the weighted labels in them."""

    messages: float
    weights: tuple[tuple[float, bool], ...]


def estimate(
    sizes: Mapping[Cell, float],
    drawn: Iterable[Drawn],
    *,
    abuse: bool,
    where: Callable[[str], bool] = lambda _action: True,
) -> Estimate:
    """Return how many messages are abuse (or not), among those whose action `where` accepts.

    Args:
        sizes: how many messages each cell holds, asked about or not.
        drawn: the messages that were asked about, labelled or not.
        abuse: what to count: abuse (misses, where mail was let through), or what isn't (false
            positives, where it was held back).
        where: which actions.
    """
    inside = {cell: size for cell, size in sizes.items() if where(cell.action) and size > 0}
    parts = _parts(inside, _weighed([one for one in drawn if one.cell in inside]), abuse=abuse)
    likely = low = high = 0.0
    labels = found = 0
    for part in parts:
        share, least, most = _share(part)
        likely += part.messages * share
        low += (part.messages * (share - least)) ** 2
        high += (part.messages * (most - share)) ** 2
        labels += len(part.weights)
        found += sum(hit for _, hit in part.weights)
    whole = float(sum(inside.values()))
    return Estimate(
        whole, likely, max(0.0, likely - sqrt(low)), min(whole, likely + sqrt(high)), labels, found
    )


def labels_for(found: Estimate, share: float) -> int:
    """Return how many more labels would bound a share of mistakes as narrowly as `share`.

    If what is estimated now is true: an interval is some 4 / n wide where nothing is found, and
    4 sqrt(e / n) where a share e is.
    """
    now = found.shares[0] if found.labels else 0.0
    needed = max(3.84 * (1 - share) / share, 4 * 3.84 * now * (1 - now) / share**2)
    if found.messages:  # of few messages all need be known at most
        needed /= 1 + needed / found.messages
    return max(0, round(needed) - found.labels)


def _weighed(drawn: Iterable[Drawn]) -> dict[Cell, list[tuple[float, bool]]]:
    """Return 1 / (chance * share labelled) of each labelled message, by cell."""
    asked: dict[int, int] = defaultdict(int)
    answered: dict[int, int] = defaultdict(int)
    drawn = list(drawn)
    for one in drawn:
        asked[one.cell.stratum] += 1
        answered[one.cell.stratum] += one.abuse is not None
    weights: dict[Cell, list[tuple[float, bool]]] = defaultdict(list)
    for one in drawn:
        if one.abuse is not None and one.chance > 0:
            stratum = one.cell.stratum
            weights[one.cell].append((asked[stratum] / answered[stratum] / one.chance, one.abuse))
    return weights


def _parts(
    sizes: Mapping[Cell, float], weights: Mapping[Cell, list[tuple[float, bool]]], *, abuse: bool
) -> list[_Part]:
    """Return cells with enough labels; thin ones joined with their neighbours of one action."""
    parts: list[_Part] = []
    for action in sorted({cell.action for cell in sizes}):
        own: list[_Part] = []
        held: list[tuple[float, bool]] = []
        messages = 0.0
        for cell in sorted(cell for cell in sizes if cell.action == action):
            messages += sizes[cell]
            held += [(weight, said == abuse) for weight, said in weights.get(cell, ())]
            if len(held) >= _FEWEST:
                own.append(_Part(messages, tuple(held)))
                held, messages = [], 0.0
        if messages and own:  # what is left over at the top
            last = own.pop()
            own.append(_Part(last.messages + messages, (*last.weights, *held)))
        elif messages:
            own.append(_Part(messages, tuple(held)))
        parts += own
    return parts


def _share(part: _Part) -> tuple[float, float, float]:
    """Return the share of hits in a part and its 95 % interval, (0, 1) without a label."""
    total = sum(weight for weight, _ in part.weights)
    if not total:
        return 0.0, 0.0, 1.0
    share = sum(weight for weight, hit in part.weights if hit) / total
    effective = total**2 / sum(weight**2 for weight, _ in part.weights)
    low, high = interval(share * effective, effective)
    if share:  # rare hits, some of which stand for far more than others, are fewer than they look
        hits = [weight for weight, hit in part.weights if hit]
        seen = sum(hits) ** 2 / sum(weight**2 for weight in hits)
        low = min(low, interval(seen, seen / share)[0])
    # Of a part that is labelled in full, nothing is left to chance.
    left = sqrt(max(0.0, 1.0 - len(part.weights) / part.messages))
    return share, share - left * (share - low), share + left * (high - share)
