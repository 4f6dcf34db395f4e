"""What the learner reads of verdicts: volumes and drift from what is well-formed, and no more."""

import base64

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from features.vector import SCHEMA
from models.manifest import ArtifactError
from models.progress import VERDICT, Progress
from streams.quality_metrics import QualityMetrics
from streams.settings import Settings
from streams.watching import Watch

VECTOR = base64.b64encode(np.zeros(len(SCHEMA.names), "<f4").tobytes()).decode()


def verdict(**changes):
    plain = {
        "kind": "judged",
        "logit": 500_000,
        "features": {"schema": SCHEMA.digest, "f32": VECTOR},
        "signals": [],
    }
    return msgspec.json.encode(plain | changes)


def test_volumes_count_what_was_passed_over_too():
    watch = Watch(Settings(), budget=50)
    for number in range(100):
        watch.take(verdict(), 1_000.0 + number, weight=30.0)
    theta = watch.theta(86_400.0 + 2_000)
    assert theta is not None
    assert sum(watch.volume.daily(86_400.0)) >= 3_000
    assert theta.chances[5] == pytest.approx(
        50 / sum(watch.volume.daily(86_400.0 + 2_000)), rel=0.01
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"[]",
        b'{"kind": "judged"}',
        verdict(logit=None),
        verdict(kind="revised"),
    ],
)
def test_what_is_no_verdict_of_a_message_counts_for_nothing(value):
    watch = Watch(Settings(), budget=50)
    assert watch.take(value, 1.0) == []
    assert watch.theta(1.0) is None


@pytest.mark.parametrize("f32", ["", "AAAA", "no base64!"])
def test_a_vector_that_is_none_still_leaves_the_score(f32):
    watch = Watch(Settings(), budget=50)
    watch.take(verdict(features={"schema": SCHEMA.digest, "f32": f32}), 1.0)
    assert sum(watch.volume.daily(1.0)) > 0
    assert watch.drift.standings() == []


def test_no_budget_no_questions():
    watch = Watch(Settings(), budget=0)
    watch.take(verdict(), 1.0)
    assert watch.theta(1.0) is None


def test_it_goes_on_after_a_restart():
    watch, later = Watch(Settings(), budget=50), Watch(Settings(), budget=50)
    for number in range(100):
        watch.take(verdict(), float(number))
    later.restore(watch.to_bytes())
    assert later.theta(200.0) == watch.theta(200.0)
    assert later.to_bytes() == watch.to_bytes()
    with pytest.raises(ArtifactError, match="state of watching"):
        later.restore(b"damaged")


def test_metrics_tell_models_and_sources_apart_and_keep_noise_to_themselves():
    progress, watch = Progress(), Watch(Settings(), budget=50)
    for number in range(20):
        logits = {VERDICT: 3.0 if number % 2 else -3.0}
        progress.observe(f"m{number}", logits, abuse=bool(number % 2), source="analyst")
    progress.observe("only", {VERDICT: 1.0}, abuse=True, source="report")
    watch.take(verdict(), 1.0)
    registry = CollectorRegistry()
    metrics = QualityMetrics(registry)
    for _ in range(2):  # a second time changes nothing
        metrics.export(progress, watch, watch.theta(2.0), 2.0)
    text = generate_latest(registry).decode()
    assert 'weir_quality_auc{model="verdict",source="analyst"} 1.0' in text
    assert 'weir_quality_labels{model="verdict",source="report"} 1.0' in text
    assert 'weir_quality_auc{model="verdict",source="report"}' not in text
    assert 'weir_drift_mean{number="logit"}' in text
    assert "weir_audit_daily 24.0" in text  # one an hour: all are asked about
