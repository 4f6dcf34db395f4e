"""What the hook told MTAs, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["OutcomeMetrics"]

_SECONDS = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 2.0, 5.0, 10.0, 60.0)


class OutcomeMetrics:
    """Outcomes of messages; docs/metrics.md says what each metric means."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter(
            "weir_hook_outcomes",
            "Messages answered, by what is done with them",
            ("action", "kind", "direction"),
            registry=registry,
        )
        self.degraded = Counter(
            "weir_hook_degraded", "Verdicts that lack a part, by part", ("part",), registry=registry
        )
        self.seconds = Histogram(
            "weir_hook_check_seconds",
            "From a message's last byte to the answer",
            buckets=_SECONDS,
            registry=registry,
        )
        self.split = Counter(
            "weir_hook_split", "Messages judged for more than one tenant", registry=registry
        )
        self.failed = Counter(
            "weir_hook_failed", "Messages that a defect left without a verdict", registry=registry
        )
