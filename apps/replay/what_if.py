"""Recorded verdicts judged as they would have been: from the same readings, under other terms.

Findings and logits are taken from the verdict's basis; where these would be others, and where a
rule or a list asks for what isn't recorded, the message itself is judged anew, if it is kept.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from apps.replay.cases import Case, by_name, from_mail, has_vector, margins
from apps.replay.materials import Materials, MissingError
from apps.replay.otherwise import Otherwise
from apps.replay.then import Named, Then
from apps.replay.timeline import BY_VECTOR
from apps.subscriber.recorded import Recorded
from detectors.judging import Judge
from detectors.policy import Policy, PolicySet
from detectors.rejudging import Needs, Votes, needs_findings, rejudge
from detectors.terms import Terms, prepare
from detectors.verdict import ModelVersion, Verdict
from models.voting import Voter, offline_voter
from streams.sandbox.sandbox import Sandbox

__all__ = ["Counterfact", "Counterfacts"]

_JUDGED_AT_ONCE: Final = 32
_KEPT: Final = 8
_TEXTUAL: Final = ("text", "bayes", "counts")
"""Models that read more than the vector."""


class Counterfact(NamedTuple):
    """What would have been said of a message; `after` is None where that can't be told: `missing`.

    `before` is what was recorded, None where that isn't readable.
    """

    event: str
    before: Verdict | None
    after: Verdict | None
    by_mail: bool = False
    missing: str = ""


class Counterfacts:
    """Judges recorded verdicts under other terms; used by one thread, outside of an event loop."""

    def __init__(
        self, materials: Materials, otherwise: Otherwise, sandbox: Sandbox | None = None
    ) -> None:
        self._materials = materials
        self._otherwise = otherwise
        self._sandbox = sandbox
        self._by_vector = Then(materials, BY_VECTOR)
        self._whole = Then(materials)
        self._policies: dict[str, PolicySet] = {}
        self._terms: dict[tuple[object, ...], Terms] = {}
        self._judges: dict[tuple[object, ...], Judge] = {}

    def judge(self, batch: Sequence[Recorded]) -> list[Counterfact]:
        """Return what would have been said of each, in order.

        Raises ChangesError where what is asked for conflicts with a recorded policy.
        """
        groups, unfit = by_name(batch)
        found = {
            it.at: Counterfact(batch[it.at].event, None, None, missing=_unfit(it.reason))
            for it in unfit
        }
        for named, cases in groups:
            for start in range(0, len(cases), _JUDGED_AT_ONCE):
                part = cases[start : start + _JUDGED_AT_ONCE]
                try:
                    told = self._judged(named, part)
                except MissingError as error:
                    told = [_missing(case, str(error)) for case in part]
                found.update(zip([case.at for case in part], told, strict=True))
        return [found[at] for at in range(len(batch))]

    def _judged(self, named: Named, cases: Sequence[Case]) -> list[Counterfact]:
        """Judge cases that name the same: by what is recorded, and the rest by the mail."""
        policies = self._policies_of(named)
        votes = self._votes(named, cases)
        found: dict[int, Counterfact] = {}
        rest: list[tuple[Case, str]] = []
        for case, vote in zip(cases, votes, strict=True):
            after = self._from_basis(named, policies, case, vote)
            if isinstance(after, Verdict):
                found[case.at] = Counterfact(case.recorded.event, case.verdict, after)
            else:
                rest.append((case, f"the mail, for {', '.join(after.what)}"))
        kept = [case for case, _ in rest if self._fit_for_mail(case)]
        if kept:
            judge = self._judge(named, policies)
            for case, after in zip(kept, from_mail(judge, self._sandbox, kept), strict=True):
                after = _as_asked(after, case.verdict)  # noqa: PLW2901 - the same verdict, finished
                found[case.at] = Counterfact(case.recorded.event, case.verdict, after, by_mail=True)
        for case, missing in rest:
            found.setdefault(case.at, _missing(case, missing))
        return [found[case.at] for case in cases]

    def _from_basis(
        self, named: Named, policies: PolicySet, case: Case, votes: Votes | Needs | None
    ) -> Verdict | Needs:
        verdict = case.verdict
        if isinstance(votes, Needs) and verdict.logit is not None:
            return votes
        before = self._before(named, verdict.tenant)
        terms = self._terms_of(named, policies, verdict.tenant)
        if before is not None and verdict.logit is not None:
            sections = needs_findings(before, terms.policy)
            if sections:
                return Needs(tuple([f"policy section {name}" for name in sections]))
        said = None if isinstance(votes, Needs) else votes
        try:
            return rejudge(verdict, terms, votes=said, shadow_models=msgspec.UNSET, before=before)
        except (msgspec.MsgspecError, ValueError, KeyError, OverflowError) as error:
            return Needs((f"its basis isn't readable ({type(error).__name__})",))

    def _votes(self, named: Named, cases: Sequence[Case]) -> list[Votes | Needs | None]:
        """Return what the models that are asked for say; None where they are those of then."""
        asked = self._otherwise
        if asked.classifier is None and asked.online is None:
            return [None] * len(cases)
        voters: list[Voter] = []
        if asked.classifier is not None:
            voters.append(offline_voter(asked.classifier))
        models = self._by_vector.online(asked.named(named)) if asked.online else None
        if models is not None:
            voters += models.voters()
        fit = [case for case in cases if has_vector(case.verdict)]
        said = dict(zip([case.at for case in fit], margins(voters, fit), strict=True))
        versions = {
            name: version
            for voter in voters
            for name, version in zip(voter.names, voter.versions, strict=True)
        }
        if models is not None:
            versions["fusion"] = models.version("fusion")
        found: list[Votes | Needs | None] = []
        for case in cases:
            logits = said.get(case.at)
            if logits is None:
                found.append(Needs(("the models' own readings",)))
            elif models is not None and any(name in logits for name in _TEXTUAL):
                found.append(Needs(tuple(f"model {it}" for it in _TEXTUAL if it in logits)))
            else:
                found.append(Votes(logits, _versions(case.verdict, logits, versions)))
        return found

    def _policies_of(self, named: Named) -> PolicySet:
        key = named.policy if self._otherwise.policies is None else ""
        if key not in self._policies:
            self._policies[key] = self._otherwise.policies_of(
                lambda: self._materials.policy(named.policy)
            )
        return self._policies[key]

    def _before(self, named: Named, tenant: str) -> Policy | None:
        """Return a tenant's policy of then, None where it isn't kept any more."""
        try:
            return self._materials.policy(named.policy).for_tenant(tenant)
        except MissingError:
            return None

    def _terms_of(self, named: Named, policies: PolicySet, tenant: str) -> Terms:
        models = self._by_vector.online(self._otherwise.named(named))
        key = (None if models is None else id(models.fusion), policies.digest, tenant)
        if key not in self._terms:
            _make_room(self._terms)
            then = self._by_vector
            stack = then.stack if models is None else then.stack.fused(models.fusion)
            self._terms[key] = prepare(
                policies.for_tenant(tenant), policies.digest, stack, then.context, then.engine
            )
        return self._terms[key]

    def _judge(self, named: Named, policies: PolicySet) -> Judge:
        """Return the core that judges the mail itself."""
        asked = self._otherwise
        now = asked.named(named)
        models = self._whole.online(now)
        classifier = asked.classifier or self._whole.classifier(now)
        key = (id(models), None if classifier is None else classifier.version, policies.digest)
        if key not in self._judges:
            _make_room(self._judges)
            then = self._whole
            self._judges[key] = Judge(
                then.context, classifier, policies, then.stack, then.engine, models=models
            )
        return self._judges[key]

    @staticmethod
    def _fit_for_mail(case: Case) -> bool:
        """Say whether the mail is kept, and what was known of its sender then."""
        known = has_vector(case.verdict) or "sender" in case.verdict.degraded
        return case.recorded.mail is not None and case.verdict.logit is not None and known


def _make_room(kept: dict[tuple[object, ...], Any]) -> None:
    """Let go of the oldest: each holds on to a state of the online models."""
    while len(kept) >= _KEPT:
        del kept[next(iter(kept))]


def _as_asked(after: Verdict, then: Verdict) -> Verdict:
    """Return a verdict with the audit's question of then: whether it was asked is history."""
    return msgspec.structs.replace(after, ask=then.ask)


def _versions(
    verdict: Verdict, logits: dict[str, float], versions: dict[str, str]
) -> tuple[ModelVersion, ...]:
    """Return the models that a verdict names now: those that speak, and the fusion."""
    then = {model.name: model.version for model in verdict.models}
    names = [*logits, *(["fusion"] if "fusion" in then or "fusion" in versions else [])]
    return tuple([ModelVersion(it, versions.get(it, then.get(it, ""))) for it in names])


def _missing(case: Case, what: str) -> Counterfact:
    return Counterfact(case.recorded.event, case.verdict, None, missing=what)


def _unfit(reason: str) -> str:
    return "a worker's verdict: it is a hook's own" if reason == "fallback" else reason
