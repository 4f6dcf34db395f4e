"""What verdicts name, copied into the archive: policies, snapshots, classifiers.

It is looked for where the installation keeps it; what isn't there is told once and looked for
again with the next block.
"""

from pathlib import Path
from typing import Final

import structlog

from apps.subscriber.archive.keeping import artifact_path, keep_artifact, keep_policy, policy_path
from apps.subscriber.archive.storage import Storage
from detectors.policy import PolicyError
from models.bundle import Bundle
from models.manifest import ArtifactError
from streams.model_records import Pointer
from streams.policies import keep, read_policy_of
from streams.registry import Registry
from streams.sections import PolicySection
from streams.settings import Settings, SettingsError
from streams.stores.protocol import StoreError
from streams.stores.redis_store import RedisStore

__all__ = ["Named"]

_NO_FOLDER: Final = PolicySection()

log = structlog.get_logger(__name__)


class Named:
    """Keeps what blocks name; one block at a time."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._registry = Registry.of(settings)
        self._store = None if settings.embedded.folder else RedisStore(settings)
        self._kept: set[str] = set()
        self._told: set[str] = set()
        self._policies: set[str] = set()
        self._pointers: dict[str, Pointer] = {}

    async def close(self) -> None:
        """Close the clients."""
        await self._registry.close()
        if self._store is not None:
            await self._store.close()

    def classifier(self) -> None:
        """Keep the classifier of `models.classifier`; the shipped one is part of the release.

        Raises ArchiveError.
        """
        folder = self._settings.models.classifier
        if not folder:
            return
        names = ("manifest.json", "classifier.onnx", "MODEL_CARD.md", "trained_on.bin")
        try:
            files = {
                name: (Path(folder) / name).read_bytes()
                for name in names
                if (Path(folder) / name).exists()
            }
            keep_artifact(self._storage, Bundle.of(files).dump())
        except (OSError, ArtifactError) as error:
            self._tell("classifier", folder, str(error))

    async def keep(self, policies: set[str], pointers: list[Pointer]) -> None:
        """Keep policies by digest and the artifacts of pointers; raises ArchiveError."""
        self._policies |= policies - self._kept
        self._pointers |= {it.digest: it for it in pointers if it.digest not in self._kept}
        for digest in sorted(self._policies):
            if self._there(policy_path(digest)) or await self._policy(digest):
                self._kept.add(digest)
        for digest, pointer in self._pointers.items():
            if self._there(artifact_path(digest)) or await self._artifact(pointer):
                self._kept.add(digest)
        self._policies -= self._kept
        for digest in self._kept & self._pointers.keys():
            del self._pointers[digest]

    async def _policy(self, digest: str) -> bool:
        if not digest.isalnum():
            return False
        text = self._in_folder(digest)
        if text is None and self._store is not None:
            try:
                text = await self._store.policy(digest)
            except StoreError:
                text = None
        if text is not None:
            keep_policy(self._storage, digest, text)
            return True
        return await self._in_force(digest)

    async def _in_force(self, digest: str) -> bool:
        try:
            policies, source = read_policy_of(self._settings.policy)
        except (PolicyError, SettingsError):
            return False
        if policies.digest == digest:
            await keep(policies, source, _NO_FOLDER, self)
            return True
        self._tell("policy", digest, "not in policy.archive, Redis or policy.file")
        return False

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy as streams.policies.keep has written it; raises ArchiveError."""
        keep_policy(self._storage, digest, text)

    async def _artifact(self, pointer: Pointer) -> bool:
        try:
            keep_artifact(self._storage, await self._registry.get(pointer))
        except ArtifactError as error:
            self._tell("artifact", pointer.digest, str(error))
            return False
        return True

    def _in_folder(self, digest: str) -> bytes | None:
        if not self._settings.policy.archive:
            return None
        try:
            return (Path(self._settings.policy.archive) / f"{digest}.json").read_bytes()
        except OSError:
            return None

    def _there(self, path: str) -> bool:
        return self._storage.holds(path)

    def _tell(self, what: str, which: str, why: str) -> None:
        if which not in self._told:
            self._told.add(which)
            log.warning("not_archived", what=what, which=which, why=why)
