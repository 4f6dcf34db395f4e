"""Every signal of the catalogue has messages that fire it and near misses that must not."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from apps.bench.samples import history_beside
from detectors.catalogue import DETECTORS, SPECS
from detectors.signals import Finding
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.wanted import wanted
from streams.sandbox.sandbox import Sandbox

CORPUS = Path(__file__).parents[1] / "corpus" / "signals"
OURS = frozenset({"mx.brookvale.org"})
ENVELOPE = Envelope(id="x", received_at=datetime(2025, 11, 11, 10, tzinfo=UTC))
SAMPLES = sorted(CORPUS.glob("*/*.eml"))
RECIPIENT = "alex.morgan"
SANDBOX = Sandbox()


def _context(signal: str) -> Context:
    """Our own verifier's header is believed, except where forging it is what is tested."""
    believed = signal != "authentication_results_forged"
    return Context(authserv_ids=OURS, upstream_verifies=believed)


def _detect(sample: Path) -> dict[str, Finding]:
    context = _context(sample.parent.name)
    beside = sample.with_suffix(".toml")  # the readings of its sender's history
    told = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
    envelope = replace(ENVELOPE, direction=told.get("direction", "inbound"))
    evidence = extract(Incoming(envelope, sample.read_bytes()), context)
    evidence = evidence.with_history(history_beside(told, evidence))
    requests = wanted(evidence, context.limits)
    if requests:
        evidence = evidence.with_opened(SANDBOX.open(requests))
    found = [f for detector in DETECTORS for f in detector.detect(evidence, context)]
    assert len({finding.name for finding in found}) == len(found), "a signal fired twice"
    return {finding.name: finding for finding in found}


def _id(sample: Path) -> str:
    return f"{sample.parent.name}-{sample.stem}"


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_signal_has_a_sample_that_fires_it_and_a_near_miss(name):
    assert list(CORPUS.glob(f"{name}/fires*.eml")), f"write tests/corpus/signals/{name}/fires.eml"
    assert list(CORPUS.glob(f"{name}/near*.eml")), f"write tests/corpus/signals/{name}/near.eml"


@pytest.mark.parametrize("sample", SAMPLES, ids=_id)
def test_a_sample_fires_its_signal_and_a_near_miss_does_not(sample):
    fired = sample.parent.name in _detect(sample)

    assert fired == sample.stem.startswith("fires")


def test_every_sample_belongs_to_a_signal():
    assert {sample.parent.name for sample in SAMPLES} <= set(SPECS)
    assert all(readings.with_suffix(".eml") in SAMPLES for readings in CORPUS.glob("*/*.toml"))


@pytest.mark.parametrize("sample", SAMPLES, ids=_id)
def test_reasons_are_short_sentences_without_local_parts(sample):
    """A verdict is read by people who may not see the mail itself."""
    for finding in _detect(sample).values():
        assert finding.reason[0].isupper() or finding.reason[0].isdigit() or "." in finding.reason
        assert len(finding.reason) <= 300
        assert "{" not in finding.reason
        quoted = f"{finding.reason} {finding.inputs}"
        assert RECIPIENT not in quoted
        assert "@" not in quoted
        assert 0 < finding.strength <= 1


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.name)
def test_a_catalogue_entry_is_one_plain_sentence(spec):
    assert spec.what[0].isupper()
    assert spec.what.endswith(".")
    assert "\n" not in spec.what


def test_the_same_evidence_gives_the_same_findings_in_the_same_order():
    sample = SAMPLES[0]

    assert list(_detect(sample).values()) == list(_detect(sample).values())
