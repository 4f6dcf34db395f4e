"""A verdict as a story: what was decided, why and on what, what would have changed it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from msgspec import UnsetType

from apps.analysis.finding import Dossier
from apps.analysis.readings import Told, missing, readings
from detectors.actions import ACTIONS, MICRO, Action
from detectors.counterfactual import Counterfactual, counterfactual
from detectors.explaining import explain_recorded
from detectors.explanation import Explanation
from detectors.margins import LEARNED
from detectors.terms import Terms
from detectors.verdict import ModelVersion, Verdict
from features.vector import SCHEMA

__all__ = ["Given", "LabelTold", "PolicyTold", "Replayable", "Story", "summary_of", "tell"]

_WEIGHTIEST: Final = 3  # reasons of a summary
_DONE: Final = {
    "accept": "Accepted",
    "add_header": "Accepted with a mark in its header",
    "rewrite_subject": "Accepted with a mark in its subject",
    "quarantine": "Quarantined",
    "defer": "Deferred",
    "reject": "Rejected",
    "discard": "Discarded",
}


class Given(msgspec.Struct, frozen=True):
    """One of the verdicts on the message, by its event; `at` is when the log took it."""

    event: str
    at: datetime
    action: Action
    score: float | None


class LabelTold(msgspec.Struct, frozen=True):
    """What somebody said the message is; `at` is when it was given, `stands`: not taken back.

    `weight` is null where it isn't counted, or that isn't known.
    """

    label: str
    truth: str
    source: str
    at: datetime
    stands: bool
    weight: float | None = None


class PolicyTold(msgspec.Struct, frozen=True):
    """The policy by its digest; `in_force` tells whether the installation has it now."""

    digest: str
    in_force: bool


class Replayable(msgspec.Struct, frozen=True):
    """How the verdict can be had again: from the mail, from vector and basis, or not; and why."""

    way: Literal["raw", "vector", "none"]
    why: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is to say of the verdict in force on a message (docs/explaining.md).

    `explanation` is null where the terms of that time can't be had: `unexplained` says why.
    `labels_unknown` says why labels couldn't be asked for, '' where they could.
    """

    schema: int = 1
    summary: str
    place: str
    event: str
    verdict: Verdict
    explanation: Explanation | None
    unexplained: str = ""
    counterfactual: Counterfactual
    readings: tuple[Told, ...]
    missing: tuple[Told, ...]
    models: tuple[ModelVersion, ...]
    policy: PolicyTold
    same_engine: bool | None
    given: tuple[Given, ...]
    labels: tuple[LabelTold, ...] = ()
    labels_unknown: str = ""
    replay: Replayable


def tell(
    dossier: Dossier,
    terms: Terms | str,
    *,
    policy_now: str,
    engine_now: str = "",
    labels: Sequence[LabelTold] = (),
    labels_unknown: str = "",
) -> Story:
    """Tell the story of the verdict in force.

    `terms` are those that it was made by, or why they can't be had. `policy_now` is the digest of
    the policy in force, `engine_now` that of this program, "" where unknown.
    """
    recorded, verdict = dossier.in_force
    explanation, unexplained = None, terms if isinstance(terms, str) else ""
    what_if = Counterfactual(unknown=unexplained)
    if not isinstance(terms, str):
        what_if = counterfactual(verdict, terms)
        if verdict.logit is None or not isinstance(verdict.basis, UnsetType):
            explanation = explain_recorded(verdict, terms)
        else:
            unexplained = "an older release wrote it, without what it rests on"
    return Story(
        summary=summary_of(verdict),
        place=dossier.place,
        event=recorded.event,
        verdict=verdict,
        explanation=explanation,
        unexplained=unexplained,
        counterfactual=what_if,
        readings=readings(verdict) if verdict.logit is not None else (),
        missing=missing(verdict.degraded),
        models=verdict.models,
        policy=PolicyTold(verdict.policy, verdict.policy == policy_now),
        same_engine=verdict.engine == engine_now if engine_now else None,
        given=tuple(
            Given(it.event, datetime.fromtimestamp(it.appended_ms / 1000, UTC), v.action, v.score)
            for it, v in dossier.verdicts
        ),
        labels=tuple(labels),
        labels_unknown=labels_unknown,
        replay=_replayable(dossier, verdict, unexplained),
    )


def summary_of(verdict: Verdict) -> str:
    """Return the verdict in a sentence or two: what was done, by what, and what weighed most."""
    done = _DONE[verdict.action]
    if verdict.logit is None:
        return f"{done}: the message broke the pipeline, and the policy's on_failure decides."
    as_what = "" if verdict.class_ == "ham" else f" as {verdict.class_}"
    if verdict.overrides:
        first = verdict.overrides[0]
        by = f"{first.name} decides, whatever the score: {first.reason}"
    else:
        by = _by_score(verdict)
    withheld = [it.partition(":")[2] for it in verdict.shadow if it.startswith("action:")]
    if withheld:
        by += f"; the policy is in shadow mode, else it would be {withheld[0]}"
    weighty = _weightiest(verdict)
    return f"{done}{as_what}: {by}.{f' {weighty}.' if weighty else ''}"


def _by_score(verdict: Verdict) -> str:
    reached = verdict.thresholds.get(verdict.action)
    if reached is not None:
        return f"its score of {verdict.score:g} reaches {verdict.action} (from {reached:g})"
    ordered = sorted(
        (score, ACTIONS.index(_action(it))) for it, score in verdict.thresholds.items()
    )
    first = next((f" ({ACTIONS[at]} begins at {score:g})" for score, at in ordered), "")
    return f"its score of {verdict.score:g} reaches no threshold{first}"


def _action(name: str) -> Action:
    return next(each for each in ACTIONS if each == name)


def _weightiest(verdict: Verdict) -> str:
    """Return what weighed most, on the side that won."""
    against = verdict.class_ != "ham"
    said: dict[str, None] = {}
    for signal in verdict.signals:
        if (signal.contribution > 0) is against and signal.contribution:
            where = "models" if signal.group == LEARNED else signal.group
            said.setdefault(f"{signal.reason} ({where}, {signal.contribution / MICRO:+.1f})")
    weighty = "; ".join(list(said)[:_WEIGHTIEST])
    if not weighty:
        return ""
    return f"Most {'against it' if against else 'in its favour'}: {weighty}"


def _replayable(dossier: Dossier, verdict: Verdict, unexplained: str) -> Replayable:
    if why := _unreplayable(verdict) or unexplained:
        return Replayable("none", why)
    if dossier.mail is not None:
        return Replayable("raw", "its mail is kept: weir replay --mode verify judges it again")
    if verdict.logit is not None and not verdict.features.f32:
        return Replayable("none", "neither its mail nor its vector is kept any more")
    if verdict.logit is not None and isinstance(verdict.basis, UnsetType):
        return Replayable("none", "its mail isn't kept, nor what the verdict rests on")
    return Replayable("vector", "its mail isn't kept; vector and basis are")


def _unreplayable(verdict: Verdict) -> str:
    """Say why a verdict can't be had again, whatever is kept; '' where it can."""
    if verdict.kind == "fallback":
        return "a hook judged it by itself, in the time that it had"
    if verdict.features.schema != SCHEMA.digest:
        return "its vector has the schema of another release"
    return ""
