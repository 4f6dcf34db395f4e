"""Learned models as bytes and back, without pickle: a JSON header, then compressed arrays.

    b"WEIRSNAP" | format, 1 byte | SHA-256 of all that follows, 32 bytes
    | length of the header, 4 bytes | header, JSON | arrays, little-endian, one zlib stream

Whoever opens a snapshot runs nothing of it, and takes it whole or not at all.
"""

import hashlib
import math
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.manifest import ArtifactError
from models.state import State

__all__ = ["LabelPosition", "Snapshot", "dump", "load"]

_MAGIC: Final = b"WEIRSNAP"
_FORMAT: Final = 1
_DIGEST_AT: Final = len(_MAGIC) + 1
_LENGTH_AT: Final = _DIGEST_AT + 32
_HEADER_AT: Final = _LENGTH_AT + 4
_LEVEL: Final = 1  # zlib's fastest: higher levels gain little on learned weights
_LARGEST: Final = 1 << 29  # bytes of arrays; a damaged header must not ask for more
_DTYPES: Final = frozenset({"<f8", "<f4", "<i8", "<i4", "<u4", "|u1", "|b1"})


class LabelPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last label that a state has learned: the topic's epoch and the label's offset."""

    epoch: str
    offset: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The states of all online models at one moment, and what they are bound to.

    `schema` is the digest of the feature schema and `layout` that of the text model's slots
    (features.tokens.layout, which depends on the deployment's salt): under others the numbers
    mean nothing. `sequence` is the last learning step in it, `fence` the learner's claim under
    which that was published, `labels` the label that a restarted learner goes on after, `log` the
    place in the topic of steps from which all later ones are found. `digest` is the SHA-256 of
    the bytes it was read from, empty where there are none yet.
    """

    schema: str
    layout: str
    states: Mapping[str, Mapping[str, State]]
    name: str = "online"
    sequence: int = 0
    fence: int = 0
    labels: LabelPosition | None = None
    log: LabelPosition | None = None
    digest: str = ""

    @property
    def version(self) -> str:
        """What verdicts name: name@digest+sequence, with 12 digits of the digest."""
        return f"{self.name}@{self.digest[:12]}+{self.sequence}"


class _Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: str
    name: str
    dtype: str
    shape: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    schema: str
    layout: str
    sequence: int
    fence: int
    labels: LabelPosition | None
    scalars: dict[str, dict[str, float | int | str]]
    arrays: tuple[_Array, ...]
    log: LabelPosition | None = None


def dump(snapshot: Snapshot) -> bytes:
    """Return a snapshot as bytes, the same for the same states.

    Raises ValueError for a number that isn't finite or an array of a type that isn't kept:
    JSON has no word for the one, and the other is no number.
    """
    scalars: dict[str, dict[str, float | int | str]] = {}
    arrays = []
    packer = zlib.compressobj(_LEVEL)
    packed = []
    for model, state in snapshot.states.items():
        scalars[model] = {}
        for name, value in state.items():
            if not isinstance(value, np.ndarray):
                if isinstance(value, float) and not math.isfinite(value):
                    raise ValueError(f"snapshot: {model}.{name}: {value} given, finite wanted")
                scalars[model][name] = value.item() if isinstance(value, np.generic) else value
                continue
            plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
            if plain.dtype.str not in _DTYPES:
                raise ValueError(f"snapshot: {model}.{name}: {plain.dtype} isn't kept")
            arrays.append(_Array(model, name, plain.dtype.str, value.shape))
            packed.append(packer.compress(plain.tobytes()))
    header = msgspec.json.encode(
        _Header(
            snapshot.name,
            snapshot.schema,
            snapshot.layout,
            snapshot.sequence,
            snapshot.fence,
            snapshot.labels,
            scalars,
            tuple(arrays),
            snapshot.log,
        )
    )
    body = b"".join([len(header).to_bytes(4, "little"), header, *packed, packer.flush()])
    return b"".join([_MAGIC, bytes([_FORMAT]), hashlib.sha256(body).digest(), body])


def load(content: bytes, *, schema: str | None, layout: str | None) -> Snapshot:
    """Read a snapshot; the arrays are views that can't be written to.

    Raises ArtifactError, in one line, for bytes that are no whole snapshot and for one that is
    bound to another schema or layout than those given (None: any).
    """
    if not content.startswith(_MAGIC) or len(content) < _HEADER_AT:
        raise ArtifactError("snapshot: these bytes are none; give a file that Weir has written")
    if content[len(_MAGIC)] != _FORMAT:
        raise ArtifactError(f"snapshot: format {content[len(_MAGIC)]} given, {_FORMAT} wanted")
    given, found = content[_DIGEST_AT:_LENGTH_AT], hashlib.sha256(content[_LENGTH_AT:]).digest()
    if given != found:
        raise ArtifactError(
            f"snapshot: SHA-256 {given.hex()[:12]} wanted, {found.hex()[:12]} found: the file is "
            "damaged or cut short; take an older one"
        )
    start = _HEADER_AT + int.from_bytes(content[_LENGTH_AT:_HEADER_AT], "little")
    try:
        header = msgspec.json.decode(content[_HEADER_AT:start], type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"snapshot: its header isn't readable ({error})") from error
    for what, bound, wanted in (
        ("schema", header.schema, schema),
        ("token layout", header.layout, layout),
    ):
        if wanted is not None and bound != wanted:
            raise ArtifactError(
                f"snapshot: {what} {bound[:12]!r} given, {wanted!r} wanted; learn anew, or take a "
                "snapshot of this installation and release"
            )
    states: dict[str, dict[str, State]] = {
        model: dict(scalars) for model, scalars in header.scalars.items()
    }
    for place, values in _arrays(header.arrays, content[start:]):
        states.setdefault(place.model, {})[place.name] = values
    return Snapshot(
        schema=header.schema,
        layout=header.layout,
        states=states,
        name=header.name,
        sequence=header.sequence,
        fence=header.fence,
        labels=header.labels,
        log=header.log,
        digest=hashlib.sha256(content).hexdigest(),
    )


def _arrays(places: tuple[_Array, ...], packed: bytes) -> list[tuple[_Array, NDArray[Any]]]:
    """Unpack no more than the header asks for, and that must be all there is."""
    sizes = []
    for place in places:
        if place.dtype not in _DTYPES or any(length < 0 for length in place.shape):
            raise ArtifactError(f"snapshot: {place.model}.{place.name}: no array that is kept")
        sizes.append(int(place.dtype[2:]) * math.prod(place.shape))
    wanted = sum(sizes)
    if wanted > _LARGEST:
        raise ArtifactError(f"snapshot: {wanted} bytes of arrays given, at most {_LARGEST} read")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, wanted + 1)
    except zlib.error as error:
        raise ArtifactError(f"snapshot: its arrays aren't readable ({error})") from error
    if len(content) != wanted or not unpacker.eof or unpacker.unused_data:
        raise ArtifactError("snapshot: its arrays aren't as long as its header says")
    found = []
    start = 0
    for place, size in zip(places, sizes, strict=True):
        values = np.frombuffer(content, place.dtype, math.prod(place.shape), start)
        found.append((place, values.reshape(place.shape)))
        start += size
    return found
