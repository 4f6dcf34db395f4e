"""The core opened with what the settings name: keys, policy, weights, classifier, models."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from detectors.catalogue import SPECS
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy import PolicySet
from detectors.stack import Stack, shipped_stack, shipped_weights_text
from detectors.weights import WeightsError, read_own_weights
from models.classifier import ArtifactError, Classifier
from streams.settings import Settings, read_keys
from streams.snapshots import open_models

__all__ = ["load_classifier", "load_weights", "open_core"]


def open_core(
    settings: Settings, policies: PolicySet, stage: Callable[[str], None] | None = None
) -> Judge:
    """Return the judge of a worker.

    Raises KeysError, ArtifactError or WeightsError, one line each, for keys, an artifact or
    weights that it can't use.
    """
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    stack, weights = load_weights(settings)
    classifier = load_classifier(settings)
    if classifier.manifest.stage == "shadow":
        raise ArtifactError(
            f"models.classifier = {settings.models.classifier!r}: it may score and not act: "
            f"{'; '.join(classifier.manifest.failed)}; give it to `weir models shadow`"
        )
    return Judge(
        context,
        classifier,
        policies,
        stack,
        engine_digest(context, weights),
        models=open_models(settings, context, stack),
        stage=stage,
    )


def load_weights(settings: Settings) -> tuple[Stack, str]:
    """Return the stack of `models.weights` and the file's digest, or the shipped one and ''.

    Raises WeightsError, one line, for a file that can't be read or doesn't fit the catalogue.
    """
    if not settings.models.weights:
        return shipped_stack(), ""
    try:
        content = Path(settings.models.weights).read_bytes()
        own = read_own_weights(content.decode(), shipped_weights_text(), SPECS)
    except OSError as error:
        raise _unusable(settings, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise _unusable(settings, "no text in UTF-8") from None
    except WeightsError as error:
        raise _unusable(settings, str(error)) from None
    return Stack(own, SPECS), hashlib.sha256(content).hexdigest()


def _unusable(settings: Settings, why: str) -> WeightsError:
    return WeightsError(
        f"models.weights = {settings.models.weights!r}: {why}; wanted: a file that `weir weigh "
        "--out FILE` of this version wrote"
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
