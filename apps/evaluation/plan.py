"""What was asked for on the command line as a regime: who shows which label when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.evaluation.noise import Noise, busiest_list
from apps.evaluation.regimes import Audit, Delayed, Partial, Rates, Regime, Reports
from models.teaching import SHIPPED, Recipe

__all__ = ["PROTOCOLS", "Asked", "Plan", "plan"]

PROTOCOLS = ("immediate", "delayed:N", "partial:P", "audit:N", "reports")
"""How a protocol is written: N a count of messages or labels, P a share in %."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A protocol and a noise as written, and the numbers beside them.

    `first` is how many messages of `reports` are labelled at the start; `frozen_after` how many of
    the stream have been judged when the last label is shown.
    """

    protocol: str = "immediate"
    noise: str = ""
    frozen_after: int | None = None
    first: int = 5_000
    rates: Rates = field(default_factory=Rates)
    seed: int = 1

    @property
    def about_a_list(self) -> bool:
        """Whether the noise is about one mailing list, so that lists must be known."""
        return self.noise.startswith("list:")


@dataclass(frozen=True, slots=True)
class Plan:
    """A regime, and how a filter is to take it.

    `until` and `settled` as apps.evaluation.protocol.run has them; `lasting` and `recipe` as the
    Tutor. `listed` is how many messages the noise's mailing list brought.
    """

    regime: Regime
    until: int | None = None
    settled: int | None = None
    lasting: bool = False
    recipe: Recipe | None = None
    listed: int | None = None


def plan(asked: Asked, spam: Sequence[bool], lists: Sequence[str] | None = None) -> Plan:
    """Return the plan for a stream whose messages' truths are `spam`.

    `lists` names each message's mailing list, "" for none; wanted where the noise is about one.
    Raises ValueError, one line, for what isn't written as PROTOCOLS has it.
    """
    noise = _noise(asked, spam, lists)
    listed = None if noise is None or noise.places is None else len(noise.places)
    regime = _regime(asked, noise, len(spam))
    until = asked.frozen_after
    if isinstance(regime, Reports):
        settled = regime.first if until is None else min(regime.first, until)
        return Plan(regime, until, settled, lasting=True, recipe=SHIPPED, listed=listed)
    return Plan(regime, until, until, lasting=until is not None, listed=listed)


def _regime(asked: Asked, noise: Noise | None, total: int) -> Regime:
    name, colon, value = asked.protocol.partition(":")
    if asked.protocol == "immediate":
        return Delayed(0, noise)
    if asked.protocol == "reports":
        return Reports(asked.first, asked.rates, asked.seed, noise)
    if colon and name == "delayed":
        return Delayed(_count(asked.protocol, value), noise)
    if colon and name == "partial":
        return Partial(_share(asked.protocol, value), asked.seed, noise)
    if colon and name == "audit":
        return Audit(_count(asked.protocol, value), total, asked.seed, noise)
    raise ValueError(f"{asked.protocol!r} given, wanted is one of {', '.join(PROTOCOLS)}")


def _noise(asked: Asked, spam: Sequence[bool], lists: Sequence[str] | None) -> Noise | None:
    if not asked.noise:
        return None
    if not asked.about_a_list:
        return Noise(_share(asked.noise, asked.noise), asked.seed)
    share = _share(asked.noise, asked.noise.removeprefix("list:"))
    if lists is None:
        raise ValueError("noise about a list needs to know which message came by which")
    places = busiest_list(lists, spam)
    if not places:
        raise ValueError(f"{asked.noise!r} given, and no ham of the stream came by a mailing list")
    return Noise(share, asked.seed, places)


def _count(written: str, value: str) -> int:
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    raise ValueError(f"{written!r} given, a number of messages wanted after the colon")


def _share(written: str, value: str) -> float:
    try:
        percent = float(value)
    except ValueError:
        percent = math.nan
    if 0 <= percent <= 100:
        return percent / 100
    raise ValueError(f"{written!r} given, a share in %, from 0 to 100, wanted")
