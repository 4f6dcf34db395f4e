"""Regimes: which labels come of a stream, when, and from whom. Pure: chance goes by a seed."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from apps.evaluation.draws import draw, late
from apps.evaluation.noise import Noise
from apps.evaluation.opinion import Opinion
from models.label import Source

__all__ = ["Audit", "Delayed", "Partial", "Rates", "Regime", "Reports", "Shown"]

_NEAR = 1_000  # messages whose scores say what is uncertain
_RANDOM = 0.25  # of an audit's labels


class Shown(NamedTuple):
    """A label on its way: shown as soon as `due` messages of the stream were judged.

    `place` is the labelled message's, from 0. `seed`: one of those that a stream begins with, all
    given by who knows.
    """

    due: float
    place: int
    abuse: bool
    source: Source = "analyst"
    seed: bool = True


class Regime(Protocol):
    """Says what labels a message will have, once it has been judged."""

    def labels(self, place: int, opinion: Opinion, *, spam: bool) -> Iterator[Shown]:
        """Yield the labels of the message at a place; `spam` is what it truly is."""
        ...


@dataclass(frozen=True, slots=True)
class Delayed:
    """Every label comes `late` messages after its own; 0: at once."""

    late: int = 0
    noise: Noise | None = None

    def labels(self, place: int, opinion: Opinion, *, spam: bool) -> Iterator[Shown]:
        """Yield the one label."""
        del opinion
        yield Shown(place + 1 + self.late, place, _said(self.noise, place, spam=spam))


@dataclass(frozen=True, slots=True)
class Partial:
    """A `share` of the messages is labelled, drawn at random, at once."""

    share: float
    seed: int = 0
    noise: Noise | None = None

    def labels(self, place: int, opinion: Opinion, *, spam: bool) -> Iterator[Shown]:
        """Yield the label if the message was drawn."""
        del opinion
        if draw(self.seed, "partial", place) < self.share:
            yield Shown(place + 1, place, _said(self.noise, place, spam=spam))


@dataclass(slots=True)
class Audit:
    """`budget` labels of `total` messages, asked for: a quarter at random, the rest in doubt.

    In doubt is what lies nearest to even odds among the last 1,000 messages; how near it must lie
    follows from what is left of the budget and of the stream, so that the budget is spent evenly.
    """

    budget: int
    total: int
    seed: int = 0
    noise: Noise | None = None
    _near: deque[float] = field(default_factory=lambda: deque(maxlen=_NEAR))
    _asked: int = 0

    def labels(self, place: int, opinion: Opinion, *, spam: bool) -> Iterator[Shown]:
        """Yield the label if it is asked for."""
        distance = 0.0 if opinion.logit is None else abs(opinion.logit)
        self._near.append(distance)
        left = self.budget - self._asked
        if left <= 0:
            return
        share = min(1.0, left / max(1, self.total - place))
        chance = draw(self.seed, "audit", place)
        if chance >= _RANDOM * share:
            wanted = (1 - _RANDOM) * share
            nearer = sum(other < distance for other in self._near)
            ties = sum(other == distance for other in self._near)
            # Among equals, as before the first label, chance decides.
            if (nearer + draw(self.seed, "tie", place) * ties) / len(self._near) >= wanted:
                return
        self._asked += 1
        yield Shown(place + 1, place, _said(self.noise, place, spam=spam))


@dataclass(frozen=True, slots=True)
class Rates:
    """How people report, as shares of [0, 1], and how late on average, in messages.

    `reported` of the spam delivered, `rescued` of the ham junked, `misreported` of the ham
    delivered, `replied` to of the ham delivered. `late` is a report's mean delay (exponential);
    whoever looks through junk does so four times as late, and a reply takes twice as long.
    """

    reported: float = 0.2
    rescued: float = 0.05
    misreported: float = 0.002
    replied: float = 0.0
    late: float = 500.0


@dataclass(frozen=True, slots=True)
class Reports:
    """The first messages are all labelled; then labels come as people send them.

    What is delivered may be reported, what is junked rescued: what nobody sees, nobody reports.
    Noise about one list makes its ham, if it is delivered, reported at its share.
    """

    first: int
    rates: Rates = Rates()
    seed: int = 0
    noise: Noise | None = None

    def labels(self, place: int, opinion: Opinion, *, spam: bool) -> Iterator[Shown]:
        """Yield a label of the seed, or what people say, if anything."""
        listed = self.noise is not None and self.noise.places is not None
        if place < self.first:
            yield Shown(place + 1, place, spam if listed else _said(self.noise, place, spam=spam))
            return
        rates = self.rates
        if spam and opinion.delivered and self._says("report", place, rates.reported):
            yield self._later("report", place, 1.0, abuse=True)
        if not spam and opinion.delivered:
            wrong = listed and self.noise is not None and self.noise.flips(place)
            if wrong or self._says("misreport", place, rates.misreported):
                yield self._later("report", place, 1.0, abuse=True)
            if self._says("reply", place, rates.replied):
                yield self._later("reply", place, 2.0, abuse=False)
        if not spam and not opinion.delivered and self._says("rescue", place, rates.rescued):
            yield self._later("rescue", place, 4.0, abuse=False)

    def _says(self, what: str, place: int, share: float) -> bool:
        return draw(self.seed, what, place) < share

    def _later(self, source: Source, place: int, slowness: float, *, abuse: bool) -> Shown:
        delay = late(draw(self.seed, f"{source} delay", place), slowness * self.rates.late)
        if self.noise is not None and self.noise.places is None:
            abuse = _said(self.noise, place, spam=abuse)
        return Shown(place + 1 + delay, place, abuse, source, seed=False)


def _said(noise: Noise | None, place: int, *, spam: bool) -> bool:
    return spam if noise is None else spam != noise.flips(place)
