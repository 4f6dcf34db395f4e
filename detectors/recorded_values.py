"""The values that an operator's rules read, from a recorded verdict instead of the message.

Subject, account, recipients and the client's address aren't recorded: who reads them needs the
mail (detectors.rejudging).
"""

import math
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from detectors.actions import MICRO, Action, probability
from detectors.basis import Basis
from detectors.rule_values import blocklists, dmarc_policy
from detectors.signals import AbuseClass
from detectors.stack import Weighed
from detectors.verdict import Verdict
from features.domains import split_host
from features.vector import SCHEMA

__all__ = ["FAILED_RULE", "RECORDED", "Told", "own_flags"]

FAILED_RULE: Final = "rule_error:"
"""What a flag starts with that names a rule which failed, and isn't the message's."""

_SENDER = SCHEMA.part("sender")
_PLACES: Final = {each.name: at for at, each in enumerate(_SENDER.features, _SENDER.start)}


class Told(NamedTuple):
    """A recorded verdict with its basis, and what it weighs and comes to by now."""

    verdict: Verdict
    basis: Basis
    weighed: Weighed
    action: Action
    class_: AbuseClass
    listed: str


def own_flags(verdict: Verdict) -> tuple[str, ...]:
    """Return the flags of the message itself."""
    return tuple(flag for flag in verdict.flags if not flag.startswith(FAILED_RULE))


def _number(told: Told, name: str) -> float:
    """Return a number of the vector, NaN where there is none."""
    place = 4 * _PLACES[name]
    raw = b64decode(told.verdict.features.f32)
    return float(np.frombuffer(raw[place : place + 4], "<f4")[0]) if len(raw) > place else math.nan


def _known(told: Told, name: str, unknown: float) -> float:
    value = _number(told, name)
    return unknown if math.isnan(value) else value


def _link_domains(told: Told) -> list[str]:
    return sorted({split_host(host).registrable for host in told.basis.link_hosts} - {""})


RECORDED: Final[Mapping[str, Callable[[Told], str | int | float | bool | list[str]]]] = {
    "score": lambda t: probability(t.weighed.logit),
    "logit": lambda t: t.weighed.logit / MICRO,
    "action": lambda t: t.action,
    "class": lambda t: t.class_,
    "signals": lambda t: [signal.name for signal in t.weighed.signals],
    "listed": lambda t: t.listed,
    "direction": lambda t: t.verdict.direction,
    "tenant": lambda t: t.verdict.tenant,
    "from_domain": lambda t: split_host(t.basis.from_host).registrable,
    "from_host": lambda t: t.basis.from_host,
    "mail_from_domain": lambda t: t.verdict.mail_from_domain,
    "proven_domain": lambda t: t.basis.proven_domain,
    "proven_by": lambda t: t.basis.proven_by,
    "spf": lambda t: t.basis.spf,
    "dkim": lambda t: t.basis.dkim,
    "dmarc": lambda t: t.basis.dmarc,
    "arc_sealer": lambda t: t.basis.arc_sealer,
    "dmarc_policy": lambda t: dmarc_policy(t.verdict.facts),
    "blocklists": lambda t: blocklists(t.verdict.facts),
    "rcpt_count": lambda t: t.verdict.rcpt_count,
    "url_domains": _link_domains,
    "attachment_kinds": lambda t: list(t.basis.attachment_kinds),
    "message_bytes": lambda t: t.basis.message_bytes,
    "flags": lambda t: list(own_flags(t.verdict)),
    "sender_age": lambda t: _known(t, "sender.age", math.inf),
    "sender_messages": lambda t: _known(t, "sender.messages", 0.0),
    "first_contact": lambda t: _number(t, "pair.received") <= 1,
    "known_correspondent": lambda t: t.basis.known_correspondent,
}
"""As detectors.rule_values.READERS, which a test holds it to."""
