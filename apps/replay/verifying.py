"""Recorded verdicts judged once more as they were: from the raw mail where it is kept.

Without the mail the models that read the vector alone are asked again, and what else was found and
said is taken from the verdict's basis, weighed by the fusion of that time and decided anew.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from apps.replay.cases import Case, as_numbered, by_name, from_mail, has_vector, margins, message_of
from apps.replay.difference import Difference, differences
from apps.replay.materials import Materials, MissingError
from apps.replay.then import Named, Then
from apps.replay.timeline import BY_VECTOR
from apps.subscriber.recorded import Recorded
from detectors.judging import Judge
from detectors.record import decode, encode
from detectors.rejudging import Needs, Votes, rejudge
from detectors.verdict import Verdict
from models.voting import Voter, offline_voter
from streams.sandbox.sandbox import Sandbox

__all__ = ["BATCH", "Checked", "Verifier", "Way"]

BATCH: Final = 256
"""How many verdicts are best given at a time: those that name the same are judged together."""

Way = Literal["raw", "vector", "none"]
"""How a verdict was had again: from the mail, from its own vector and basis, or not at all."""

_JUDGED_AT_ONCE: Final = 32
_NEAR: Final = 1_000  # millionths of a logit that another engine's may differ by


class Checked(NamedTuple):
    """What came of one verdict.

    `value` is the verdict as it was judged now, b"" where it couldn't be: `reason` says why then.
    `agrees`: the bytes are the same or, of another engine, action and logit are (within 1e-3).
    """

    event: str
    id: str
    way: Way
    value: bytes = b""
    agrees: bool = True
    other_engine: bool = False
    differences: tuple[Difference, ...] = ()
    reason: str = ""


class Verifier:
    """Judges recorded verdicts again; used by one thread, outside of any running event loop.

    Without `sandbox` no attachment is opened, and verdicts on mail with some will differ.
    """

    def __init__(self, materials: Materials, sandbox: Sandbox | None = None) -> None:
        self._whole = Then(materials)
        self._by_vector = Then(materials, BY_VECTOR)
        self._sandbox = sandbox

    def verify(self, batch: Sequence[Recorded]) -> list[Checked]:
        """Return what came of each, in order; nothing that is in a verdict makes this raise."""
        found: dict[int, Checked] = {}
        groups, unfit = by_name(batch)
        for it in unfit:
            found[it.at] = _none(batch[it.at], it.id, it.reason)
        for named, given in groups:
            cases = []
            for case in given:
                if case.verdict.logit is None or has_vector(case.verdict):
                    cases.append(case)
                else:
                    found[case.at] = _without_vector(case)
            for kept, judge in ((True, self._from_mail), (False, self._from_vector)):
                those = [it for it in cases if (it.recorded.mail is not None) is kept]
                for start in range(0, len(those), _JUDGED_AT_ONCE):
                    part = those[start : start + _JUDGED_AT_ONCE]
                    checked = _guarded(judge, named, part)
                    found.update(zip([it.at for it in part], checked, strict=True))
        return [found[at] for at in range(len(batch))]

    def _from_mail(self, named: Named, cases: Sequence[Case]) -> list[Checked]:
        judge = self._whole.judge(named)
        broken = [case for case in cases if case.verdict.logit is None]
        whole = [case for case in cases if case.verdict.logit is not None]
        found = {case.at: self._broken(judge, case) for case in broken}
        for case, again in zip(whole, from_mail(judge, self._sandbox, whole), strict=True):
            verdict = self._observed(named, case.verdict, again)
            found[case.at] = self._compared(case, encode(verdict), "raw")
        return [found[case.at] for case in cases]

    def _observed(self, named: Named, then: Verdict, now: Verdict) -> Verdict:
        """Take over what can't be asked again since it isn't kept, and acts on nothing."""
        if named.shadows and self._whole.shadows(named) is None:
            now = msgspec.structs.replace(now, shadow_models=then.shadow_models)
        if named.theta and self._whole.theta(named) is None:
            now = msgspec.structs.replace(now, ask=then.ask)
        return now

    def _broken(self, judge: Judge, case: Case) -> Checked:
        """Check a verdict on a message that broke the pipeline, or that was given up for it."""
        message = message_of(case)
        flags = (*message.flags, *(it for it in ("duplicate",) if it in case.verdict.flags))
        message = message._replace(flags=flags)
        bare = msgspec.structs.replace(message.envelope, facts={})
        values = []
        for each in (message, message._replace(envelope=bare)):
            verdict = as_numbered(judge.degraded(each, "pipeline"), case.verdict)
            values.append(encode(verdict))
        value = next((it for it in values if it == case.recorded.value), values[0])
        return self._compared(case, value, "raw")

    def _from_vector(self, named: Named, cases: Sequence[Case]) -> list[Checked]:
        models, classifier = self._by_vector.online(named), self._by_vector.classifier(named)
        voters: list[Voter] = [] if classifier is None else [offline_voter(classifier)]
        voters += [] if models is None else models.voters()
        theta = self._by_vector.theta(named) or msgspec.UNSET
        found = []
        for case, said in zip(cases, margins(voters, cases), strict=True):
            verdict = case.verdict
            terms = self._by_vector.terms(named, verdict.tenant)
            votes = None if said is None else Votes(said, verdict.models)
            try:
                again = rejudge(verdict, terms, votes=votes, theta=theta, before=terms.policy)
            except (msgspec.MsgspecError, ValueError, KeyError, OverflowError) as error:
                found.append(_none(case.recorded, verdict.id, f"its basis isn't readable: {error}"))
                continue
            if isinstance(again, Needs):
                needs = f"needs the mail, which isn't kept, for {', '.join(again.what)}"
                found.append(_none(case.recorded, verdict.id, needs))
            else:
                found.append(self._compared(case, encode(again), "vector"))
        return found

    def _compared(self, case: Case, value: bytes, way: Way) -> Checked:
        then, recorded = case.verdict, case.recorded
        other = then.engine != self._whole.engine
        told = differences(recorded.value, value)
        agrees = not told or (other and _near(then, decode(value)))
        if other:
            told = tuple([each for each in told if each.field != "engine"])
        return Checked(recorded.event, then.id, way, value, agrees, other, told)


def _guarded(
    judge: Callable[[Named, Sequence[Case]], list[Checked]],
    named: Named,
    cases: Sequence[Case],
) -> list[Checked]:
    """Return what came of cases, or for each of them what it lacks."""
    try:
        return judge(named, cases)
    except MissingError as error:
        return [_none(case.recorded, case.verdict.id, str(error)) for case in cases]


def _without_vector(case: Case) -> Checked:
    why = "isn't readable" if case.verdict.features.f32 else "isn't kept any more"
    return _none(case.recorded, case.verdict.id, f"its feature vector {why}")


def _none(recorded: Recorded, id_: str, reason: str) -> Checked:
    return Checked(recorded.event, id_, "none", reason=reason)


def _near(then: Verdict, now: Verdict) -> bool:
    if then.logit is None or now.logit is None:
        return then.action == now.action and then.logit == now.logit
    return then.action == now.action and abs(then.logit - now.logit) <= _NEAR
