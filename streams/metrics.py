"""What a worker counts and times, for Prometheus; latencies from 100 us up."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Metrics", "StageClock", "Staged"]

_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_MESSAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BYTES = tuple(4**power for power in range(5, 13))  # 1 KiB to 16 MiB
_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class Metrics:
    """One worker's metrics in a registry of their own; docs/metrics.md says what each means."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"weir_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"weir_{name}", what, labels, registry=registry)

        self.messages = counter("messages", "Messages read from the mail log")
        self.bytes = counter("message_bytes", "Bytes of mail read from the mail log")
        self.verdicts = counter("verdicts", "Verdicts delivered", "action", "kind")
        self.replies = counter("replies", "Requests for a reply, by what became of them", "outcome")
        self.degraded = counter("degraded", "Verdicts that lack a part, by part", "part")
        self.dead_letters = counter("dead_letters", "Messages sent to the dead-letter topic")
        self.redelivered = counter("redelivered", "Messages answered from their record")
        self.duplicates = counter("duplicates", "Messages whose id was seen at another place")
        self.retries = counter("delivery_retries", "Messages whose delivery was seen before")
        self.splits = counter("recipient_splits", "Messages seen before, for other recipients")
        self.lost_increments = counter(
            "state_lost_increments", "Additions to the sender state that may be lost"
        )
        self.increments_lost = gauge(
            "state_increments_lost", "Whether the sender state lacks any: 1 until it is rebuilt"
        )
        self.labels_given = counter(
            "labels_given", "Labels that mail gave by itself, by source", "source"
        )
        self.errors = counter("errors", "Failures inside the worker, by stage", "stage")
        self.store_failures = counter("store_failures", "Store calls that failed", "method")
        self.breaker = gauge("store_breaker", "Store's breaker: 0 closed, 1 half open, 2 open")
        self.resent = counter("resent", "Records sent again because the broker didn't take them")
        self.attachments_opened = counter(
            "attachments_opened", "Attachments opened, by kind", "kind"
        )
        self.attachments_failed = counter(
            "attachments_failed", "Messages whose attachments broke their reader or took too long"
        )
        self.policy_reloads = counter("policy_reloads", "Looks at a changed policy file", "outcome")
        self.lag = gauge("lag", "Messages in the log not yet acknowledged", "partition")
        self.stage_seconds = Histogram(
            "weir_stage_seconds",
            "Time of a batch in a stage",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.latency = Histogram(
            "weir_latency_seconds",
            "From a message's append to its verdict's acknowledgement",
            buckets=_SECONDS,
            registry=registry,
        )
        self.attachments_seconds = Histogram(
            "weir_attachments_seconds",
            "Time to open the attachments of a message",
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_messages = Histogram(
            "weir_batch_messages", "Messages in a batch", buckets=_MESSAGES, registry=registry
        )
        self.batch_bytes = Histogram(
            "weir_batch_bytes", "Bytes of mail in a batch", buckets=_BYTES, registry=registry
        )
        for outcome in ("sent", "malformed", "invalid_partition", "failed"):
            self.replies.labels(outcome)
        for kind in ("pdf", "image", "office", "text"):
            self.attachments_opened.labels(kind)
        for source in ("reply", "trap"):
            self.labels_given.labels(source)
        for outcome in ("loaded", "failed"):
            self.policy_reloads.labels(outcome)

    def store_failed(self, method: str) -> None:
        """Count a call of the store that failed or wasn't made."""
        self.store_failures.labels(method).inc()

    def opened(self, kinds: Iterable[str], seconds: float) -> None:
        """Count the attachments of a message that were opened."""
        for kind in kinds:
            self.attachments_opened.labels(kind).inc()
        self.attachments_seconds.observe(seconds)

    def observe_breaker(self, state: Callable[[], str]) -> None:
        """Read the breaker's state whenever the metrics are read."""
        self.breaker.set_function(lambda: float(_BREAKER[state()]))

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class Staged(Protocol):
    """Metrics that have a histogram of the core's stages, labelled by stage."""

    stage_seconds: Histogram


class StageClock:
    """Times the stages of a batch in the core, which reads no clock itself."""

    def __init__(self, metrics: Staged, clock: Callable[[], float] = time.perf_counter) -> None:
        self._metrics = metrics
        self._clock = clock
        self._last = clock()

    def start(self) -> None:
        """Begin a batch."""
        self._last = self._clock()

    def __call__(self, stage: str) -> None:
        """End a stage: the next one begins."""
        now = self._clock()
        self._metrics.stage_seconds.labels(stage).observe(now - self._last)
        self._last = now
