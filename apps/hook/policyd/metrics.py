"""What the policy service tells Prometheus (docs/metrics.md)."""

from prometheus_client import CollectorRegistry, Counter

__all__ = ["PolicydMetrics"]

_OUTCOMES = ("dunno", "defer", "hold", "unknown", "failed")


class PolicydMetrics:
    """Requests answered, and limits exceeded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "weir_policyd_requests",
            "Policy requests answered, by outcome",
            ("outcome",),
            registry=registry,
        )
        self.over = Counter(
            "weir_policyd_over",
            "Requests that exceeded a limit, by its name and mode",
            ("limit", "mode"),
            registry=registry,
        )
        for outcome in _OUTCOMES:
            self.requests.labels(outcome)
