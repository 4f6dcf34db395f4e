"""A classifier as one piece of bytes, so that one digest stands for all of its files.

    b"WEIRBNDL" | format, 1 byte | SHA-256 of all that follows, 32 bytes
    | length of the header, 4 bytes | header, JSON: [[name, bytes], ...] | the files, one by one

Equal files give equal bytes. Whoever opens a bundle runs nothing of it.
"""

import hashlib
from typing import Final, NamedTuple, Self

import msgspec

from models.manifest import ArtifactError, Manifest, digest, read_manifest

__all__ = ["MAGIC", "Bundle"]

MAGIC: Final = b"WEIRBNDL"
_FORMAT: Final = 1
_DIGEST_AT: Final = len(MAGIC) + 1
_LENGTH_AT: Final = _DIGEST_AT + 32
_HEADER_AT: Final = _LENGTH_AT + 4
_LARGEST: Final = 1 << 27  # bytes of all files; 5,000 trees are less than 30 MB
_LARGEST_HEADER: Final = 1_000
_MANIFEST, _ARTIFACT, _CARD, _TRAINED_ON = (
    "manifest.json",
    "classifier.onnx",
    "MODEL_CARD.md",
    "trained_on.bin",
)
_NAMES: Final = (_MANIFEST, _ARTIFACT, _CARD, _TRAINED_ON)


class Bundle(NamedTuple):
    """A classifier's files as `weir train` writes them; what isn't there is empty.

    `card` is Markdown, `trained_on` the list of short digests of its training mail.
    """

    manifest: bytes
    artifact: bytes
    card: bytes = b""
    trained_on: bytes = b""

    @property
    def known(self) -> Manifest:
        """The manifest, decoded; raises ArtifactError where it is none."""
        return read_manifest(self.manifest)

    @property
    def version(self) -> str:
        """What verdicts name the classifier by: 12 digits of its manifest's SHA-256."""
        return digest(self.manifest)[:12]

    def files(self) -> dict[str, bytes]:
        """Return the files that are there, by name."""
        return {name: content for name, content in zip(_NAMES, self, strict=True) if content}

    @classmethod
    def of(cls, files: dict[str, bytes]) -> Self:
        """Return the bundle of files by name; raises ArtifactError for one that doesn't belong."""
        for name in files:
            if name not in _NAMES:
                raise ArtifactError(f"bundle: holds {name!r}, which no classifier has")
        for name in (_MANIFEST, _ARTIFACT):
            if not files.get(name):
                raise ArtifactError(f"bundle: {name} is missing; train again with `weir train`")
        return cls(*(files.get(name, b"") for name in _NAMES))

    def dump(self) -> bytes:
        """Return the bundle as bytes, the same for the same files."""
        files = self.files()
        header = msgspec.json.encode([(name, len(content)) for name, content in files.items()])
        body = b"".join([len(header).to_bytes(4, "little"), header, *files.values()])
        return b"".join([MAGIC, bytes([_FORMAT]), hashlib.sha256(body).digest(), body])

    @classmethod
    def load(cls, content: bytes) -> Self:
        """Read a bundle whose artifact is the one that its manifest names.

        Raises ArtifactError, in one line, for bytes that are no whole bundle.
        """
        if not content.startswith(MAGIC) or len(content) < _HEADER_AT:
            raise ArtifactError("bundle: these bytes are none; give what `weir train` wrote")
        if content[len(MAGIC)] != _FORMAT:
            raise ArtifactError(f"bundle: format {content[len(MAGIC)]} given, {_FORMAT} wanted")
        if len(content) > _LARGEST:
            raise ArtifactError(f"bundle: {len(content):,} bytes given, at most {_LARGEST:,} read")
        given, found = content[_DIGEST_AT:_LENGTH_AT], hashlib.sha256(content[_LENGTH_AT:]).digest()
        if given != found:
            raise ArtifactError(
                f"bundle: SHA-256 {given.hex()[:12]} wanted, {found.hex()[:12]} found: it is "
                "damaged or cut short; train again, or take an older one"
            )
        bundle = cls.of(_files(content))
        known = bundle.known
        if digest(bundle.artifact) != known.sha256:
            raise ArtifactError(
                f"bundle: its artifact has SHA-256 {digest(bundle.artifact)[:12]}, its manifest "
                f"wants {known.sha256[:12]}"
            )
        return bundle


def _files(content: bytes) -> dict[str, bytes]:
    length = int.from_bytes(content[_LENGTH_AT:_HEADER_AT], "little")
    start = _HEADER_AT + length
    if length > _LARGEST_HEADER or start > len(content):
        raise ArtifactError(f"bundle: a header of {length:,} bytes given")
    try:
        places = msgspec.json.decode(content[_HEADER_AT:start], type=list[tuple[str, int]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"bundle: its header isn't readable ({error})") from error
    if any(size < 0 for _, size in places) or start + sum(s for _, s in places) != len(content):
        raise ArtifactError("bundle: its files aren't as long as its header says")
    if len({name for name, _ in places}) != len(places):
        raise ArtifactError("bundle: it holds a file twice")
    files = {}
    for name, size in places:
        files[name] = content[start : start + size]
        start += size
    return files
