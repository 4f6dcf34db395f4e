"""What a verdict rests on beside its vector: enough to judge anew without the message.

Whoever has the mail judges it anew in full, with the readings that are kept here. Whoever hasn't
takes findings and margins as they were found, and weighs and decides anew. Nothing personal is in
it: a rule or a list that asks for a subject, a recipient, an account or an address of a network
needs the mail.
"""

from collections.abc import Collection, Iterable, Sequence
from math import isfinite, nan
from typing import Final

import msgspec

from detectors.lists import allowed_address
from detectors.relations import shown_host
from detectors.signals import Finding, Signal, plain_inputs
from detectors.standing import is_proven
from features.addresses import hash_address
from features.context import Context
from features.evidence import Evidence
from features.history import History
from features.reported import Reported, decode_reports, encode_reports
from models.classifier import Prediction

__all__ = ["Basis", "Found", "Heard", "State", "basis_of", "findings_of", "found_of", "history_of"]

_HOSTS: Final = 40  # of links that are kept


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """A finding as it was found (detectors.signals.Finding), in force or not.

    `reason` and `inputs` are left out where the verdict's signal of that name has them.
    """

    name: str
    strength: float = 1.0
    kind: str = ""
    inside: bool = False
    reason: str = ""
    inputs: dict[str, str | int | float | bool] = {}
    within: tuple[tuple["Found", ...], ...] = ()


class Heard(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entity of which reports stood (features.reported.Reported); these as MessagePack."""

    kind: str
    name: str
    reports: bytes
    messages: float = 0.0
    age: float = 0.0


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was read of the sender state and isn't in the vector (features.history.History).

    `watched` and `watched_outbound` are None where that was unknown.
    """

    correspondent: str = ""
    watched: float | None = None
    watched_outbound: float | None = None
    colleague: bool = False
    reported: tuple[Heard, ...] = ()


class Basis(msgspec.Struct, frozen=True, omit_defaults=True):
    """Findings in the detectors' order, models' logits by name, and what rules and lists read.

    `mail_from` is the keyed hash of the envelope sender where `sender` isn't that of it,
    `mail_from_host` its host where `mail_from_domain` isn't. `vouched`: a proven domain is aligned
    with the author, so that an allow list's address counts. `link_hosts` are those of all links,
    sorted. `partial` names what isn't here as it was read: too many hosts, or one that isn't any.
    """

    findings: tuple[Found, ...] = ()
    margins: dict[str, float] = {}
    state: State = State()
    from_host: str = ""
    proven_domain: str = ""
    proven_by: str = ""
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    arc_sealer: str = ""
    link_hosts: tuple[str, ...] = ()
    attachment_kinds: tuple[str, ...] = ()
    message_bytes: int = 0
    known_correspondent: bool = False
    vouched: bool = False
    mail_from: str = ""
    mail_from_host: str = ""
    partial: tuple[str, ...] = ()


def basis_of(
    evidence: Evidence,
    context: Context,
    findings: Iterable[Finding],
    predictions: Sequence[Prediction],
    signals: Iterable[Signal],
    *,
    sender: str,
    mail_from_domain: str,
) -> Basis:
    """Return what a verdict with these signals rests on; `sender` and domain are the verdict's."""
    said = {signal.name for signal in signals}
    proof, envelope = evidence.authentication, evidence.envelope
    from_host = evidence.headers.from_.host
    host = (envelope.mail_from or "").lower().strip("<> .").rpartition("@")[2]
    mail_from = hash_address((envelope.mail_from or "").lower().strip("<> ."), context)
    hosts = sorted({link.host for link in evidence.links.all if link.host})
    written = {"from_host": from_host, "mail_from_host": host}
    partial = [name for name, given in written.items() if shown_host(given) != given]
    if len(hosts) > _HOSTS or any(shown_host(each) != each for each in hosts):
        partial.append("link_hosts")
    return Basis(
        findings=found_of(findings, said),
        margins={each.model: float(each.logit) for each in predictions},
        state=_state(evidence.history),
        from_host=shown_host(from_host),
        proven_domain=proof.proven,
        proven_by=proof.proven_by,
        spf=proof.spf,
        dkim=proof.dkim,
        dmarc=proof.dmarc,
        arc_sealer=proof.arc_sealer,
        link_hosts=tuple([shown_host(each) for each in hosts[:_HOSTS]]),
        attachment_kinds=tuple(sorted({each.kind for each in evidence.attachments.all})),
        message_bytes=evidence.message.size,
        known_correspondent=is_proven(evidence) and evidence.history["pair.known"] > 0,
        vouched=bool(allowed_address(evidence)),
        mail_from="" if mail_from == sender else mail_from,
        mail_from_host="" if host == mail_from_domain else shown_host(host),
        partial=tuple(partial),
    )


def findings_of(basis: Basis, signals: Iterable[Signal]) -> list[Finding]:
    """Return the findings as the detectors gave them; `signals` are those of the same verdict."""
    said = {signal.name: signal for signal in signals}
    return [_finding(found, said.get(found.name)) for found in basis.findings]


def found_of(findings: Iterable[Finding], said: Collection[str]) -> tuple[Found, ...]:
    """Return findings as a basis has them, beside a verdict with signals of these names."""
    return tuple([_found(finding, said) for finding in findings])


def history_of(history: History, state: State) -> History:
    """Return a history that has a vector's numbers alone with what else was read of the state.

    What the policy asks of reports isn't recorded: the judge sees to it. Raises
    msgspec.DecodeError where the reports aren't readable.
    """
    return History(
        history.numbers,
        state.correspondent,
        watched=nan if state.watched is None else state.watched,
        colleague=state.colleague,
        watched_outbound=nan if state.watched_outbound is None else state.watched_outbound,
        reported=tuple(
            Reported(it.kind, it.name, decode_reports(it.reports), it.messages, it.age)
            for it in state.reported
        ),
    )


def _found(finding: Finding, said: Collection[str]) -> Found:
    told = finding.name in said and not finding.within
    return Found(
        finding.name,
        float(finding.strength),
        finding.kind,
        finding.inside,
        "" if told else finding.reason,
        {} if told else plain_inputs(finding.inputs),
        tuple([tuple([_found(each, set()) for each in inner]) for inner in finding.within]),
    )


def _finding(found: Found, signal: Signal | None) -> Finding:
    told = signal is not None and not found.reason
    return Finding(
        found.name,
        signal.reason if signal is not None and told else found.reason,
        found.strength,
        signal.inputs if signal is not None and told else found.inputs,
        found.kind,
        inside=found.inside,
        within=tuple(tuple(_finding(each, None) for each in inner) for inner in found.within),
    )


def _state(history: History) -> State:
    return State(
        history.correspondent,
        _known(history.watched),
        _known(history.watched_outbound),
        history.colleague,
        tuple(
            [
                Heard(it.kind, it.name, encode_reports(it.reports), it.messages, it.age)
                for it in history.reported
            ]
        ),
    )


def _known(seconds: float) -> float | None:
    return float(seconds) if isfinite(seconds) else None
