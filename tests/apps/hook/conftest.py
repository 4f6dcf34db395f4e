"""The real core as what decides, a front before it, and policies that a subject can call upon."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from apps.hook.front import Front
from apps.hook.submission import Submission
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Client, Incoming
from models.classifier import Classifier
from streams.keys import Keys
from streams.settings import Settings

KEYS = Keys(hash_key=b"h" * 32, hash_key_id="t", token_key=b"k" * 32, token_salt=7)
CLASSIFIER = Classifier.shipped()
RULES = "".join(
    f"[[rules]]\nname = '{action}'\nwhen = \"subject.contains('{action}')\"\n"
    f"action = '{action}'\nreason = 'the subject asks for it'\n"
    for action in (
        *("accept", "add_header", "rewrite_subject", "quarantine"),
        *("defer", "reject", "discard"),
    )
)


def _policies(text):
    top, tenant, tenants = text.partition("[tenant.")
    return read_policy(f"allow_discard = true\n{top}\n{RULES}\n{tenant}{tenants}")


class Core:
    """Decides by the core in this process; keeps what it was asked."""

    def __init__(self, policies):
        self.policies = policies
        self.judge = Judge(Context(hash_key=b"k"), CLASSIFIER, policies, shipped_stack(), "e" * 16)
        self.asked = []
        self.raw = []

    async def __call__(self, envelope, raw, _deadline):
        self.asked.append(envelope)
        self.raw.append(raw)
        await asyncio.sleep(0)
        (judged,) = self.judge.judge([Incoming(envelope, raw)])
        return judged.verdict


@pytest.fixture
def core():
    """Return what decides by a policy's text laid over rules that the subject calls upon."""
    return lambda policy="": Core(_policies(policy))


@pytest.fixture
def front(core):
    """Return a front, with the policy's text and settings by section."""

    def make(policy="", decide=None, look_up=None, **sections):
        decide = decide or core(policy)
        policies = getattr(decide, "policies", None) or _policies(policy)
        settings = Settings(**sections)
        registry = CollectorRegistry()
        made = Front(settings, KEYS, decide, lambda: policies, registry, look_up=look_up)
        made.registry = registry
        return made

    return make


@pytest.fixture
def mail():
    """Return a submission whose subject is given; `fields` are the submission's."""

    def make(subject="Lunch", header=b"", **fields):
        given = {
            "raw": b"From: A <a@one.example>\r\nTo: b@two.example\r\nSubject: "
            + subject.encode()
            + b"\r\n"
            + header
            + b"\r\nHello.\r\n",
            "client": Client(ip="192.0.2.9", helo="mx.one.example"),
            "mail_from": "a@one.example",
            "rcpt_to": ("b@two.example",),
        }
        return Submission(**given | fields)

    return make
