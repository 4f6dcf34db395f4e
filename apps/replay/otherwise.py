"""What a what-if asks for, ready: policies and models in the place of those that verdicts name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apps.installation import read_policy_in_force
from apps.models.candidate import candidate
from apps.replay.changes import Changes, ChangesError, read_changes
from apps.replay.materials import Materials, MissingError
from apps.replay.request import WhatIf
from apps.replay.then import Named
from detectors.policy import PolicySet
from detectors.stack import Stack
from models.classifier import Classifier
from streams.registry import identify, open_classifier
from streams.settings import Settings

__all__ = ["Otherwise", "read_otherwise", "words_of"]


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What is to be otherwise; `policies` and `classifier` are None where they are those of then.

    `online` are snapshot and sequence of the online models, None for those of then. `words` say all
    of it, a line each.
    """

    policies: PolicySet | None
    classifier: Classifier | None
    online: tuple[str, int] | None
    changes: Changes
    words: tuple[str, ...]

    def policies_of(self, then: Callable[[], PolicySet]) -> PolicySet:
        """Return the policies to judge by, given those of then; raises what `then` raises."""
        return self.changes.on(then() if self.policies is None else self.policies)

    def named(self, then: Named) -> Named:
        """Return what a verdict would name with the online models that are asked for."""
        return then if self.online is None else then._replace(online=self.online)


def words_of(asked: WhatIf, settings: Settings, stack: Stack) -> tuple[str, ...]:
    """Return in words what is asked for, a line each, once policy and changes could be read.

    Raises ChangesError, PolicyError or OSError: before anything else is read.
    """
    _, changes = _policy_and_changes(asked, settings, stack)
    return _words(asked, changes)


def read_otherwise(asked: WhatIf, settings: Settings, stack: Stack, kept: Materials) -> Otherwise:
    """Read all that is asked for.

    Raises ChangesError, PolicyError, ArtifactError or OSError, in words for whoever asked.
    """
    policies, changes = _policy_and_changes(asked, settings, stack)
    classifier: Classifier | None = None
    online: tuple[str, int] | None = None
    for given in asked.models:
        found = _model(given, settings, kept)
        if isinstance(found, Classifier):
            classifier = found
        else:
            online = found
    return Otherwise(policies, classifier, online, changes, _words(asked, changes))


def _policy_and_changes(
    asked: WhatIf, settings: Settings, stack: Stack
) -> tuple[PolicySet | None, Changes]:
    changes = read_changes(asked.thresholds, asked.without, asked.rules, stack)
    policies = None if asked.policy is None else read_policy_in_force(asked.policy, settings)
    if policies is not None:
        changes.on(policies)  # what they can't say together is told at once
    return policies, changes


def _words(asked: WhatIf, changes: Changes) -> tuple[str, ...]:
    return (
        *(() if asked.policy is None else (f"policy {asked.policy.name}",)),
        *(f"model {Path(given).name}" for given in asked.models),
        *changes.words(),
    )


def _model(given: str, settings: Settings, kept: Materials) -> Classifier | tuple[str, int]:
    if Path(given).exists():
        content = candidate(settings, Path(given))
        artifact = identify(content)
        if artifact.model == "classifier":
            return open_classifier(content)
        raise ChangesError(
            f"model {given!r} given: a snapshot of the online models; name it as "
            f"online@{artifact.digest[:12]}+{artifact.sequence}"
        )
    _, at, version = given.partition("@")
    digest, plus, sequence = version.partition("+")
    try:
        if at and plus and sequence.isdecimal():
            return digest, int(sequence)
        if at:
            return kept.classifier(version)
    except MissingError as error:
        raise ChangesError(f"model {given!r}: {error}") from None
    raise ChangesError(
        f"model {given!r} given, allowed: a file or folder of an artifact, NAME@VERSION of a "
        "classifier, or online@SNAPSHOT+SEQUENCE, as verdicts and `weir models` name them"
    )
