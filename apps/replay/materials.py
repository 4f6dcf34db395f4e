"""What recorded verdicts name, found where it is kept: policies, artifacts, what mail.models said.

The archive comes first, then the installation's own folders, then Redis.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redis.exceptions import RedisError

from apps.replay.model_history import ModelHistory
from apps.replay.policies_kept import KeptPolicyError, read_kept
from detectors.policy import PolicyError, PolicySet
from models.bundle import Bundle
from models.classifier import Classifier
from models.manifest import ArtifactError
from streams.model_records import Pointer
from streams.opening import load_classifier
from streams.policies import KeptPolicy, read_policy_of
from streams.registry import Artifact, Registry, open_classifier
from streams.settings import Settings, SettingsError
from streams.stores.memory_file import read_file
from streams.stores.protocol import LayoutError
from streams.stores.redis_store import open_redis
from streams.stores.told_store import state_path

__all__ = ["Kept", "Materials", "MissingError"]

_T = TypeVar("_T")


class MissingError(LookupError):
    """What a verdict names isn't kept: one line with what, and where it was looked for."""


class Kept(Protocol):
    """What an archive keeps by digest; None for what it hasn't."""

    def policy(self, digest: str) -> KeptPolicy | None:
        """Return a policy as it was put in force."""

    def artifact(self, digest: str) -> bytes | None:
        """Return an artifact: a snapshot of the online models, or a classifier."""


class Materials:
    """Finds what verdicts name; not to be used inside a running event loop.

    `history` is what mail.models said; `archive` opens what an archive keeps, where there is one.
    """

    def __init__(
        self,
        settings: Settings,
        history: ModelHistory,
        archive: Kept | None = None,
    ) -> None:
        self.settings = settings
        self.history = history
        self._archive = archive
        folder = settings.models.snapshots
        self._registry = Registry(Path(folder) if folder else None)
        self._saved: dict[str, bytes] | None = None
        self._policies: dict[str, PolicySet | str] = {}
        self._classifiers: dict[str, Classifier | str] = {}

    def policy(self, digest: str) -> PolicySet:
        """Return the policies of a digest; raises MissingError."""
        if digest not in self._policies:
            self._policies[digest] = self._find_policy(digest)
        found = self._policies[digest]
        if isinstance(found, str):
            raise MissingError(found)
        return found

    def artifact(self, pointer: Pointer | Artifact) -> bytes:
        """Return what a pointer names; raises ArtifactError."""
        kept = self._archive.artifact(pointer.digest) if self._archive else None
        if kept is not None:
            return kept
        try:
            return self._registry.read(pointer)
        except ArtifactError:
            if self.settings.embedded.folder:
                raise
        return _run(self._from_redis(pointer))

    def classifier(self, version: str) -> Classifier:
        """Return the classifier that verdicts name by a version; raises MissingError."""
        if version not in self._classifiers:
            self._classifiers[version] = self._find_classifier(version)
        found = self._classifiers[version]
        if isinstance(found, str):
            raise MissingError(found)
        return found

    def snapshot(self, digest: str) -> bytes:
        """Return the snapshot whose digest begins so; raises ArtifactError."""
        for pointer in self.history.pointers:
            if pointer.model == "online" and pointer.digest.startswith(digest):
                return self.artifact(pointer)
        raise ArtifactError(f"snapshot {digest}: mail.models doesn't name it (any more)")

    def _find_policy(self, digest: str) -> PolicySet | str:
        complaint = ""
        for look in (self._archived_policy, self._policy_in_folder, self._policy_in_store):
            content = look(digest)
            if content is not None:
                try:
                    return read_kept(content, digest)
                except KeptPolicyError as error:
                    complaint = complaint or str(error)
        try:
            current, _ = read_policy_of(self.settings.policy)
        except (PolicyError, SettingsError):
            current = None
        if current is not None and current.digest == digest:
            return current
        return complaint or (
            f"policy {digest} isn't kept: not in the archive, policy.archive or the store; its "
            "verdicts can be judged under another one (--mode what-if --policy FILE)"
        )

    def _archived_policy(self, digest: str) -> KeptPolicy | None:
        return self._archive.policy(digest) if self._archive else None

    def _policy_in_folder(self, digest: str) -> bytes | None:
        folder = self.settings.policy.archive
        if not folder or not digest.isalnum():
            return None
        try:
            return (Path(folder) / f"{digest}.json").read_bytes()
        except OSError:
            return None

    def _policy_in_store(self, digest: str) -> bytes | None:
        if not self.settings.embedded.folder:
            return _run(self._redis_policy(digest))
        if self._saved is None:  # of an embedded installation, which has no Redis
            try:
                self._saved = read_file(state_path(self.settings)).policies
            except LayoutError:
                self._saved = {}
        return self._saved.get(digest)

    async def _redis_policy(self, digest: str) -> bytes | None:
        client = open_redis(self.settings)
        try:
            found: Any = await client.get(f"{self.settings.redis.key_prefix}policy:{digest}")
        except RedisError:
            return None
        finally:
            await client.aclose()
        return found if isinstance(found, bytes) else None

    async def _from_redis(self, pointer: Pointer | Artifact) -> bytes:
        registry = Registry.of(self.settings)
        try:
            return await registry.get(pointer)
        finally:
            await registry.close()

    def _find_classifier(self, version: str) -> Classifier | str:
        complaint = ""
        for configured in (True, False):
            try:
                found = load_classifier(self.settings) if configured else Classifier.shipped()
            except ArtifactError as error:
                complaint = complaint or str(error)
                continue
            if found.version == version:
                return found
        for pointer in self.history.pointers:
            if pointer.model != "classifier":
                continue
            try:
                content = self.artifact(pointer)
                if Bundle.load(content).version == version:
                    return open_classifier(content)
            except ArtifactError as error:
                complaint = complaint or str(error)
        why = f" ({complaint})" if complaint else ""
        return f"classifier @{version} isn't kept: neither shipped nor in models.snapshots{why}"


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)
