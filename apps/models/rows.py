"""The artifacts of an installation as a person sees them: announced, in the folder, or shipped."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from apps.cli.failures import Code, Failure
from models.bundle import Bundle
from models.manifest import ArtifactError, digest
from streams.listing import Entry, Listing
from streams.model_records import Pointer
from streams.registry import LARGEST, Artifact, Registry, Stored, identify
from streams.settings import Settings
from streams.snapshots import latest

__all__ = ["Row", "before", "bundle_of", "bundles_at_start", "find", "rows_of"]

_SHOWN = 10  # snapshots that are read though no pointer was, the latest first
_STATES = ("live", "shadow", "earlier", "retired", "stored")
_LEAST = 4  # digits of a digest that may stand for it


class Row(NamedTuple):
    """One artifact: its state, since when, and where its bytes are.

    `version` is what verdicts name it by, '' where its bytes can't be read: `fault` says why.
    `state` is live, shadow, earlier (it was live), retired, or stored: it lies in the folder and
    no pointer to it was read. `sequence` and `labels` are what an online snapshot holds.
    `shadow_only` are the release gates that it didn't pass. `shipped`: it comes with Weir.
    """

    artifact: Artifact
    state: str
    since: datetime | None
    version: str
    place: str
    shadow_only: tuple[str, ...] = ()
    fault: str = ""
    shipped: bool = False

    @property
    def ident(self) -> str:
        """What a person types: 12 digits of the digest."""
        return self.artifact.digest[:12]

    def as_object(self) -> dict[str, Any]:
        """Return the row for JSON."""
        artifact = self.artifact
        return {
            "id": self.ident,
            "model": artifact.model,
            "state": self.state,
            "since": self.since,
            "name": artifact.name,
            "version": self.version,
            "digest": artifact.digest,
            "sequence": artifact.sequence,
            "labels": artifact.labels.offset if artifact.labels else None,
            "bytes": artifact.size,
            "place": self.place,
            "shadow_only": self.shadow_only,
            "fault": self.fault,
        }


async def rows_of(settings: Settings, listing: Listing, registry: Registry) -> list[Row]:
    """Return all artifacts, by model: what is live, then shadows, then others, the latest first."""
    stored = registry.stored()
    rows = [await _announced(entry, registry, stored) for entry in listing.entries()]
    known = {row.artifact.digest for row in rows}
    rows += [row for row in _unannounced(settings, listing, stored) if row.ident not in known]
    rows += [
        row for row in _at_start(settings, listing) if row.ident not in {r.ident for r in rows}
    ]
    shipped = digest(shipped_bundle().dump())
    rows = [row._replace(shipped=row.artifact.digest == shipped) for row in rows]
    return sorted(rows, key=lambda row: (row.artifact.model, _STATES.index(row.state)))


def find(rows: Sequence[Row], text: str, model: str | None = None) -> Row:
    """Return the row that a person names: an id or the start of a digest, a version, live, shipped.

    Raises Failure, exit code 1, where none or more than one is meant.
    """
    chosen = [row for row in rows if model in {None, row.artifact.model}]
    found = [row for row in chosen if _named(row, text)]
    if len(found) == 1:
        return found[0]
    if found:
        said = ", ".join(f"{row.ident} ({row.artifact.model})" for row in found[:5])
        raise Failure(f"{text!r} is more than one: {said}; name one, or give --model", Code.NO)
    said = ", ".join(row.ident for row in chosen[:8]) or "none"
    raise Failure(f"no artifact {text!r}; there are {said} (weir models list)", Code.NO)


def before(rows: Sequence[Row], model: str) -> Row:
    """Return what was live of a model before what is; raises Failure where nothing was."""
    own = [row for row in rows if row.artifact.model == model]
    earlier = [row for row in own if row.state == "earlier"]
    if not earlier:
        live = next(
            (f"; {row.ident} is its last snapshot" for row in own if row.state == "live"), ""
        )
        raise Failure(
            f"there is no earlier {model} model to go back to"
            + (live if model == "online" else "")
            + " (weir models list)",
            Code.NO,
        )
    return max(earlier, key=lambda row: row.since or datetime.min.replace(tzinfo=UTC))


def bundles_at_start(settings: Settings) -> dict[str, Bundle]:
    """Return the classifiers that need no folder of artifacts, by where they are from.

    The first is the one that a worker starts with. Raises ArtifactError where that of
    `models.classifier` can't be read.
    """
    found = {}
    if settings.models.classifier:
        found[settings.models.classifier] = bundle_of(Path(settings.models.classifier))
    return {**found, "shipped": shipped_bundle()}


def shipped_bundle() -> Bundle:
    """Return the classifier that comes with Weir."""
    folder = resources.files("models") / "artifacts"
    return Bundle.of({file.name: file.read_bytes() for file in folder.iterdir()})


def bundle_of(folder: Path) -> Bundle:
    """Return the classifier of a folder that `weir train` wrote; raises ArtifactError."""
    files = {}
    for name in ("manifest.json", "classifier.onnx", "MODEL_CARD.md", "trained_on.bin"):
        path = folder / name
        if path.is_file():
            if path.stat().st_size > LARGEST:
                raise ArtifactError(f"{path}: more than {LARGEST:,} bytes, which is no classifier")
            files[name] = path.read_bytes()
    try:
        bundle = Bundle.of(files)
    except ArtifactError as error:
        raise ArtifactError(f"{folder}: {error}") from None
    return Bundle.load(bundle.dump())


async def _announced(entry: Entry, registry: Registry, stored: Sequence[Stored]) -> Row:
    """Return the row of a pointer. Snapshots aren't read: an hourly one is megabytes."""
    pointer = entry.pointer
    since = datetime.fromtimestamp(entry.since, UTC)
    file = next((file for file in stored if _is(file, pointer)), None)
    place = file.path.name if file else "Redis"
    size = file.size if file else 0
    artifact = Artifact(
        pointer.model, pointer.name, pointer.digest, size, pointer.sequence, pointer.labels
    )
    if file is not None and pointer.model == "online":
        return Row(artifact, entry.state, since, _online_version(artifact), place)
    try:
        content = await registry.get(pointer)
        return _row(identify(content), content, entry.state, since, place)
    except ArtifactError as error:
        return Row(artifact, entry.state, since, "", "", (), str(error))


def _unannounced(settings: Settings, listing: Listing, stored: Sequence[Stored]) -> Iterator[Row]:
    announced = [entry.pointer for entry in listing.entries()]
    first = latest(Path(settings.models.snapshots)) if stored else None
    alone = listing.live("online") is None
    others = [file for file in stored if not any(_is(file, pointer) for pointer in announced)]
    snapshots = [file for file in others if file.model == "online"]
    for file in (*snapshots[:_SHOWN], *(file for file in others if file.model != "online")):
        since = datetime.fromtimestamp(file.changed, UTC)
        state = "earlier" if file.path.suffix == ".snapshot" else "stored"
        if alone and file.path == first:
            state = "live"
        try:
            content = file.path.read_bytes() if file.size <= LARGEST else b""
            yield _row(identify(content), content, state, since, file.path.name)
        except (ArtifactError, OSError) as error:
            artifact = Artifact(file.model, file.name, file.digest, file.size, file.sequence)
            yield Row(artifact, state, since, "", file.path.name, (), str(error))


def _at_start(settings: Settings, listing: Listing) -> Iterator[Row]:
    """Yield what a worker starts with until something else is live, and what it could have."""
    state = "earlier" if listing.live("classifier") else "live"
    for place, bundle in bundles_at_start(settings).items():
        content = bundle.dump()
        yield _row(identify(content), content, state, None, place)
        state = "stored"


def _row(artifact: Artifact, content: bytes, state: str, since: datetime | None, place: str) -> Row:
    if artifact.model == "online":
        return Row(artifact, state, since, _online_version(artifact), place)
    bundle = Bundle.load(content)
    version = f"{artifact.name}@{bundle.version}"
    known = bundle.known
    withheld = known.failed if known.stage == "shadow" else ()
    return Row(artifact, state, since, version, place, withheld)


def _online_version(artifact: Artifact) -> str:
    return f"{artifact.name}@{artifact.digest[:12]}+{artifact.sequence}"


def _is(file: Stored, pointer: Pointer) -> bool:
    if file.model != pointer.model or file.name != pointer.name:
        return False
    if file.digest:
        return pointer.digest.startswith(file.digest)
    return file.sequence == pointer.sequence


def _named(row: Row, text: str) -> bool:
    versions = {row.version, row.version.partition("@")[2]} - {""}
    stem = f"{row.artifact.name}-{row.artifact.sequence}"
    return (
        (len(text) >= _LEAST and row.artifact.digest.startswith(text.lower()))
        or text in versions
        or (row.artifact.model == "online" and text == stem)
        or (row.state == "live" and text in {"live", f"live:{row.artifact.model}"})
        or (row.shipped and text == "shipped")
    )
