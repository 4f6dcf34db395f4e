"""What the hook counts and times where verdicts come from, for Prometheus (docs/metrics.md)."""

from collections.abc import Callable
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["HookMetrics", "Reason", "Source"]

Source = Literal["worker", "late", "fallback"]
Reason = Literal["deadline", "disconnected", "breaker", "in_flight", "refused", "malformed"]

_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_STATES: Final = {"closed": 0, "half_open": 1, "open": 2}


class HookMetrics:
    """One hook's metrics in a registry of their own; other parts of the hook may add theirs."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"weir_hook_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"weir_hook_{name}", what, registry=registry)

        def histogram(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(f"weir_hook_{name}", what, labels, buckets=_SECONDS, registry=registry)

        self.verdicts = counter("verdicts", "Verdicts given, by where they come from", "source")
        self.fallbacks = counter("fallbacks", "Verdicts of the fallback, by reason", "reason")
        self.unjudged = counter(
            "unjudged", "Messages that the fallback couldn't judge in its time: on_failure held"
        )
        self.tempfails = counter(
            "tempfails", "Messages that the fallback wanted to defer, by outcome", "outcome"
        )
        self.replies = counter("replies", "Replies read, by what became of them", "outcome")
        self.unpublished = counter(
            "unpublished", "Fallback verdicts that were never published: the spool was full"
        )
        self.spooled = gauge("spooled", "Fallback verdicts that wait to be published")
        self.late = gauge("late_verdicts", "Late verdicts kept for a retry of their delivery")
        self.in_flight = gauge("in_flight", "Messages that wait for a worker or the brokers")
        self.in_flight_bytes = gauge("in_flight_bytes", "Their bytes")
        self.connected = gauge("connected", "Whether the brokers could be reached last")
        self.breaker = gauge("breaker", "Breaker: 0 closed, 1 half open, 2 open")
        self.policy_reloads = counter("policy_reloads", "Looks at a changed policy file", "outcome")
        self.seconds = histogram("seconds", "Time to a verdict, by where it comes from", "source")
        self.stage_seconds = histogram(
            "fallback_seconds", "Time of a stage of the fallback", "stage"
        )
        for source in ("worker", "late", "fallback"):
            self.verdicts.labels(source)
            self.seconds.labels(source)
        for reason in (
            *("deadline", "disconnected", "breaker", "in_flight", "refused", "malformed"),
        ):
            self.fallbacks.labels(reason)
        for outcome in ("given", "spared"):
            self.tempfails.labels(outcome)
        for outcome in ("awaited", "late", "foreign", "malformed"):
            self.replies.labels(outcome)
        for outcome in ("loaded", "failed"):
            self.policy_reloads.labels(outcome)

    def observe_breaker(self, state: Callable[[], str]) -> None:
        """Read the breaker's state whenever the metrics are read."""
        self.breaker.set_function(lambda: float(_STATES[state()]))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
