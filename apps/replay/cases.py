"""Recorded verdicts made ready to be judged again, and how that is done from mail and vector."""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.replay.materials import MissingError
from apps.replay.then import Named, named_in
from apps.subscriber.recorded import Recorded, incoming_of
from detectors.basis import State, history_of
from detectors.judging import Judge, Prepared
from detectors.predicting import ask
from detectors.record import decode
from detectors.verdict import Verdict
from features.envelope import Incoming
from features.history import UNKNOWN, History
from features.vector import SCHEMA
from models.sample import Sample
from models.voting import Voter
from streams.cases import lacks
from streams.judging import conclude_safely, prepare_safely
from streams.sandbox.sandbox import Sandbox

__all__ = [
    "Case",
    "Unfit",
    "as_numbered",
    "by_name",
    "from_mail",
    "has_vector",
    "margins",
    "message_of",
]

_SENDER: Final = SCHEMA.part("sender").slice


class Case(NamedTuple):
    """A verdict ready to be judged again; `at` is its place in what was given.

    `message` is its message as the worker took it, None where it isn't kept.
    """

    at: int
    recorded: Recorded
    verdict: Verdict
    named: Named
    message: Incoming | None


class Unfit(NamedTuple):
    """A verdict that can't be judged again: `id` is "" where that isn't known either."""

    at: int
    id: str
    reason: str


def by_name(batch: Sequence[Recorded]) -> tuple[list[tuple[Named, list[Case]]], list[Unfit]]:
    """Return verdicts grouped by what they name, the online models led on, and those unfit."""
    groups: dict[Named, list[Case]] = {}
    unfit = []
    for at, recorded in enumerate(batch):
        case = _read(at, recorded)
        if isinstance(case, Unfit):
            unfit.append(case)
        else:
            groups.setdefault(case.named, []).append(case)
    return sorted(groups.items(), key=lambda item: _in_time(item[0])), unfit


def from_mail(judge: Judge, sandbox: Sandbox | None, cases: Sequence[Case]) -> list[Verdict]:
    """Return what a core says of messages that are kept, from what was known of their senders.

    Not for verdicts without a logit: what broke the pipeline then may do so again or not.
    """
    prepared = prepare_safely(judge, [message_of(case) for case in cases])
    if sandbox is not None:
        prepared = sandbox.open_all(prepared)
    settled = [_settled(one, case.verdict) for one, case in zip(prepared, cases, strict=True)]
    judged = conclude_safely(judge, settled, [_history(case.verdict) for case in cases])
    return [as_numbered(it.verdict, case.verdict) for it, case in zip(judged, cases, strict=True)]


def message_of(case: Case) -> Incoming:
    """Return the message as the worker took it; it must be kept."""
    assert case.message is not None
    return case.message


def margins(voters: Sequence[Voter], cases: Sequence[Case]) -> list[dict[str, float] | None]:
    """Return the models' logits: of these voters by the vector, else as recorded; None for none.

    A case must have its vector (`has_vector`) where there are voters.
    """
    found: list[dict[str, float] | None] = [
        None if isinstance(it.verdict.basis, msgspec.UnsetType) else {**it.verdict.basis.margins}
        for it in cases
    ]
    asked = [at for at, said in enumerate(found) if said is not None]
    samples = [Sample(_vector(cases[at].verdict), None) for at in asked] if voters else []
    for voter in voters if samples else ():
        for at, vote in zip(asked, ask(voter, samples), strict=True):
            said = found[at]
            assert said is not None
            said.update({it.model: float(it.logit) for it in vote.predictions})
    return found


def has_vector(verdict: Verdict) -> bool:
    """Say whether a verdict has its feature vector, which retention may have taken away."""
    try:
        return len(_vector(verdict)) == len(SCHEMA.names)
    except ValueError:
        return False


def as_numbered(verdict: Verdict, then: Verdict) -> Verdict:
    """Return a verdict as the one that it repeats was numbered, and marked by the store's lack."""
    if "store" in then.degraded:
        verdict = lacks(verdict, "store")
    return msgspec.structs.replace(verdict, kind=then.kind, revision=then.revision)


def _read(at: int, recorded: Recorded) -> Case | Unfit:
    """Return a verdict ready to be judged, or why it can't be."""
    try:
        verdict = decode(recorded.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Unfit(at, "", f"not a verdict of this form ({error})")
    if verdict.kind == "fallback":
        return Unfit(at, verdict.id, "fallback")
    if verdict.features.schema != SCHEMA.digest:
        return Unfit(
            at,
            verdict.id,
            f"feature schema {verdict.features.schema[:16]}, which this release doesn't have; "
            "re-live judges the mail anew, if it is kept",
        )
    message = None
    if recorded.mail is not None and verdict.log is not None:
        message = incoming_of(recorded.mail, verdict.log)
    if message is None or message.envelope.id != verdict.id:
        recorded, message = recorded._replace(mail=None), None  # or of a log that was made anew
    try:
        return Case(at, recorded, verdict, named_in(verdict), message)
    except MissingError as error:
        return Unfit(at, verdict.id, str(error))


def _in_time(named: Named) -> tuple[int, int]:
    return (0, 0) if named.online is None else (1, named.online[1])


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
    try:
        vector = _vector(then)
    except ValueError:
        return None
    if len(vector) != len(SCHEMA.names):
        return None
    state = State() if isinstance(then.basis, msgspec.UnsetType) else then.basis.state
    try:
        return history_of(History(vector[_SENDER]), state)
    except msgspec.MsgspecError:
        return UNKNOWN


def _vector(verdict: Verdict) -> NDArray[np.float32]:
    """Return the values of a verdict, float32 in the schema's order; raises ValueError."""
    return np.frombuffer(b64decode(verdict.features.f32), "<f4").astype(np.float32)
