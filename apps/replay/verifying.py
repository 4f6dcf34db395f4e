"""Recorded verdicts judged once more as they were: from the raw mail where it is kept.

Without the mail the models that read the vector alone are asked again, and what else was found and
said is taken from the verdict's basis, weighed by the fusion of that time and decided anew.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.replay.difference import Difference, differences
from apps.replay.materials import Materials, MissingError
from apps.replay.recorded import KeptMail, Recorded, incoming_of
from apps.replay.then import Named, Then, named_in
from apps.replay.timeline import BY_VECTOR
from detectors.basis import State, history_of
from detectors.judging import Judge, Prepared
from detectors.predicting import ask
from detectors.record import decode, encode
from detectors.rejudging import Needs, Votes, rejudge
from detectors.verdict import LogPlace, Verdict
from features.history import UNKNOWN, History
from features.vector import SCHEMA
from models.sample import Sample
from models.voting import Voter, offline_voter
from streams.cases import lacks
from streams.judging import conclude_safely, prepare_safely
from streams.sandbox.sandbox import Sandbox

__all__ = ["BATCH", "Checked", "Verifier", "Way"]

BATCH: Final = 256
"""How many verdicts are best given at a time: those that name the same are judged together."""

Way = Literal["raw", "vector", "none"]
"""How a verdict was had again: from the mail, from its own vector and basis, or not at all."""

_SENDER: Final = SCHEMA.part("sender").slice
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


class _Case(NamedTuple):
    at: int
    recorded: Recorded
    verdict: Verdict
    named: Named


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
        groups: dict[Named, list[_Case]] = {}
        for at, recorded in enumerate(batch):
            case = self._read(at, recorded)
            if isinstance(case, Checked):
                found[at] = case
            else:
                groups.setdefault(case.named, []).append(case)
        for named in sorted(groups, key=_in_time):
            cases = groups[named]
            for kept, judge in ((True, self._from_mail), (False, self._from_vector)):
                those = [it for it in cases if (it.recorded.mail is not None) is kept]
                for start in range(0, len(those), _JUDGED_AT_ONCE):
                    part = those[start : start + _JUDGED_AT_ONCE]
                    checked = _guarded(judge, named, part)
                    found.update(zip([it.at for it in part], checked, strict=True))
        return [found[at] for at in range(len(batch))]

    def _read(self, at: int, recorded: Recorded) -> _Case | Checked:
        """Return a verdict ready to be judged, or why it can't be."""
        try:
            verdict = decode(recorded.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return _none(recorded, "", f"not a verdict of this form ({error})")
        if verdict.kind == "fallback":
            return _none(recorded, verdict.id, "fallback")
        if verdict.features.schema != SCHEMA.digest:
            return _none(
                recorded,
                verdict.id,
                f"feature schema {verdict.features.schema[:16]}, which this release doesn't have; "
                "re-live judges the mail anew, if it is kept",
            )
        if recorded.mail is not None and (
            verdict.log is None or incoming_of(recorded.mail, verdict.log).envelope.id != verdict.id
        ):
            recorded = recorded._replace(mail=None)  # of a log that was made anew
        if verdict.logit is not None and not _has_vector(verdict):
            why = "isn't readable" if verdict.features.f32 else "isn't kept any more"
            return _none(recorded, verdict.id, f"its feature vector {why}")
        try:
            return _Case(at, recorded, verdict, named_in(verdict))
        except MissingError as error:
            return _none(recorded, verdict.id, str(error))

    def _from_mail(self, named: Named, cases: Sequence[_Case]) -> list[Checked]:
        judge = self._whole.judge(named)
        broken = [case for case in cases if case.verdict.logit is None]
        whole = [case for case in cases if case.verdict.logit is not None]
        found = {case.at: self._broken(judge, case) for case in broken}
        incoming = [incoming_of(_mail(case), _log(case)) for case in whole]
        prepared = prepare_safely(judge, incoming)
        if self._sandbox is not None:
            prepared = self._sandbox.open_all(prepared)
        settled = [_settled(one, case.verdict) for one, case in zip(prepared, whole, strict=True)]
        judged = conclude_safely(judge, settled, [_history(case.verdict) for case in whole])
        for case, one in zip(whole, judged, strict=True):
            verdict = self._observed(named, case.verdict, _as_numbered(one.verdict, case.verdict))
            found[case.at] = self._compared(case, encode(verdict), "raw")
        return [found[case.at] for case in cases]

    def _observed(self, named: Named, then: Verdict, now: Verdict) -> Verdict:
        """Take over what can't be asked again since it isn't kept, and acts on nothing."""
        if named.shadows and self._whole.shadows(named) is None:
            now = msgspec.structs.replace(now, shadow_models=then.shadow_models)
        if named.theta and self._whole.theta(named) is None:
            now = msgspec.structs.replace(now, ask=then.ask)
        return now

    def _broken(self, judge: Judge, case: _Case) -> Checked:
        """Check a verdict on a message that broke the pipeline, or that was given up for it."""
        message = incoming_of(_mail(case), _log(case))
        flags = (*message.flags, *(it for it in ("duplicate",) if it in case.verdict.flags))
        message = message._replace(flags=flags)
        bare = msgspec.structs.replace(message.envelope, facts={})
        values = []
        for each in (message, message._replace(envelope=bare)):
            verdict = _as_numbered(judge.degraded(each, "pipeline"), case.verdict)
            values.append(encode(verdict))
        value = next((it for it in values if it == case.recorded.value), values[0])
        return self._compared(case, value, "raw")

    def _from_vector(self, named: Named, cases: Sequence[_Case]) -> list[Checked]:
        margins = self._margins(named, cases)
        theta = self._by_vector.theta(named) or msgspec.UNSET
        found = []
        for case, said in zip(cases, margins, strict=True):
            verdict = case.verdict
            terms = self._by_vector.terms(named, verdict.tenant)
            votes = None if said is None else Votes(said, verdict.models)
            try:
                again = rejudge(verdict, terms, votes=votes, theta=theta, before=terms)
            except (msgspec.MsgspecError, ValueError, KeyError) as error:
                found.append(_none(case.recorded, verdict.id, f"its basis isn't readable: {error}"))
                continue
            if isinstance(again, Needs):
                needs = f"needs the mail, which isn't kept, for {', '.join(again.what)}"
                found.append(_none(case.recorded, verdict.id, needs))
            else:
                found.append(self._compared(case, encode(again), "vector"))
        return found

    def _margins(self, named: Named, cases: Sequence[_Case]) -> list[dict[str, float] | None]:
        """Return the models' logits, those that the vector gives asked again; None without any."""
        models, classifier = self._by_vector.online(named), self._by_vector.classifier(named)
        voters: list[Voter] = [] if classifier is None else [offline_voter(classifier)]
        voters += [] if models is None else models.voters()
        found: list[dict[str, float] | None] = [
            None
            if isinstance(case.verdict.basis, msgspec.UnsetType)
            else {**case.verdict.basis.margins}
            for case in cases
        ]
        asked = [at for at, said in enumerate(found) if said is not None]
        samples = [Sample(_vector(cases[at].verdict), None) for at in asked]
        for voter in voters if samples else ():
            for at, vote in zip(asked, ask(voter, samples), strict=True):
                said = found[at]
                assert said is not None
                said.update({it.model: float(it.logit) for it in vote.predictions})
        return found

    def _compared(self, case: _Case, value: bytes, way: Way) -> Checked:
        then, recorded = case.verdict, case.recorded
        other = then.engine != self._whole.engine
        told = differences(recorded.value, value)
        agrees = not told or (other and _near(then, decode(value)))
        if other:
            told = tuple([each for each in told if each.field != "engine"])
        return Checked(recorded.event, then.id, way, value, agrees, other, told)


def _guarded(
    judge: Callable[[Named, Sequence[_Case]], list[Checked]],
    named: Named,
    cases: Sequence[_Case],
) -> list[Checked]:
    """Return what came of cases, or for each of them what it lacks."""
    try:
        return judge(named, cases)
    except MissingError as error:
        return [_none(case.recorded, case.verdict.id, str(error)) for case in cases]


def _in_time(named: Named) -> tuple[int, int]:
    """Order what verdicts name so that the online models are led on, not back."""
    return (0, 0) if named.online is None else (1, named.online[1])


def _none(recorded: Recorded, id_: str, reason: str) -> Checked:
    return Checked(recorded.event, id_, "none", reason=reason)


def _near(then: Verdict, now: Verdict) -> bool:
    if then.logit is None or now.logit is None:
        return then.action == now.action and then.logit == now.logit
    return then.action == now.action and abs(then.logit - now.logit) <= _NEAR


def _settled(prepared: Prepared, then: Verdict) -> Prepared:
    """Return a prepared message with what the store knew of it, and without what it lacked."""
    if "attachments" in then.degraded:
        prepared = replace(prepared, opened=None)
    if "duplicate" not in then.flags or "duplicate" in prepared.incoming.flags:
        return prepared
    message, evidence = prepared.incoming, prepared.evidence
    message = message._replace(flags=(*message.flags, "duplicate"))
    if evidence is not None:
        evidence = replace(evidence, flags=(*evidence.flags, "duplicate"))
    return replace(prepared, incoming=message, evidence=evidence)


def _history(then: Verdict) -> History | None:
    if "sender" in then.degraded:
        return None
    state = State() if isinstance(then.basis, msgspec.UnsetType) else then.basis.state
    try:
        return history_of(History(_vector(then)[_SENDER]), state)
    except msgspec.MsgspecError:
        return UNKNOWN


def _has_vector(verdict: Verdict) -> bool:
    try:
        return len(_vector(verdict)) == len(SCHEMA.names)
    except ValueError:
        return False


def _vector(verdict: Verdict) -> NDArray[np.float32]:
    """Return the values of a verdict, float32 in the schema's order; raises ValueError."""
    return np.frombuffer(b64decode(verdict.features.f32), "<f4").astype(np.float32)


def _as_numbered(verdict: Verdict, then: Verdict) -> Verdict:
    """Return a verdict as the one that it repeats was numbered, and marked by the store's lack."""
    if "store" in then.degraded:
        verdict = lacks(verdict, "store")
    return msgspec.structs.replace(verdict, kind=then.kind, revision=then.revision)


def _mail(case: _Case) -> KeptMail:
    assert case.recorded.mail is not None
    return case.recorded.mail


def _log(case: _Case) -> LogPlace:
    assert case.verdict.log is not None
    return case.verdict.log
