"""What was read behind a verdict, in words: who the sender is proven to be, what is known of it."""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Final

import msgspec
from msgspec import UnsetType

from detectors.basis import Basis, State
from detectors.outcomes import recorded_history
from detectors.verdict import Verdict
from detectors.wording import about, counted, duration
from features.history import History
from features.reported import decode_reports

__all__ = ["MISSING", "Told", "missing", "readings"]


class Told(msgspec.Struct, frozen=True):
    """A thing, and what is said of it, for people."""

    about: str
    said: str


MISSING: Final = {
    "sender": "what is known of the sender: the state couldn't be read",
    "store": "the record of what was judged before: it couldn't be asked or written",
    "attachments": "what is inside the attachments: they couldn't be opened",
    "kind": "what its kind of mail discounts",
    "judgement": "a judgement: the hook had no time left, and on_failure decided",
    "pipeline": "everything: the message broke the pipeline, and on_failure decided",
}
"""What a part that a verdict had to do without means; models and detectors are named."""

_FAR: Final = 60.0  # seconds: an age below that says "now"


def missing(degraded: Sequence[str]) -> tuple[Told, ...]:
    """Return the parts that a verdict had to do without, in words."""
    return tuple(Told(part, MISSING.get(part) or _of_part(part)) for part in degraded)


def readings(verdict: Verdict) -> tuple[Told, ...]:
    """Return what was read of the message's route and sender; what is missing isn't there."""
    basis = None if isinstance(verdict.basis, UnsetType) else verdict.basis
    history = recorded_history(verdict)
    found = [*_identity(verdict, basis), *_facts(verdict)]
    if not verdict.features.f32:
        found.append(Told("sender", "the numbers that were read of it aren't kept any more"))
    elif all(isnan(number) for number in history.numbers.tolist()):
        found.append(Told("sender", "nothing was read of what is known of it"))
    else:
        found += [Told(name, ", ".join(said)) for name, said in _known(history) if said]
    if basis is not None:
        found += _state(basis.state, verdict.received_at.timestamp())
    return tuple(found)


def _of_part(part: str) -> str:
    kind, _, name = part.partition(":")
    if kind == "model":
        return f"the model {name}: it gave no margin"
    if kind == "detector":
        return f"the detectors of {name}: one failed on this message"
    return "a part of another release"


def _identity(verdict: Verdict, basis: Basis | None) -> Iterator[Told]:
    claimed = verdict.from_domain or "nobody"
    envelope = verdict.mail_from_domain or "nobody"
    yield Told("author", f"From names {claimed}, the envelope {envelope}")
    if basis is None:
        return
    by = f"proven by {basis.proven_by.upper()}: {basis.proven_domain}" if basis.proven_by else ""
    results = [
        f"{method} {result}"
        for method, result in (("SPF", basis.spf), ("DKIM", basis.dkim), ("DMARC", basis.dmarc))
        if result and result != "missing"
    ]
    if not results:
        yield Told("proof", "nobody of ours looked SPF, DKIM and DMARC up")
        return
    sealed = f"sealed by {basis.arc_sealer}" if basis.arc_sealer else ""
    proof = by or "no domain is proven"
    yield Told("proof", ", ".join(filter(None, (*results, proof, sealed))))


def _facts(verdict: Verdict) -> Iterator[Told]:
    """Yield what else the edge had looked up: blocklists, ages of domains, and so on."""
    said = [
        f"{name} {fact.value}"
        for name, fact in verdict.facts.items()
        if name.partition(".")[0] not in {"spf", "dkim", "dmarc", "arc"} and fact.value is not None
    ]
    if said:
        yield Told("looked up", ", ".join(said))


def _known(history: History) -> Iterator[tuple[str, list[str]]]:
    """Yield each entity with what its readings say, as far as they are known."""
    proven = "proven" if history["sender.proven"] == 1 else "unproven"
    yield (
        f"sender ({proven})",
        [
            *_age(history, "sender"),
            *_count(history, "sender.messages", "message"),
            *_count(history, "sender.bad_7d", "of them of late bad by content", bare=True),
            *_labels(history, "sender"),
        ],
    )
    yield (
        "pair",
        [
            *_flag(history, "pair.known", "a recipient writes to this sender"),
            *_flag(history, "thread.answers", "it answers a message of ours"),
            *_count(history, "pair.received", "message to these recipients, with this one"),
        ],
    )
    yield "address", [*_age(history, "address"), *_count(history, "address.messages", "message")]
    for entity in ("ip", "network"):
        yield (
            entity,
            [
                *_age(history, entity),
                *_distinct(history, f"{entity}.domains_1d", "sender domain"),
                *_labels(history, entity),
            ],
        )
    yield (
        "content",
        [
            *_age(history, "content"),
            *_distinct(history, "content.senders_1d", "sender"),
            *_distinct(history, "content.recipients_1d", "recipient"),
            *_labels(history, "content"),
        ],
    )
    youngest = history["links.youngest"]
    yield (
        "links",
        [
            *([] if isnan(youngest) else [f"the youngest domain {_since(youngest)}"]),
            *_count(history, "links.new", "of the domains never seen before", bare=True),
            *_labels(history, "links"),
        ],
    )


def _state(state: State, at: float) -> Iterator[Told]:
    if state.correspondent:
        yield Told("correspondent", f"it claims or resembles {state.correspondent}")
    if state.colleague:
        yield Told("colleague", "its author is named like somebody of the recipient's own")
    for heard in state.reported:
        try:
            reports = decode_reports(heard.reports)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
            continue
        abuse = sum(1 for it in reports if it.abuse)
        last = max((it.at for it in reports), default=at)
        said = f"{abuse} called it abuse, {len(reports) - abuse} legitimate"
        yield Told(f"reports of the {heard.kind}", f"{said}; the last {_ago(at - last)}")
    if state.watched is not None:
        yield Told("state", f"had been watching mail for {duration(state.watched)}")


def _age(history: History, entity: str) -> Iterator[str]:
    age = history[f"{entity}.age"]
    if not isnan(age):
        yield _since(age)


def _since(age: float) -> str:
    return "never seen before" if age < 1 else f"first seen {_ago(age)}"


def _ago(seconds: float) -> str:
    return f"{duration(seconds)} before" if seconds >= _FAR else "within a minute"


def _count(history: History, name: str, thing: str, *, bare: bool = False) -> Iterator[str]:
    number = history[name]
    if not isnan(number) and (number >= 1 or not bare):
        yield f"{round(number)} {thing}" if bare else counted(number, thing)


def _distinct(history: History, name: str, thing: str) -> Iterator[str]:
    number = history[name]
    if not isnan(number):
        yield f"{about(number, thing)} since yesterday"


def _labels(history: History, entity: str) -> Iterator[str]:
    sides = (history[f"{entity}.{side}"] for side in ("spam", "ham"))
    abuse, ham = (0.0 if isnan(number) else number for number in sides)
    if abuse > 0 or ham > 0:
        yield f"labels: {abuse:.3g} abuse, {ham:.3g} legitimate"


def _flag(history: History, name: str, said: str) -> Iterator[str]:
    if history[name] > 0:
        yield said
