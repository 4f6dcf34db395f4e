"""Who may teach: what a label weighs, and how far it may reach (docs/decisions/0017).

People beat automata, and who was right before beats who wasn't: a reporter's reputation is the
share of their labels with which a later trusted one agreed, drawn to a low prior. Age and number
alone are worth nothing.
"""

from itertools import pairwise
from typing import Final

import msgspec

from features.reported import Hearing
from models.label import Source

__all__ = ["RANKS", "TRUSTED", "USERS", "Reputation", "Trust", "Weights", "distrust"]

TRUSTED: Final[frozenset[Source]] = frozenset({"analyst", "trap"})
"""Sources whose one word is enough, and by which reporters are measured."""
USERS: Final[frozenset[Source]] = frozenset({"report", "rescue"})
RANKS: Final[dict[Source, int]] = {
    "analyst": 3,
    "trap": 2,
    "report": 1,
    "rescue": 1,
    "reply": 0,
    "bounce": 0,
}
"""No number of labels of a lower rank outweighs one of a higher."""
_DAY: Final = 86_400.0


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What a label weighs by its source, in [0, 1]: analyst >= trap >= user >= automatic.

    0: labels of the source are kept and count for nothing. A user's is scaled by reputation.
    """

    analyst: float = 1.0
    trap: float = 1.0
    user: float = 1.0
    automatic: float = 0.3


class Reputation(msgspec.Struct, frozen=True, array_like=True):
    """How often later trusted labels agreed with a reporter's earlier ones, and how often not."""

    agreed: int = 0
    disagreed: int = 0

    def credited(self, agreed: int, disagreed: int) -> "Reputation":
        """Return the reputation after more of either; negative numbers take some back."""
        return Reputation(max(0, self.agreed + agreed), max(0, self.disagreed + disagreed))


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's policy on labels, section [labels]: docs/policy.md says what each key means."""

    reporters: int = 3
    recent_days: float = 7.0
    complaint_rate: float = 0.003
    daily_cap: int = 30
    campaign_cap: int = 3
    freeing_analysts: int = 3
    veto_ham: int = 3
    reputation_prior: float = 0.25
    reputation_cases: float = 4.0
    reputation_heard: float = 0.1
    reputation_earned: float = 0.6
    weights: Weights = Weights()
    traps: tuple[str, ...] = ()

    @property
    def hearing(self) -> Hearing:
        """What detectors ask of reports before they say a word."""
        return Hearing(
            self.reporters, _DAY * self.recent_days, self.complaint_rate, self.freeing_analysts
        )

    def share(self, reputation: Reputation) -> float:
        """Return the share in [0, 1] of a reporter's labels that can be expected to be right.

        Mean of a beta distribution whose prior is worth `reputation_cases` labels.
        """
        cases = self.reputation_cases + reputation.agreed + reputation.disagreed
        return (self.reputation_prior * self.reputation_cases + reputation.agreed) / cases

    def is_heard(self, reputation: Reputation) -> bool:
        """Say whether a reporter's word is believed at all beyond their own mailbox."""
        return self.share(reputation) >= self.reputation_heard

    def is_earned(self, reputation: Reputation) -> bool:
        """Say whether a reporter was right often enough to vouch for mail of others, too."""
        return self.share(reputation) >= self.reputation_earned

    def weight(self, source: Source, reputation: Reputation) -> float:
        """Return what a label weighs, in [0, 1]; KeyError for a source that isn't one."""
        if source == "analyst":
            return self.weights.analyst
        if source == "trap":
            return self.weights.trap
        if RANKS[source] < RANKS["report"]:
            return self.weights.automatic
        return self.weights.user * min(1.0, self.share(reputation) / self.reputation_earned)

    def is_capped(self, source: Source, today: int) -> bool:
        """Say whether a reporter who gave `today` labels on the day of this one gave enough.

        Days are those of the labels' append time, in UTC. Analysts and traps have no cap.
        """
        return source not in TRUSTED and today >= self.daily_cap

    def may_teach(self, source: Source, campaign: int) -> bool:
        """Say whether one more label of a campaign teaches the models, after `campaign` of them.

        Counted by side and day, all but analysts'. So a thousand votes on one campaign, or a
        thousand copies to a trap, teach as `campaign_cap` do.
        """
        return source == "analyst" or campaign < self.campaign_cap

    def is_trap(self, address: str) -> bool:
        """Say whether mail to an address (any case) is abuse because nobody has it."""
        return bool(self.traps) and address.strip().lower() in self.traps


def distrust(trust: Trust) -> str:
    """Return what contradicts itself in a tenant's trust, '' if nothing does."""
    by_source = msgspec.structs.asdict(trust.weights)
    for (above, high), (below, low) in pairwise(by_source.items()):
        if low > high:
            return f"weights.{below} = {low} lies above weights.{above} = {high}"
    for name in ("reputation_heard", "reputation_prior"):
        value = getattr(trust, name)
        if not value < trust.reputation_earned:
            earned = trust.reputation_earned
            return f"{name} = {value} doesn't lie below reputation_earned = {earned}"
    return ""
