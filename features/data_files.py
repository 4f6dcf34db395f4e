"""Data files that ship with the features: read once at import, one digest over all of them."""

import hashlib
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

__all__ = ["data_digest", "data_names", "read_data"]

_ROOT = files("features") / "data"


def _toml_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _toml_files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".toml"):
            yield prefix + entry.name.removesuffix(".toml"), entry


def data_names(folder: str = "") -> list[str]:
    """Return the sorted names of the data files, or of those in one folder ("phrases/")."""
    return sorted(name for name, _ in _toml_files(_ROOT) if name.startswith(folder))


def read_data(name: str) -> dict[str, Any]:
    """Read the data file of that name ("freemail", "phrases/prize").

    Raises FileNotFoundError or tomllib.TOMLDecodeError: a damaged installation does not start.
    """
    return tomllib.loads((_ROOT / f"{name}.toml").read_text(encoding="utf-8"))


def data_digest() -> str:
    """Return 12 hex digits of SHA-256 over all data files: another digest, other verdicts."""
    digest = hashlib.sha256()
    for name, entry in sorted(_toml_files(_ROOT), key=lambda found: found[0]):
        digest.update(name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
