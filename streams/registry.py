"""Artifacts by digest: the folder of `models.snapshots` is the truth, Redis a cache for workers.

An artifact is bytes: a snapshot of the online models (models.snapshot) or a classifier
(models.bundle). Its digest is SHA-256 of the bytes, and nothing is used whose digest is another.
"""

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from models import snapshot
from models.bundle import MAGIC, Bundle
from models.classifier import Classifier
from models.manifest import ArtifactError, digest
from models.snapshot import LabelPosition
from streams.model_records import Pointer
from streams.settings import Settings
from streams.stores.redis_store import open_redis

__all__ = ["LARGEST", "Artifact", "Registry", "Stored", "identify", "open_classifier"]

Model = Literal["online", "classifier"]

LARGEST: Final = 1 << 28  # bytes of an artifact; Redis takes no value above 1 << 29
_CACHED_SECONDS: Final = 86_400  # the learner keeps what is in use there: `Registry.cache`
_PATIENCE: Final = 10.0  # seconds; an artifact is megabytes, a store's round trip isn't
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FILE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})-"
    r"(?:(?P<sequence>[0-9]{1,18})\.snapshot|(?P<digest>[0-9a-f]{12})\.(?P<kind>online|classifier))",
    re.ASCII,
)


class Artifact(NamedTuple):
    """What some bytes are: the model, its name, their digest and size.

    `sequence` and `labels` are those that an online snapshot holds.
    """

    model: Model
    name: str
    digest: str
    size: int
    sequence: int = 0
    labels: LabelPosition | None = None


class Stored(NamedTuple):
    """A file of the folder, as its name tells: `digest` is empty or its first 12 digits."""

    path: Path
    model: Model
    name: str
    sequence: int
    digest: str
    size: int
    changed: float


def identify(content: bytes) -> Artifact:
    """Return what an artifact is, whole and undamaged; it is bound to no schema yet.

    Raises ArtifactError, in one line, for bytes that are neither a snapshot nor a bundle.
    """
    if len(content) > LARGEST:
        raise ArtifactError(f"artifact: {len(content):,} bytes given, at most {LARGEST:,} read")
    found = digest(content)
    if content.startswith(MAGIC):
        name = Bundle.load(content).known.name
        artifact = Artifact("classifier", name, found, len(content))
    else:
        known = snapshot.load(content, schema=None, layout=None)
        artifact = Artifact("online", known.name, found, len(content), known.sequence, known.labels)
    if not _NAME.fullmatch(artifact.name):
        raise ArtifactError(
            f"artifact: its name is {artifact.name[:80]!r}; allowed: letters, digits, '.', '_', "
            "'-', at most 64"
        )
    return artifact


def open_classifier(content: bytes) -> Classifier:
    """Open the classifier of a bundle; raises ArtifactError where it doesn't fit this release."""
    bundle = Bundle.load(content)
    return Classifier.load(bundle.manifest, bundle.artifact)


class Registry:
    """Artifacts in a folder and, where a client is given, in Redis under `artifact:<digest>`.

    Without a folder (`models.snapshots` is empty) there is only the cache.
    """

    def __init__(
        self, folder: Path | None, redis: Redis | None = None, prefix: str = "weir:"
    ) -> None:
        self._folder = folder
        self._redis = redis
        self._prefix = prefix

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the registry of an installation, with a client that connects when it is used.

        An embedded one has no other machines, and the folder alone.
        """
        folder = Path(settings.models.snapshots) if settings.models.snapshots else None
        if settings.embedded.folder:
            return cls(folder)
        seconds = max(settings.redis.timeout_seconds, _PATIENCE)
        patient = msgspec.structs.replace(settings.redis, timeout_seconds=seconds)
        return cls(
            folder,
            open_redis(msgspec.structs.replace(settings, redis=patient)),
            settings.redis.key_prefix,
        )

    async def close(self) -> None:
        """Close the client."""
        if self._redis is not None:
            await self._redis.aclose()

    def keep(self, content: bytes, *, candidate: bool = False) -> Artifact:
        """Write an artifact into the folder, whole or not at all; a second time changes nothing.

        A snapshot becomes NAME-SEQUENCE.snapshot, of which a worker that starts loads the last; a
        `candidate` becomes NAME-DIGEST.online, which none loads by itself. A classifier is
        NAME-DIGEST.classifier. Raises ArtifactError where there is no folder, it can't be written,
        or holds another snapshot of that name and sequence.
        """
        artifact = identify(content)
        path = self._path(artifact, candidate=candidate)
        if path.exists():
            if _read(path) == content:
                return artifact
            if path.suffix == ".snapshot":
                raise ArtifactError(f"{path}: is another snapshot; a sequence is never used twice")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
        except OSError as error:
            raise ArtifactError(f"{path}: {error.strerror}") from None
        return artifact

    async def put(self, content: bytes, *, candidate: bool = False) -> Artifact:
        """Keep an artifact in the folder, and let workers elsewhere have it from Redis."""
        artifact = self.keep(content, candidate=candidate)
        await self.cache(artifact.digest, content)
        return artifact

    async def cache(self, known: str, content: bytes) -> None:
        """Have Redis keep an artifact for a day; without Redis the folder must do."""
        if self._redis is not None:
            with suppress(RedisError):
                await self._redis.set(self._key(known), content, ex=_CACHED_SECONDS)

    async def warm(self, pointer: Pointer | Artifact) -> None:
        """Have Redis keep an artifact of the folder for another day, if it is there."""
        with suppress(ArtifactError):
            await self.cache(pointer.digest, self.read(pointer))

    async def get(self, pointer: Pointer | Artifact) -> bytes:
        """Return the artifact of a pointer, from the folder, else from Redis.

        Raises ArtifactError, in one line, where neither has bytes of that digest.
        """
        try:
            return self.read(pointer)
        except ArtifactError as error:
            complaint = error
        content: Any = None  # the client's types allow for text, which this one never returns
        if self._redis is not None:
            with suppress(RedisError):
                content = await self._redis.get(self._key(pointer.digest))
        if content is None:
            raise complaint
        return _verified(content, pointer.digest, f"Redis, {self._key(pointer.digest)}")

    def read(self, pointer: Pointer | Artifact) -> bytes:
        """Return the artifact of a pointer from the folder.

        Raises ArtifactError where it isn't there or has another digest.
        """
        complaint = ArtifactError(
            f"artifact {pointer.name} {pointer.digest[:12]} isn't in models.snapshots = "
            f"{str(self._folder or '')!r}"
        )
        for candidate in (False, True):
            path = self._path(pointer, candidate=candidate)
            if path.exists():
                try:
                    return _verified(_read(path), pointer.digest, str(path))
                except ArtifactError as error:
                    complaint = error
        raise complaint

    def stored(self) -> list[Stored]:
        """Return what the folder holds, the latest first; files of other names are passed over.

        Raises ArtifactError where the folder can't be read; a folder that isn't there is empty.
        """
        if self._folder is None:
            return []
        found = []
        try:
            for path in self._folder.iterdir():
                name = _FILE.fullmatch(path.name)
                if name is not None:
                    status = path.stat()
                    model: Model = "classifier" if name["kind"] == "classifier" else "online"
                    found.append(
                        Stored(
                            path,
                            model,
                            name["name"],
                            int(name["sequence"] or 0),
                            name["digest"] or "",
                            status.st_size,
                            status.st_mtime,
                        )
                    )
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArtifactError(f"models.snapshots = {str(self._folder)!r}: {error}") from None
        return sorted(found, key=lambda file: (file.changed, file.sequence), reverse=True)

    def _path(self, pointer: Pointer | Artifact, *, candidate: bool) -> Path:
        if self._folder is None:
            raise ArtifactError("models.snapshots is empty; artifacts need a folder that all share")
        if not _NAME.fullmatch(pointer.name):
            raise ArtifactError(f"artifact: {pointer.name[:80]!r} given, a name wanted")
        if pointer.model == "online" and not candidate:
            return self._folder / f"{pointer.name}-{pointer.sequence}.snapshot"
        return self._folder / f"{pointer.name}-{pointer.digest[:12]}.{pointer.model}"

    def _key(self, known: str) -> str:
        return f"{self._prefix}artifact:{known}"


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise ArtifactError(f"{path}: more than {LARGEST:,} bytes, which is no artifact")
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from None


def _verified(content: bytes, wanted: str, place: str) -> bytes:
    found = digest(content)
    if found != wanted:
        raise ArtifactError(
            f"{place}: SHA-256 {found[:12]} found, {wanted[:12]} wanted: it is damaged; restore it"
        )
    return content


def _write(path: Path, content: bytes) -> None:
    """Write through another name, so that a reader never sees a half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)  # workers may run as somebody else
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
