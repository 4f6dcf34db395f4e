"""The record of an explanation (docs/topics/explanation.md): a verdict with all that was tried."""

from typing import Literal

import msgspec

from detectors.actions import Action
from detectors.policy import Mode
from detectors.signals import AbuseClass
from detectors.verdict import Verdict

__all__ = ["Explanation", "GroupSum", "Rehearsal", "RuleTried", "Step", "Tried", "WeightInForce"]


class WeightInForce(msgspec.Struct, frozen=True):
    """What a signal weighs, in logits, and where that comes from.

    `shipped` and `policy` are raw, `policy` null where it says nothing. `in_force` is calibrated,
    and what online models have learned is in it.
    """

    shipped: float
    policy: float | None
    in_force: float
    origin: Literal["shipped", "policy", "learned"]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of the catalogue, or one model, on this message; sums in millionths of a logit.

    `full` is weight times strength, `divided_by` what its rank in its group made of that, `capped`
    whether the group's cap took more. `would` is how far the sum would move if it were live; null
    where it is, or where it found nothing. `unheard` says why it couldn't speak, if it couldn't,
    `kind` as part of what kind of mail it was found, if the weights discount that.
    """

    name: str
    group: str
    speaks_for: AbuseClass
    what: str
    mode: Mode
    weight: WeightInForce
    found: bool
    unheard: str = ""
    kind: str = ""
    strength: float | None = None
    full: int = 0
    divided_by: int = 1
    capped: bool = False
    contribution: int = 0
    would: int | None = None
    reason: str = ""
    inputs: dict[str, str | int | float | bool] = {}


class GroupSum(msgspec.Struct, frozen=True):
    """What a group's signals say together, in millionths of a logit.

    `speaks` says whether it counts among the groups that a rejection needs.
    """

    name: str
    against: int
    in_favour: int
    cap: int | None
    speaks: bool


class RuleTried(msgspec.Struct, frozen=True):
    """A rule of the policy on this message, drafts too; `matched` is null where it failed."""

    name: str
    mode: Mode
    matched: bool | None
    action: Action
    reason: str


class Step(msgspec.Struct, frozen=True):
    """One step on the way from score to action: what spoke, what it gives, and why."""

    by: str
    action: Action
    why: str


class Rehearsal(msgspec.Struct, frozen=True):
    """The verdict there would be if all that is in shadow or draft were live."""

    logit: int
    score: float
    action: Action


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, and everything that was tried to reach it.

    `signals` are in the catalogue's order, models last. `rehearsal` is null where nothing in shadow
    or draft found anything. Without a logit only `verdict` and `steps` say anything.
    """

    schema: int = 1
    verdict: Verdict
    steps: tuple[Step, ...]
    groups: tuple[GroupSum, ...] = ()
    signals: tuple[Tried, ...] = ()
    rules: tuple[RuleTried, ...] = ()
    rehearsal: Rehearsal | None = None
