"""The core opened with what the settings name: keys, policy, classifier, online models."""

from collections.abc import Callable
from pathlib import Path

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy import PolicySet
from detectors.stack import shipped_stack
from models.classifier import ArtifactError, Classifier
from streams.settings import Settings, read_keys
from streams.snapshots import open_models

__all__ = ["load_classifier", "open_core"]


def open_core(
    settings: Settings, policies: PolicySet, stage: Callable[[str], None] | None = None
) -> Judge:
    """Return the judge of a worker.

    Raises KeysError or ArtifactError, one line each, for keys or an artifact it can't use.
    """
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    stack = shipped_stack()
    return Judge(
        context,
        load_classifier(settings),
        policies,
        stack,
        engine_digest(context),
        models=open_models(settings, context, stack),
        stage=stage,
    )


def load_classifier(settings: Settings) -> Classifier:
    """Open the classifier of `models.classifier`, or the one shipped; raises ArtifactError."""
    if not settings.models.classifier:
        return Classifier.shipped()
    folder = Path(settings.models.classifier)
    try:
        manifest = (folder / "manifest.json").read_bytes()
        artifact = (folder / "classifier.onnx").read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"models.classifier = {settings.models.classifier!r}: {error.filename}: "
            f"{error.strerror}; wanted: a folder with manifest.json and classifier.onnx"
        ) from None
    return Classifier.load(manifest, artifact)
