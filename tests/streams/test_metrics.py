from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from apps.hook.metrics import HookMetrics
from apps.hook.outcome_metrics import OutcomeMetrics
from apps.hook.policyd.metrics import PolicydMetrics
from apps.subscriber.archive.metrics import ArchiveMetrics
from streams.following.metrics import FollowingMetrics
from streams.learning.metrics import LearnerMetrics
from streams.metrics import Metrics, StageClock
from streams.quality_metrics import QualityMetrics
from streams.stores.breaker import Breaker


def test_stages_are_timed_from_one_to_the_next():
    now = [0.0]
    metrics = Metrics()
    clock = StageClock(metrics, lambda: now[0])
    now[0] = 5.0
    clock.start()
    for stage, at in (("parse", 5.25), ("verdict", 6.0)):
        now[0] = at
        clock(stage)

    def total(stage):
        return metrics.registry.get_sample_value("weir_stage_seconds_sum", {"stage": stage})

    assert (total("parse"), total("verdict")) == (0.25, 0.75)


def test_the_breakers_state_is_read_when_asked():
    metrics = Metrics()
    breaker = Breaker(1, 60)
    metrics.observe_breaker(lambda: breaker.state)
    assert metrics.registry.get_sample_value("weir_store_breaker") == 0
    breaker.failed()
    assert metrics.registry.get_sample_value("weir_store_breaker") == 2


def test_two_workers_in_a_process_do_not_share_metrics():
    first, second = Metrics(), Metrics()
    first.messages.inc()
    assert second.registry.get_sample_value("weir_messages_total") == 0


OF = {
    "Of a worker": Metrics,
    "Of the models that a worker follows": lambda: FollowingMetrics(CollectorRegistry()),
    "Of a learner": LearnerMetrics,
    "Of where a hook's verdicts come from": HookMetrics,
    "Of what a hook told MTAs": lambda: OutcomeMetrics(CollectorRegistry()),
    "Of a policy service": lambda: PolicydMetrics(CollectorRegistry()),
    "Of the archive": ArchiveMetrics,
    "Of the quality that a learner sees": lambda: QualityMetrics(CollectorRegistry()),
}


@pytest.mark.parametrize("section", OF)
def test_every_metric_is_documented_with_its_kind_and_labels(section):
    """docs/metrics.md has a row for each, and none that isn't there."""
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    (lines,) = [part.splitlines() for part in text.split("\n## ") if part.startswith(section)]
    rows = {
        cells[1].strip(" `"): (cells[2].strip(), cells[3].replace("`", "").strip())
        for cells in (line.split("|") for line in lines if line.startswith("| `weir_"))
    }
    metrics = vars(OF[section]()).values()
    wrapped = [metric for metric in metrics if isinstance(metric, Counter | Gauge | Histogram)]
    assert rows == {m._name: (m._type, ", ".join(m._labelnames)) for m in wrapped}
