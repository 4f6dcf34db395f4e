"""What lies on disk: the keys, the policy, the weights, the classifier's artifact."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from apps.doctor.finding import Finding, fault, fine, warning
from apps.installation import read_policy_in_force
from detectors.policy import PolicyError, PolicySet
from detectors.weights import WeightsError
from features.vector import SCHEMA
from models.classifier import ArtifactError
from streams.opening import load_classifier, load_weights
from streams.settings import KeysError, Settings, SettingsError, read_keys

__all__ = ["look_at_files"]


def look_at_files(settings: Settings) -> Iterator[Finding]:
    """Yield findings about keys, policy, weights and artifact."""
    yield _keys(settings)
    yield from _policy(settings)
    yield _weights(settings)
    yield _artifact(settings)


def _keys(settings: Settings) -> Finding:
    path = Path(settings.privacy.keys_file)
    try:
        keys = read_keys(path)
    except KeysError as error:
        what, _, todo = str(error).partition("; ")
        return fault("keys", what, todo or "make them with `weir up`, or restore the file")
    return fine("keys", f"{path}, key {keys.hash_key_id}")


def _policy(settings: Settings) -> Iterator[Finding]:
    try:
        policies = read_policy_in_force(None, settings)
    except PolicyError as error:
        for line in str(error).splitlines():
            yield fault("policy", line, "mend it; `weir policy check` says when it is right")
        return
    except SettingsError as error:
        yield fault(
            "policy",
            str(error).partition("; ")[0],
            "restore the file, or leave policy.file empty for the shipped policy",
        )
        return
    origin = settings.policy.file or "as shipped"
    yield fine("policy", f"{origin}, digest {policies.digest}")
    yield from _expired(policies)
    if policies.default.shadow:
        yield warning(
            "policy",
            "shadow = true: verdicts are made and nothing is acted on",
            "set shadow = false when the verdicts look right",
        )


def _expired(policies: PolicySet) -> Iterator[Finding]:
    now = datetime.now(UTC)
    entries = [
        entry
        for policy in (policies.default, *policies.tenants.values())
        for entry in (*policy.allow, *policy.deny)
        if entry.expires is not None and entry.expires <= now
    ]
    if entries:
        yield warning(
            "policy",
            f"{len(entries)} list entries have expired, the first is {entries[0].value}",
            "take them out, or give them a later date",
        )


def _weights(settings: Settings) -> Finding:
    try:
        _, digest = load_weights(settings)
    except WeightsError as error:
        what, _, todo = str(error).rpartition("; ")
        return fault("weights", what, todo)
    if not digest:
        return fine("weights", "as shipped")
    return fine("weights", f"{settings.models.weights}, digest {digest[:16]}")


def _artifact(settings: Settings) -> Finding:
    try:
        classifier = load_classifier(settings)
    except ArtifactError as error:
        what, _, todo = str(error).rpartition("; ")
        return fault("classifier", what or str(error), todo)
    return fine(
        "classifier",
        f"{classifier.name}@{classifier.version}, feature schema {SCHEMA.digest}",
    )
