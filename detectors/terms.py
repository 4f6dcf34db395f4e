"""What every message of a tenant is judged by: its policy made ready, once."""

from dataclasses import dataclass
from typing import cast, get_args

from detectors.brands import Brands
from detectors.lists import Entries
from detectors.own_brands import brands_of
from detectors.policy import Policy
from detectors.rules import Rules
from detectors.signals import AbuseClass
from detectors.stack import Stack
from detectors.thresholds import Bands
from features.context import Context
from features.envelope import Direction

__all__ = ["Terms", "prepare"]


@dataclass(frozen=True, slots=True)
class Terms:
    """A tenant's policy with its rules compiled, lists indexed, thresholds as logits.

    `policy_digest` is that of the whole file, `engine` that of the program.
    """

    policy: Policy
    policy_digest: str
    stack: Stack
    context: Context
    engine: str
    rules: Rules
    allow: Entries
    deny: Entries
    bands: dict[tuple[Direction, AbuseClass], Bands]
    brands: Brands


def prepare(
    policy: Policy, policy_digest: str, stack: Stack, context: Context, engine: str
) -> Terms:
    """Make a policy ready; raises ExpressionError where a rule doesn't compile."""
    bands = {
        (direction, class_): Bands(
            policy.thresholds_for(direction, class_), policy.reject_needs_groups
        )
        for direction in cast("tuple[Direction, ...]", get_args(Direction))
        for class_ in cast("tuple[AbuseClass, ...]", get_args(AbuseClass))
    }
    return Terms(
        policy,
        policy_digest,
        stack.adjusted(policy.signals),
        context,
        engine,
        Rules(policy.rules),
        Entries("allow", policy.allow, context),
        Entries("deny", policy.deny, context),
        bands,
        brands_of(policy),
    )
