"""What a worker tells of the models that it follows (docs/metrics.md)."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.following.order import Due

__all__ = ["FollowingMetrics"]

_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 90, 120, 300, 600, 1800, 3600, 21_600)
_REASONS: Final = (
    *("schema", "layout", "fence", "unreadable", "step", "digest", "artifact", "shadows", "theta"),
)


class FollowingMetrics:
    """Counters and gauges of one follower, in a worker's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"weir_models_{name}", what, registry=registry)

        self.sequence = gauge("sequence", "Last learning step that verdicts rest on")
        self.published = gauge("published_sequence", "Last learning step that was let out")
        self.behind = gauge("steps_behind", "Learning steps read and not applied")
        self.closed = gauge("gate_closed", "Whether the learner's gate holds steps back")
        self.frozen = gauge("learning_frozen", "Whether an operator has stopped learning")
        self.held = gauge("held", "Whether steps are passed over until the next good snapshot")
        self.shadows = gauge("shadows", "Models that score and act on nothing")
        self.applied = Counter(
            "weir_models_steps_applied", "Learning steps applied", registry=registry
        )
        self.seconds = Counter(
            "weir_models_apply_seconds", "Processor time that applying took", registry=registry
        )
        self.refused = Counter(
            "weir_models_refused",
            "Records of the models and artifacts that don't count, by reason",
            ["reason"],
            registry=registry,
        )
        self.reloads = Counter(
            "weir_models_reloads",
            "Snapshots loaded while running, by what made it so",
            ["reason"],
            registry=registry,
        )
        self.delay = Histogram(
            "weir_learning_delay_seconds",
            "From a label's append to its effect on this worker's models, by stage",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        for reason in _REASONS:
            self.refused.labels(reason)
        for reason in ("gap", "digest", "step", "jump"):
            self.reloads.labels(reason)
        for stage in ("learned", "published", "applied", "whole"):
            self.delay.labels(stage)

    def took_effect(self, due: Due, now: float) -> None:
        """Note how long a step's label has waited at each stage; times in seconds."""
        self.applied.inc()
        self.delay.labels("published").observe(max(0.0, due.published_at - due.step_at))
        self.delay.labels("applied").observe(max(0.0, now - due.published_at))
        if due.record.at:
            self.delay.labels("learned").observe(max(0.0, due.step_at - due.record.at))
            self.delay.labels("whole").observe(max(0.0, now - due.record.at))

    def refuse(self, reason: str) -> None:
        """Count what doesn't count."""
        self.refused.labels(reason).inc()
