"""Each fact silences what it is said to silence, in the detectors' own words."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from apps.bench.samples import history_beside
from detectors.apart import detect
from detectors.catalogue import DETECTORS
from detectors.changes import FACTS
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.history import History

SAMPLES = Path(__file__).parents[1] / "corpus" / "signals"
CONTEXT = Context(authserv_ids=frozenset({"mx.brookvale.org"}), upstream_verifies=True)
AT = datetime(2025, 11, 11, tzinfo=UTC)
LOOKED_UP = {"spf_pass": "spf", "dmarc_pass": "dmarc"}
READ = {"correspondent": "pair.known", "answers": "thread.answers"}


def _evidence(sample, fact=None):
    beside = sample.with_suffix(".toml")
    told = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
    envelope = Envelope(id="sample", received_at=AT, direction=told.get("direction", "inbound"))
    plain = extract(Incoming(envelope, sample.read_bytes()), CONTEXT)
    if fact in LOOKED_UP:
        # What else was looked up stays as it was.
        proof = plain.authentication
        facts = {
            name: Fact(value, "edge", AT)
            for name, value in (("spf", proof.spf), ("dkim", proof.dkim), ("dmarc", proof.dmarc))
            if value != "missing"
        }
        facts[LOOKED_UP[fact]] = Fact("pass", "edge", AT)
        envelope = replace(envelope, facts=facts)
        plain = extract(Incoming(envelope, sample.read_bytes()), CONTEXT)
    history = history_beside(told, plain)
    if fact in READ:
        numbers = {**told.get("readings", {}), READ[fact]: 1.0}
        history = history_beside({**told, "readings": numbers}, plain)
    if fact == "unreported":
        history = History(history.numbers, history.correspondent, watched=history.watched)
    return plain.with_history(history)


def _fires(sample, fact=None):
    return {each.name for each in detect(DETECTORS, _evidence(sample, fact), CONTEXT)}


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_no_signal_that_a_fact_silences_speaks_where_it_holds(fact):
    for name in sorted(fact.silences):
        samples = sorted((SAMPLES / name).glob("fires*.eml"))
        assert samples
        assert any(name in _fires(sample) for sample in samples), "the sample shows nothing"
        for sample in samples:
            assert not _fires(sample, fact.name) & fact.silences


def test_a_fact_stands_for_signals_that_it_silences():
    for fact in FACTS:
        assert fact.is_its_own <= fact.silences
