"""Messages as numbers with labels: what the classifier is trained and judged on."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from apps.training.corpora import Sample, strip_artefacts
from apps.training.splits import cluster
from features.context import Context
from features.envelope import Incoming
from features.evidence import Evidence, extract
from features.trace import envelope_of_file
from features.vector import SCHEMA

__all__ = ["Dataset", "evidence_of", "near_keys", "origin", "read_dataset", "sources_of"]

_UNDATED = datetime(2000, 1, 1, tzinfo=UTC)  # for mail without a Received that tells it
_SAY_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Dataset:
    """Vectors of shape (n, features) with, per message, its label, source, cluster and digest.

    Messages of one cluster are near-duplicates or of one template family. `sha256` is of the
    message as read. `measured`, shape (n,), is what `read_dataset` was asked to measure, else 0.
    `times`, shape (n,), are when messages were received (epoch seconds; NaN: their header doesn't
    say), or empty where nobody asks.
    """

    vectors: NDArray[np.float32]
    spam: NDArray[np.bool_]
    sources: NDArray[np.str_]
    clusters: NDArray[np.intp]
    sha256: tuple[str, ...]
    measured: NDArray[np.float64]
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.sha256)

    @property
    def origins(self) -> NDArray[np.str_]:
        """The corpus that each message belongs to, shape (n,)."""
        return np.array([origin(source) for source in self.sources], dtype=np.str_)

    def where(self, mask: NDArray[np.bool_]) -> "Dataset":
        """Return the messages that a mask of shape (n,) selects."""
        kept = tuple(digest for digest, keep in zip(self.sha256, mask, strict=True) if keep)
        return Dataset(
            self.vectors[mask],
            self.spam[mask],
            self.sources[mask],
            self.clusters[mask],
            kept,
            self.measured[mask],
            self.times[mask] if len(self.times) else self.times,
        )

    def joined(self, other: "Dataset | None") -> "Dataset":
        """Return these messages and then another dataset's, whose clusters are its own."""
        if other is None or not len(other):
            return self
        return Dataset(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.spam, other.spam]),
            np.concatenate([self.sources, other.sources]),
            np.concatenate([self.clusters, other.clusters + self.clusters.max(initial=-1) + 1]),
            self.sha256 + other.sha256,
            np.concatenate([self.measured, other.measured]),
            np.concatenate([self.times, other.times])
            if len(self.times) and len(other.times)
            else np.empty(0),
        )


class _Row(NamedTuple):
    vector: NDArray[np.float32]
    spam: bool
    source: str
    keys: tuple[str, ...]
    sha256: str
    measured: float
    time: float


def origin(source: str) -> str:
    """Return the corpus that a source belongs to: what stands before its first hyphen."""
    return source.partition("-")[0]


def sources_of(dataset: Dataset) -> Iterator[tuple[str, str, Dataset]]:
    """Yield each source's name, the corpus it belongs to, and its messages, by name."""
    for name in np.unique(dataset.sources).tolist():
        yield name, origin(name), dataset.where(np.asarray(dataset.sources == name))


def evidence_of(raw: bytes) -> Evidence:
    """Return what the core finds in a message that comes as a file."""
    context = Context()
    envelope = envelope_of_file(raw, "training", _UNDATED, context.limits)
    return extract(Incoming(envelope, raw), context)


def near_keys(fingerprint: str) -> tuple[str, ...]:
    """Return what a fingerprint shares with every near one: itself, and each pair of its bands.

    Two fingerprints are `near` (features.fingerprint) exactly if they share one of these keys.
    """
    if not fingerprint:
        return ()
    bands = [f"{place}:{band}" for place, band in enumerate(fingerprint.split("-"))]
    return (fingerprint, *("+".join(pair) for pair in combinations(bands, 2)))


def read_dataset(
    samples: Iterable[Sample],
    held_out: Iterable[bytes] = (),
    say: Callable[[str], None] = lambda _: None,
    measure: Callable[[Evidence], float] = lambda _: 0.0,
) -> Dataset:
    """Turn samples into numbers; those that are near-duplicates of held-out mail are left out.

    Copies of one message in one source are kept once. `say` is told of progress, `measure` gives
    a number of the caller's for each message.
    """
    rows = list(_rows(samples, say, measure))
    kept_out = [near_keys(evidence_of(strip_artefacts(raw)).fingerprint) for raw in held_out]
    clusters = cluster([*(row.keys for row in rows), *kept_out])
    forbidden = set(clusters[len(rows) :].tolist())
    keep = [index for index in range(len(rows)) if int(clusters[index]) not in forbidden]
    if len(keep) < len(rows):
        say(f"{len(rows) - len(keep)} messages left out: near-duplicates of held-out mail")
    return _dataset([rows[index] for index in keep], clusters[keep])


def _rows(
    samples: Iterable[Sample], say: Callable[[str], None], measure: Callable[[Evidence], float]
) -> Iterator[_Row]:
    seen: set[tuple[str, str]] = set()
    for sample in samples:
        digest = hashlib.sha256(sample.raw).hexdigest()
        if (sample.source, digest) in seen:
            continue
        seen.add((sample.source, digest))
        if len(seen) % _SAY_EVERY == 0:
            say(f"{len(seen):,} messages read")
        evidence = evidence_of(sample.raw)
        keys = near_keys(evidence.fingerprint)
        if sample.family:
            keys = (*keys, "family:" + sample.family)
        spam = sample.label != "ham"
        received = evidence.envelope.received_at
        time = math.nan if received == _UNDATED else received.timestamp()
        yield _Row(evidence.vector, spam, sample.source, keys, digest, measure(evidence), time)


def _dataset(rows: Sequence[_Row], clusters: NDArray[np.intp]) -> Dataset:
    vectors = (
        np.stack([row.vector for row in rows])
        if rows
        else np.empty((0, len(SCHEMA.features)), dtype=np.float32)
    )
    return Dataset(
        vectors,
        np.array([row.spam for row in rows], dtype=np.bool_),
        np.array([row.source for row in rows], dtype=np.str_),
        clusters,
        tuple(row.sha256 for row in rows),
        np.array([row.measured for row in rows], dtype=np.float64),
        np.array([row.time for row in rows], dtype=np.float64),
    )
