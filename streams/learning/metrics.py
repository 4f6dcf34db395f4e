"""What a learner counts and times, for Prometheus (docs/metrics.md)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["LearnerMetrics"]

_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0),
)
STAGES = ("received", "matched", "counted", "learned", "published", "refused", "requeued")


class LearnerMetrics:
    """One learner's metrics in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"weir_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"weir_{name}", what, labels, registry=registry)

        self.labels = counter("labels", "Labels by the stage that they have passed", "stage")
        self.steps = counter("learning_steps", "Learning steps published", "source")
        self.revoked = counter("learning_steps_revoked", "Learning steps that the gate revoked")
        self.steps_refused = counter("learning_steps_refused", "Learning steps of another schema")
        self.commands = counter("model_commands", "Commands executed", "act", "outcome")
        self.dead_letters = counter("label_dead_letters", "Labels sent to the dead-letter topic")
        self.snapshots = counter("snapshots", "Snapshots of the models, by outcome", "outcome")
        self.digest_mismatches = counter(
            "model_digest_mismatches", "States that differ from what was published of them"
        )
        self.resent = counter("resent", "Records sent again because the broker didn't take them")
        self.store_failures = counter("store_failures", "Store calls that failed", "method")
        self.lag = gauge("lag", "Labels in the log not yet acknowledged", "partition")
        self.waiting = gauge("learning_steps_waiting", "Learning steps not yet published")
        self.sequence = gauge("learning_sequence", "The last learning step")
        self.gate_closed = gauge("gate_closed", "Whether the gate holds steps back")
        self.gate_shift = gauge("gate_shift", "Mean move of known ham toward abuse, in logits")
        self.known_ham = gauge("known_ham", "Labelled legitimate messages that are kept")
        self.frozen = gauge("models_frozen", "Whether an operator has stopped learning")
        self.label_seconds = Histogram(
            "weir_label_seconds",
            "From a label's append to its counts and its step",
            buckets=_SECONDS,
            registry=registry,
        )
        for stage in STAGES:
            self.labels.labels(stage)
        for outcome in ("written", "failed", "damaged"):
            self.snapshots.labels(outcome)

    def store_failed(self, method: str) -> None:
        """Count a call of the store that failed."""
        self.store_failures.labels(method).inc()

    def damaged(self, _: str) -> None:
        """Count a snapshot that wasn't whole."""
        self.snapshots.labels("damaged").inc()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
