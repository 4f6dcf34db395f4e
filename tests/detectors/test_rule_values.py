import math
from datetime import UTC, datetime

import pytest

from detectors.rule_values import READERS, Facts, mail_from_domain
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.history import UNKNOWN, known


@pytest.mark.parametrize(
    ("mail_from", "domain"),
    [
        ("jane@Mail.Example.com", "example.com"),
        ("<jane@host.internal.>", "host.internal"),
        ("jane.doe", ""),  # a local submission: nothing but a local part
        ("", ""),
        (None, ""),
    ],
)
def test_the_envelope_senders_domain_is_no_local_part(mail_from, domain):
    assert mail_from_domain(mail_from) == domain


CONTEXT = Context()


def _values(names, history=UNKNOWN, context=CONTEXT, rcpt_to=(), **facts):
    received_at = datetime(2026, 1, 1, tzinfo=UTC)
    envelope = Envelope(id="x", received_at=received_at, facts=facts, rcpt_to=rcpt_to)
    raw = b"From: a@example.com\nTo: b@ours.example\n\nHello\n"
    evidence = extract(Incoming(envelope, raw), context).with_history(history)
    given = Facts(evidence, context, None, "accept", "ham", "")
    return [READERS[name](given) for name in names]


def _sender_values(history, **facts):
    names = ("sender_age", "sender_messages", "first_contact", "known_correspondent")
    return _values(names, history, **facts)


def test_a_rule_reads_the_recipients_in_lower_case():
    assert _values(["recipients", "rcpt_count"]) == [[], 0]
    assert _values(["recipients"], rcpt_to=("Abuse@Ours.example", "b@ours.example")) == [
        ["abuse@ours.example", "b@ours.example"]
    ]


def test_a_rule_reads_what_the_edge_looked_up():
    names = ("dmarc_policy", "blocklists", "arc_sealer")
    assert _values(names) == ["", [], ""]
    facts = {
        "dmarc.policy": Fact("reject"),
        "dnsbl.zen.example": Fact("127.0.0.2 127.0.0.4"),
        "dnsbl.bl.example": Fact("127.0.0.2"),
        "dnsbl.other.example": Fact(False),
        "arc": Fact("pass"),
        "arc.sealer": Fact("list.example"),
    }
    said = ["reject", ["bl.example", "zen.example"]]
    assert _values(names, **facts) == [*said, ""]  # whoever wants to can seal
    trusting = Context(trusted_sealers=frozenset({"list.example"}))
    assert _values(names, context=trusting, **facts) == [*said, "list.example"]
    assert _values(names, **{"dmarc.policy": Fact(1), "dnsbl.x": Fact(None)})[:2] == ["", []]


def test_an_unread_history_is_neither_young_nor_new_nor_known():
    assert _sender_values(UNKNOWN) == [math.inf, 0.0, False, False]


def test_a_rule_reads_the_senders_history_and_knows_only_proven_correspondents():
    history = known(
        {
            "sender.age": 60,
            "sender.messages": 2,
            "sender.proven": 1,
            "pair.received": 1,
            "pair.known": 1,
        }
    )
    proof = {"dkim": Fact("pass"), "dkim.domains": Fact("example.com")}
    assert _sender_values(history, **proof) == [60.0, 2.0, True, True]
    assert _sender_values(history) == [60.0, 2.0, True, False]
