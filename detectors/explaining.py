"""What was tried on a message, what it said, and how the action came about: judged once more.

Nothing here has a say in a verdict. What is in draft has no part in one, so the message is weighed
again with drafts in force: from the same findings, which costs little. A recorded verdict has its
findings in its basis, and is explained without the message.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from msgspec import UnsetType
from msgspec.structs import replace

from detectors.actions import Override, probability
from detectors.basis import Basis, findings_of
from detectors.catalogue import SPECS
from detectors.explanation import (
    Explanation,
    GroupSum,
    Rehearsal,
    RuleTried,
    Step,
    Tried,
    WeightInForce,
)
from detectors.judging import Judge, Judged
from detectors.margins import LEARNED, clipped, signal_of
from detectors.outcomes import STATE_GROUPS, recorded_history
from detectors.policy import Mode, Policy, SignalSetting
from detectors.rejudging import Needs, rejudge
from detectors.signals import Finding, Signal
from detectors.stack import CORROBORATES, DAMPING, Stack, Weighed
from detectors.terms import Terms, prepare
from detectors.verdict import MICRO, Verdict, judge
from features.envelope import Incoming
from features.evidence import Evidence
from features.history import UNKNOWN
from models.classifier import Prediction

__all__ = ["Explainer", "explain_recorded", "restricted"]

_ANY_NUMBER: Final = 99  # of groups: as if the rule of the second group were not there
_NEEDS_RESULTS: Final = frozenset({"brand_authenticated", "dmarc_fail", "spf_fail"})
_NEEDS_HISTORY: Final = frozenset({"bounce_forged", "bounce_of_ours"})  # of what else doesn't
_MODEL: Final = "What a model makes of the message, as a margin in logits."


@dataclass(frozen=True, slots=True)
class _Case:
    """A verdict with what it was made of.

    `remembered`: something was read of the sender; `looked_up`: there are results of SPF, DKIM or
    DMARC. `rejudged` gives the verdict under other terms, None where the message is needed for it.
    """

    verdict: Verdict
    findings: Sequence[Finding]
    predictions: Sequence[Prediction]
    remembered: bool
    looked_up: bool
    rejudged: Callable[[Terms], Verdict | None]


class Explainer:
    """Explains verdicts of one Judge. Pure, as the Judge is."""

    def __init__(self, core: Judge) -> None:
        self._core = core
        self._rehearsed: dict[str, tuple[Terms, Terms]] = {}

    def explain(self, incoming: Incoming, judged: Judged) -> Explanation:
        """Return the explanation of what this explainer's Judge said of a message."""
        verdict, terms, evidence = judged.verdict, self._core.terms_of(incoming), judged.evidence
        if verdict.logit is None or evidence is None:
            return _broken(verdict)
        tenant = incoming.envelope.tenant
        if tenant not in self._rehearsed:
            self._rehearsed[tenant] = _rehearsals(terms)
        case = _Case(
            verdict,
            judged.findings,
            judged.predictions,
            evidence.history is not UNKNOWN,
            evidence.authentication.source != "",
            lambda other: _rejudged(incoming, judged, evidence, other),
        )
        return _explanation(case, terms, *self._rehearsed[tenant])


def explain_recorded(verdict: Verdict, terms: Terms) -> Explanation:
    """Return the explanation of a recorded verdict, by the terms that it was made by.

    Where a rule reads what only the message has, that rule's `matched` is null unless the verdict
    itself tells. ValueError for a verdict without a basis.
    """
    if verdict.logit is None:
        return _broken(verdict)
    if isinstance(verdict.basis, UnsetType):
        raise ValueError("the verdict has no basis: an older release wrote it")  # noqa: TRY004  # no caller's mistake
    basis = verdict.basis
    case = _Case(
        verdict,
        findings_of(basis, verdict.signals),
        _predictions(verdict, basis),
        _remembered(verdict),
        not {basis.spf, basis.dkim, basis.dmarc} <= {"", "missing"},
        lambda other: _verdict_of(rejudge(verdict, other, before=terms.policy)),
    )
    return _explanation(case, terms, *_rehearsals(terms))


def _broken(verdict: Verdict) -> Explanation:
    why = "the message broke the pipeline, and the policy's on_failure decides"
    return Explanation(verdict=verdict, steps=(Step("on_failure", verdict.action, why),))


def _explanation(case: _Case, terms: Terms, watched: Terms, live: Terms) -> Explanation:
    """Explain a case; `watched` are the terms with drafts in shadow, `live` with all in force."""
    verdict, drafts = case.verdict, case.rejudged(watched)
    shadow = drafts or verdict
    held = {name: s.mode for name, s in terms.policy.signals.items() if s.mode != "live"}
    heldback = [f"signal:{name}" for name in held if f"signal:{name}" in shadow.shadow]
    matched = {name for name in shadow.shadow if name.startswith("rule:")} | {
        override.name for override in shadow.overrides
    }
    rules = _rules(terms.policy, matched, shadow.flags)
    if drafts is None:
        rules = tuple(replace(it, matched=None) if it.mode == "draft" else it for it in rules)
    rehearsal = None
    if heldback or any(rule.matched and rule.mode != "live" for rule in rules):
        would = case.rejudged(live)
        if would is not None and would.logit is not None:
            rehearsal = Rehearsal(would.logit, probability(would.logit), would.action)
    return Explanation(
        verdict=verdict,
        steps=tuple(_steps(verdict, terms)),
        groups=tuple(_groups(verdict.signals, terms.stack)),
        signals=tuple(_tried(case, terms, _found(case))),
        rules=rules,
        rehearsal=rehearsal,
    )


def _rehearsals(terms: Terms) -> tuple[Terms, Terms]:
    """Return the terms with drafts in shadow, and with all that is held back live."""
    return (
        _under(terms, _with_modes(terms.policy, {"draft": "shadow"})),
        _under(terms, _with_modes(terms.policy, {"draft": "live", "shadow": "live"})),
    )


def _predictions(verdict: Verdict, basis: Basis) -> list[Prediction]:
    versions = {model.name: model.version for model in verdict.models}
    return [Prediction(name, versions.get(name, ""), x) for name, x in basis.margins.items()]


def _remembered(verdict: Verdict) -> bool:
    if not verdict.features.f32:  # it is kept no more
        return "sender" not in verdict.degraded
    return not np.isnan(recorded_history(verdict).numbers).all()


def _verdict_of(judged: Verdict | Needs) -> Verdict | None:
    return None if isinstance(judged, Needs) else judged


def restricted(explanation: Explanation, names: Collection[str]) -> Explanation:
    """Return an explanation of the signals alone whose name or group is named; of all for none."""
    if not names:
        return explanation
    signals = (t for t in explanation.signals if t.name in names or t.group in names)
    return replace(explanation, signals=tuple(signals))


def _under(terms: Terms, policy: Policy) -> Terms:
    """Return terms that differ in the policy; the same ones where it is the same."""
    if policy == terms.policy:
        return terms
    return prepare(policy, terms.policy_digest, terms.stack, terms.context, terms.engine)


def _with_modes(policy: Policy, modes: Mapping[str, Mode]) -> Policy:
    return replace(
        policy,
        signals={
            name: replace(setting, mode=modes.get(setting.mode, setting.mode))
            for name, setting in policy.signals.items()
        },
        rules=tuple(replace(rule, mode=modes.get(rule.mode, rule.mode)) for rule in policy.rules),
    )


def _rejudged(incoming: Incoming, judged: Judged, evidence: Evidence, terms: Terms) -> Verdict:
    weighed = terms.stack.weigh(judged.findings, judged.predictions)
    return judge(incoming, evidence, weighed, judged.verdict.models, terms, judged.verdict.degraded)


def _found(case: _Case) -> dict[str, Finding]:
    """Return what detectors and models found by name, whether it counted or not."""
    found: dict[str, Finding] = {}
    for finding in case.findings:
        found.setdefault(finding.name, finding)
    # A model reads the whole message, what it brings along too.
    kind = next((finding.kind for finding in case.findings if finding.kind), "")
    for prediction in case.predictions:
        name = signal_of(prediction.model)
        found[name] = Finding(name, "", clipped(prediction), kind=kind, inside=bool(kind))
    return found


def _tried(case: _Case, terms: Terms, found: Mapping[str, Finding]) -> Iterator[Tried]:
    verdict, stack = case.verdict, terms.stack
    logit = verdict.logit or 0
    counted = {signal.name: signal for signal in verdict.signals}
    divided = _divided(verdict.signals, stack, found)
    for name, speaks_for in stack.speaks_for.items():
        spec, finding, signal = SPECS.get(name), found.get(name), counted.get(name)
        setting = terms.policy.signals.get(name, SignalSetting())
        group = spec.group if spec else LEARNED
        weight = _weight(name, stack, setting)
        if (
            group == LEARNED
            and finding is None
            and name.removeprefix(f"{LEARNED}_") not in stack.models
        ):
            continue  # an online model that this installation doesn't have
        strength = None if finding is None else stack.strength(finding)
        full = 0 if strength is None else round(weight.in_force * MICRO * strength)
        by = divided.get(name, 1)
        contribution = signal.contribution if signal else 0
        would = None
        if finding is not None and setting.mode != "live":
            weighed = _made_live(name, setting, case, terms)
            would = weighed.logit - logit
            signal = next((each for each in weighed.signals if each.name == name), None)
        yield Tried(
            name=name,
            group=group,
            speaks_for=speaks_for,
            what=spec.what if spec else _MODEL,
            mode=setting.mode,
            weight=weight,
            found=finding is not None,
            unheard="" if finding else _unheard(name, group, case),
            kind=finding.kind if finding and stack.factor(finding) < 1 else "",
            strength=strength,
            full=full,
            divided_by=by,
            capped=name in counted and abs(contribution) < abs(int(full / by)),
            contribution=contribution,
            would=would,
            reason=signal.reason if signal else finding.reason if finding else "",
            inputs=signal.inputs if signal else {},
        )


def _weight(name: str, stack: Stack, setting: SignalSetting) -> WeightInForce:
    origin: Literal["shipped", "policy", "learned"] = "learned" if stack.share else "shipped"
    if setting.weight is not None:
        origin = "policy"
    in_force = round(stack.in_force(name), 6)
    return WeightInForce(stack.shipped(name), setting.weight, in_force, origin)


def _divided(
    signals: Iterable[Signal], stack: Stack, found: Mapping[str, Finding]
) -> dict[str, int]:
    """Return by what each contribution was divided for its rank in its group."""
    ranked: dict[tuple[str, bool], list[tuple[int, str]]] = defaultdict(list)
    for signal in signals:
        if signal.group != LEARNED and signal.name in found:
            strength = stack.strength(found[signal.name])
            full = round(stack.in_force(signal.name) * MICRO * strength)
            ranked[signal.group, full > 0].append((-abs(full), signal.name))
    return {
        name: DAMPING[min(rank, len(DAMPING) - 1)]
        for members in ranked.values()
        for rank, (_, name) in enumerate(sorted(members))
    }


def _made_live(name: str, setting: SignalSetting, case: _Case, terms: Terms) -> Weighed:
    """Weigh the message anew with one signal live that isn't."""
    settings = {**terms.policy.signals, name: replace(setting, mode="live")}
    return terms.stack.adjusted(settings).weigh(case.findings, case.predictions)


def _unheard(name: str, group: str, case: _Case) -> str:
    """Say why a signal that found nothing couldn't have found anything, '' if it could."""
    if group == LEARNED:
        return "the model gave no margin"
    if f"detector:{group}" in case.verdict.degraded:
        return "its detector failed on this message"
    if group == "attachments" and "attachments" in case.verdict.degraded:
        return "the attachments couldn't be opened"
    if (group in STATE_GROUPS or name in _NEEDS_HISTORY) and not case.remembered:
        return "needs the sender's history"
    if name in _NEEDS_RESULTS and not case.looked_up:
        return "needs results of SPF, DKIM and DMARC that are known to be ours"
    return ""


def _groups(signals: Iterable[Signal], stack: Stack) -> Iterator[GroupSum]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for signal in signals:
        sums[signal.group][signal.contribution < 0] += signal.contribution
    for name, (against, in_favour) in sums.items():
        speaks = against >= CORROBORATES and stack.corroborates(name)
        yield GroupSum(name, against, in_favour, stack.cap(name), speaks)


def _rules(policy: Policy, matched: Iterable[str], flags: Iterable[str]) -> tuple[RuleTried, ...]:
    hit, failed = set(matched), set(flags)
    return tuple(
        RuleTried(
            rule.name,
            rule.mode,
            None if f"rule_error:{rule.name}" in failed else f"rule:{rule.name}" in hit,
            rule.action,
            rule.reason,
        )
        for rule in policy.rules
    )


def _steps(verdict: Verdict, terms: Terms) -> Iterator[Step]:
    assert verdict.logit is not None
    bands, needed = terms.bands[verdict.direction, verdict.class_], terms.policy.reject_needs_groups
    speaking = [group.name for group in _groups(verdict.signals, terms.stack) if group.speaks]
    by_score = bands.decide(verdict.logit, _ANY_NUMBER)
    reached = bands.scores.get(by_score)
    yield Step(
        "score",
        by_score,
        f"it reaches {by_score}, from {reached:g}" if reached else "it reaches no threshold",
    )
    in_groups = bands.decide(verdict.logit, len(speaking))
    if by_score in {"reject", "discard"}:
        who = ", ".join("models" if name == LEARNED else name for name in speaking) or "none"
        yield Step("groups", in_groups, f"{by_score} needs {needed} groups against it: {who}")
    for override in verdict.overrides:
        yield _overridden(override, verdict.overrides[0])
    withheld = [name for name in verdict.shadow if name.startswith("action:")]
    if withheld:
        yield Step("shadow", verdict.action, "the policy is in shadow mode")


def _overridden(override: Override, first: Override) -> Step:
    why = override.reason if override is first else f"{override.reason} (but {first.name} decides)"
    return Step(override.name, first.action, why)
