"""Labels that mail gives by itself: our user answers, or a trap is written to.

The worker publishes them before it acknowledges the message. Their ids and times come from the
message and its place alone, so that a redelivered message gives the same label again. A bounce
makes none here: it counts for the account with the bounce's own outcome (features.sender), and
`weir label` reads those that reach us elsewhere.
"""

from datetime import UTC, datetime

from detectors.policy import Policy
from features.conversation import is_personal
from features.evidence import Evidence
from features.mail_kind import read_kind
from models.label import Label, Place, Target
from streams.cases import Case
from streams.label_records import canonical, new_label
from streams.stores.protocol import Mention
from streams.wire import hashed_id

__all__ = ["implicit_labels"]


def implicit_labels(case: Case, policy: Policy) -> tuple[Label, ...]:
    """Return the labels that a message gives: none, or one; a function of its arguments.

    `policy` is that of the message's tenant. A retry of a delivery gives none: the first gave it.
    """
    evidence = case.prepared.evidence if case.prepared else None
    if evidence is None or not case.known or case.found.retry:
        return ()
    if case.arrival.incoming.envelope.direction == "outbound":
        return _replied(case, evidence)
    return _trapped(case, policy)


def _trapped(case: Case, policy: Policy) -> tuple[Label, ...]:
    """Mail to an address that nobody has is abuse, but for bounces: honest servers send those."""
    envelope = case.arrival.incoming.envelope
    if not envelope.mail_from or not any(map(policy.labels.is_trap, envelope.rcpt_to)):
        return ()
    label = new_label(
        Target(id=envelope.id), "spam", "trap", tenant=envelope.tenant, given_at=_appended(case)
    )
    return (label,)


def _replied(case: Case, evidence: Evidence) -> tuple[Label, ...]:
    """What a person of ours answers is wanted; so is mail between people who write to each other.

    A program's answer says nothing, and who passes a message on may be complaining of it.
    """
    envelope = case.arrival.incoming.envelope
    if not is_personal(evidence.headers, envelope):
        return ()
    answered = _answered(case)
    if answered is None and not _among_correspondents(case):
        return ()
    if _passes_on(evidence):
        return ()
    return (_reply(case, _target(answered) if answered else Target(id=envelope.id)),)


def _passes_on(evidence: Evidence) -> bool:
    text = evidence.content.text
    kind = read_kind(evidence.message, evidence.headers, evidence.envelope, text)
    return "forward" in kind.also


def _answered(case: Case) -> Mention | None:
    """Return the first message to us that a message answers: In-Reply-To's stands before others."""
    mentions = case.advanced.mentions if case.advanced else ()
    return next((it for it in mentions if it is not None and it.direction == "inbound"), None)


def _among_correspondents(case: Case) -> bool:
    """Tell whether all that a message is for have written to its author before."""
    if case.advanced is None or case.touches is None:
        return False
    pairs = [
        reading
        for increment, reading in zip(case.touches.increments, case.advanced.readings, strict=True)
        if increment.entity.kind.name == "pair"
    ]
    return bool(pairs) and all(
        reading is not None and reading.total("received") > 0 for reading in pairs
    )


def _reply(case: Case, target: Target) -> Label:
    envelope, touches = case.arrival.incoming.envelope, case.touches
    return Label(
        id=hashed_id("label", envelope.tenant, envelope.id, canonical(target), "reply"),
        of=target,
        truth="ham",
        source="reply",
        reporter=touches.author if touches else "",
        tenant=envelope.tenant,
        given_at=_appended(case),
    )


def _target(mention: Mention) -> Target:
    if mention.position is None:
        return Target(id=mention.id)
    return Target(position=Place(*mention.position))


def _appended(case: Case) -> datetime:
    return datetime.fromtimestamp(case.arrival.appended_ms / 1000, UTC)
