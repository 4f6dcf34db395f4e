"""What verdicts rest on, kept in the archive by digest: policies and artifacts of models."""

import re
from typing import Final

import msgspec

from apps.subscriber.archive.storage import ArchiveError, Storage
from models.manifest import digest as digest_of
from streams.policies import KeptPolicy

__all__ = ["artifact_path", "keep_artifact", "keep_policy", "kept_artifact", "kept_policy"]

_DIGEST: Final = re.compile(r"[0-9a-f]{8,64}")
_WHOLE: Final = 64  # digits of a SHA-256


def policy_path(digest: str) -> str:
    """Return where a policy lies below the archive's root."""
    return f"policies/{digest}.json"


def artifact_path(digest: str) -> str:
    """Return where an artifact lies below the archive's root."""
    return f"artifacts/{digest}"


def keep_policy(storage: Storage, digest: str, text: bytes) -> None:
    """Keep a policy as streams.policies.keep writes it; raises ArchiveError."""
    storage.write(policy_path(digest), text)


def keep_artifact(storage: Storage, content: bytes) -> None:
    """Keep an artifact under its SHA-256; raises ArchiveError."""
    storage.write(artifact_path(digest_of(content)), content)


def kept_policy(storage: Storage, digest: str) -> KeptPolicy | None:
    """Return a policy by digest, None where it isn't kept; raises ArchiveError if unreadable."""
    if not _DIGEST.fullmatch(digest):
        return None
    try:
        return msgspec.json.decode(storage.read(policy_path(digest)), type=KeptPolicy)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{policy_path(digest)}: not a policy ({error})") from None


def kept_artifact(storage: Storage, digest: str) -> bytes | None:
    """Return an artifact by its digest or the first 12 digits of it; None where it isn't kept.

    Raises ArchiveError for bytes of another digest.
    """
    if not _DIGEST.fullmatch(digest):
        return None
    path = artifact_path(digest)
    if len(digest) < _WHOLE:
        names = (held.path for held in storage.listed("artifacts"))
        path = next((name for name in names if name.startswith(path)), path)
    try:
        content = storage.read(path)
    except FileNotFoundError:
        return None
    if digest_of(content) != path.rpartition("/")[2]:
        raise ArchiveError(f"{path}: is damaged: its digest is {digest_of(content)[:12]}")
    return content
