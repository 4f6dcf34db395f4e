"""What the learner's metrics say of quality: progressive validation, drift, the audit."""

from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from models.progress import Progress
from streams.model_records import Theta
from streams.watching import Watch

__all__ = ["QualityMetrics"]

_FEWEST: Final = 10  # labels below which a figure is noise


class QualityMetrics:
    """Gauges of progressive validation, drift and audit in the learner's registry.

    `export` sets them anew; figures of fewer than 10 labels aren't shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(what: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"weir_{what}", text, labels, registry=registry)

        by_model = ("model", "source")
        self._loss = gauge("quality_log_loss", "Mean log loss of labelled verdicts", *by_model)
        self._auc = gauge("quality_auc", "Chance that abuse scores above ham", *by_model)
        self._error = gauge("quality_calibration_error", "Expected calibration error", *by_model)
        self._labels = gauge("quality_labels", "Labelled verdicts in the window", *by_model)
        self._recent = gauge("drift_mean", "Recent mean of a watched number", "number")
        self._usual = gauge("drift_usual_mean", "Mean of weeks of a watched number", "number")
        self._alarms = gauge("drift_alarms", "Alarms among the last 50 kept", "number")
        self._asked = gauge("audit_daily", "Messages a day that the audit asks about")

    def export(self, progress: Progress, watch: Watch, theta: Theta | None, now: float) -> None:
        """Show what is known as of now (s)."""
        for each in (self._loss, self._auc, self._error, self._labels):
            each.clear()
        for model, source, found in progress.figures():
            self._labels.labels(model, source).set(found.messages)
            if found.messages < _FEWEST:
                continue
            self._loss.labels(model, source).set(found.loss)
            self._error.labels(model, source).set(found.error)
            if found.auc is not None:
                self._auc.labels(model, source).set(found.auc)
        for standing in watch.drift.standings():
            self._recent.labels(standing.name).set(standing.recent)
            self._usual.labels(standing.name).set(standing.usual)
        self._alarms.clear()
        for alarm in watch.drift.alarms():
            self._alarms.labels(alarm.name).inc()
        volumes = watch.volume.daily(now)
        spent = zip(theta.chances, volumes, strict=True) if theta else ()
        self._asked.set(sum(chance * volume for chance, volume in spent))
