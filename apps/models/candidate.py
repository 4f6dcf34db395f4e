"""What a person gives as an artifact: a folder of `weir train`, a snapshot, a bundle."""

from pathlib import Path

from apps.installation import read_context
from apps.models.rows import bundle_of
from features.tokens import layout
from features.vector import SCHEMA
from models import snapshot
from models.manifest import ArtifactError
from streams.registry import LARGEST, identify, open_classifier
from streams.settings import Settings

__all__ = ["candidate"]


def candidate(settings: Settings, path: Path) -> bytes:
    """Return the bytes of an artifact that workers of this release and installation can use.

    Raises ArtifactError, in one line that names the path, where it is none or doesn't fit.
    """
    if path.is_dir():
        content = bundle_of(path).dump()
    elif path.stat().st_size > LARGEST:
        raise ArtifactError(f"{path}: more than {LARGEST:,} bytes, which is no artifact")
    else:
        content = path.read_bytes()
    try:
        if identify(content).model == "classifier":
            open_classifier(content)
        else:
            wanted = layout(read_context(settings))
            snapshot.load(content, schema=SCHEMA.digest, layout=wanted)
    except ArtifactError as error:
        raise ArtifactError(f"{path}: {error}") from None
    return content
