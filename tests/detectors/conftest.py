"""Messages in, verdicts out: what the tests of policy and verdict share."""

from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from detectors.judging import Judge
from detectors.policy_file import read_policy, shipped_policy
from detectors.signals import Spec
from detectors.stack import Stack, shipped_stack
from detectors.terms import prepare
from detectors.verdict import ModelVersion, judge
from detectors.weights import read_weights
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming, LogPosition
from features.evidence import extract
from models.classifier import Classifier
from models.ensemble import Ensemble

CONTEXT = Context(
    hash_key=b"a key of the tests",
    hash_key_id="t1",
    trusted_relays=(ip_network("10.0.0.0/8"),),
)
SPECS = {
    name: Spec(name, group, class_, "What it is.")
    for name, group, class_ in (
        ("bad_link", "links", "phish"),
        ("bad_file", "attachments", "malware"),
        ("mass", "headers", "bulk"),
        ("spammy", "content", "spam"),
        ("known", "headers", "ham"),
    )
}
WEIGHTS = """
[stack]
bias = -4.0
[learned.classifier]
weight = 0.5
""" + "".join(
    f'[signals.{name}]\nweight = {weight}\nmeasured = 2026-11-21\non = "nothing"\n'
    for name, weight in (
        ("bad_link", 5.0),
        ("bad_file", 5.0),
        ("mass", 4.5),
        ("spammy", 3.0),
        ("known", -3.0),
    )
)
RAW = (
    b"Received: from mail.shop.example (mail.shop.example [192.0.2.7]) by mx.ours.example;"
    b" Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    b"From: Shop <news@mail.shop.example.com>\r\nTo: someone@ours.example.org\r\n"
    b"Subject: Your order\r\n\r\nSee https://login.trap.example.net/x for your order.\r\n"
)


def incoming(raw=RAW, position=None, flags=(), **fields):
    """Return a message to judge; `fields` are the envelope's."""
    given = {
        "id": "0190f2c0-0000-7000-8000-000000000001",
        "received_at": datetime(2026, 1, 1, 12, tzinfo=UTC),
        "client": Client(ip="192.0.2.7"),
        "mail_from": "bounce@mail.shop.example.com",
        "rcpt_to": ("someone@ours.example.org",),
        **fields,
    }
    return Incoming(Envelope(**given), raw, position and LogPosition(*position), tuple(flags))


def proven(domain):
    """Return the edge's facts that prove a domain by DKIM."""
    return {"dkim": Fact("pass", "mx"), "dkim.domains": Fact(domain, "mx")}


@pytest.fixture(scope="module", name="judge")
def whole_judge():
    """The core as a worker has it, with the online models."""
    stack = shipped_stack()
    context = Context(hash_key=b"k" * 32)
    models = Ensemble.fresh(stack.fresh_fusion())
    return Judge(context, Classifier.shipped(), shipped_policy(), stack, "e", models=models)


@pytest.fixture(name="context")
def _context():
    return CONTEXT


@pytest.fixture(name="stack")
def _stack():
    return Stack(read_weights(WEIGHTS, SPECS), SPECS)


@pytest.fixture(name="incoming")
def _incoming():
    return incoming


@pytest.fixture(name="proven")
def _proven():
    return proven


@pytest.fixture(name="client")
def _client():
    return lambda ip: Client(ip=ip)


@pytest.fixture(name="at")
def _at():
    return datetime.fromisoformat


@pytest.fixture
def judge_with(stack):
    """Judge one message under a policy's text with given findings and predictions."""

    def run(policy="", findings=(), predictions=(), degraded=(), **fields):
        message = incoming(**fields)
        policies = read_policy(policy, stack=stack)
        terms = prepare(
            policies.for_tenant(message.envelope.tenant),
            policies.digest,
            stack,
            CONTEXT,
            "an engine",
        )
        evidence = extract(message, CONTEXT)
        models = [ModelVersion(p.model, p.version) for p in predictions]
        weighed = terms.stack.weigh(findings, predictions)
        return judge(message, evidence, weighed, models, terms, degraded)

    return run
