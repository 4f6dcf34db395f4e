"""The values that an operator's rules read, each made only when some rule asks for it."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from detectors.actions import MICRO, Action, probability
from detectors.relations import shown_host
from detectors.signals import AbuseClass
from detectors.stack import Weighed
from detectors.standing import is_proven
from features.client import client_ip
from features.context import Context
from features.domains import split_host
from features.envelope import Fact
from features.evidence import Evidence

__all__ = ["READERS", "Facts", "blocklists", "dmarc_policy", "mail_from_domain"]

_BLOCKLIST = "dnsbl."


class Facts(NamedTuple):
    """What is known about a message once thresholds and lists have spoken."""

    evidence: Evidence
    context: Context
    weighed: Weighed
    action: Action
    class_: AbuseClass
    listed: str


def mail_from_domain(mail_from: str | None) -> str:
    """Return the registrable domain of the envelope sender, its host where it has none."""
    _, at, host = (mail_from or "").rpartition("@")
    host = host.lower().strip("<> .") if at else ""  # a local part alone is no domain
    return shown_host(split_host(host).registrable or host)


def _reading(facts: Facts, name: str, unknown: float) -> float:
    value = facts.evidence.history[name]
    return unknown if math.isnan(value) else value


def dmarc_policy(facts: Mapping[str, Fact]) -> str:
    """Return the policy that the edge found, '' where it didn't look."""
    fact = facts.get("dmarc.policy")
    return fact.value if fact is not None and isinstance(fact.value, str) else ""


def blocklists(facts: Mapping[str, Fact]) -> list[str]:
    """Return the zones of the facts `dnsbl.ZONE` that say codes, sorted."""
    return sorted(
        name.removeprefix(_BLOCKLIST)
        for name, fact in facts.items()
        if name.startswith(_BLOCKLIST) and fact.value
    )


READERS: Mapping[str, Callable[[Facts], str | int | float | bool | list[str]]] = {
    "score": lambda f: probability(f.weighed.logit),
    "logit": lambda f: f.weighed.logit / MICRO,
    "action": lambda f: f.action,
    "class": lambda f: f.class_,
    "signals": lambda f: [signal.name for signal in f.weighed.signals],
    "listed": lambda f: f.listed,
    "direction": lambda f: f.evidence.envelope.direction,
    "tenant": lambda f: f.evidence.envelope.tenant,
    "user": lambda f: f.evidence.envelope.user or "",
    "from_domain": lambda f: f.evidence.headers.from_.domain.registrable,
    "from_host": lambda f: f.evidence.headers.from_.host,
    "mail_from_domain": lambda f: mail_from_domain(f.evidence.envelope.mail_from),
    "proven_domain": lambda f: f.evidence.authentication.proven,
    "proven_by": lambda f: f.evidence.authentication.proven_by,
    "spf": lambda f: f.evidence.authentication.spf,
    "dkim": lambda f: f.evidence.authentication.dkim,
    "dmarc": lambda f: f.evidence.authentication.dmarc,
    "arc_sealer": lambda f: f.evidence.authentication.arc_sealer,
    "dmarc_policy": lambda f: dmarc_policy(f.evidence.envelope.facts),
    "blocklists": lambda f: blocklists(f.evidence.envelope.facts),
    "client_ip": lambda f: client_ip(f.evidence.envelope, f.evidence.headers.hops, f.context),
    "rcpt_count": lambda f: len(f.evidence.envelope.rcpt_to),
    "recipients": lambda f: [address.lower() for address in f.evidence.envelope.rcpt_to],
    "subject": lambda f: f.evidence.headers.subject,
    "url_domains": lambda f: sorted(f.evidence.links.domains),
    "attachment_kinds": lambda f: sorted({a.kind for a in f.evidence.attachments.all}),
    "message_bytes": lambda f: f.evidence.message.size,
    "flags": lambda f: list(f.evidence.flags),
    # Unknown compares as harmless: a rule that marks the young must not mark all in an outage.
    "sender_age": lambda f: _reading(f, "sender.age", math.inf),
    "sender_messages": lambda f: _reading(f, "sender.messages", 0.0),
    "first_contact": lambda f: f.evidence.history["pair.received"] <= 1,
    "known_correspondent": lambda f: is_proven(f.evidence) and f.evidence.history["pair.known"] > 0,
}
