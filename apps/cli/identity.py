"""Which model, policy and feature schema this installation judges with."""

import os
from collections.abc import Callable
from pathlib import Path

from apps.cli.failures import explain

__all__ = ["identity_lines"]


def identity_lines() -> list[str]:
    """Return one line each for model, policy, schema and engine; a failure stands in its line."""
    return [
        f"{name:7} {_said(tell)}"
        for name, tell in (
            ("model", _model),
            ("policy", _policy),
            ("schema", _schema),
            ("engine", _engine),
        )
    ]


def _said(tell: Callable[[], str]) -> str:
    try:
        return tell()
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        return f"not usable: {failure.message}"


def _model() -> str:
    from streams.opening import load_classifier
    from streams.settings import load
    from streams.snapshots import version

    settings = load(None, os.environ)
    classifier = load_classifier(settings)
    shipped, online = f"{classifier.name}@{classifier.version}", version(settings)
    return f"{shipped}, {online}" if online else shipped


def _policy() -> str:
    from apps.installation import read_policy_in_force
    from streams.settings import load

    settings = load(None, os.environ)
    origin = Path(settings.policy.file).name if settings.policy.file else "as shipped"
    return f"{read_policy_in_force(None, settings).digest} ({origin})"


def _schema() -> str:
    from features.vector import SCHEMA

    return f"{SCHEMA.digest} ({len(SCHEMA.features)} features)"


def _engine() -> str:
    from apps.installation import read_context
    from detectors.engine import engine_digest
    from streams.opening import load_weights
    from streams.settings import load

    settings = load(None, os.environ)
    digest = engine_digest(read_context(settings), load_weights(settings)[1])
    own = settings.models.weights
    return f"{digest}, weights of {Path(own).name}" if own else digest
