"""A number that is worked out differently is another number, whatever its name."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.vector import SCHEMA

EXAMPLES = Path(__file__).parents[2] / "examples"
MESSAGE = SCHEMA.part("message")
FROZEN = {"0fdcb65cbbea": "90f82fa36f3be2e0"}


def test_the_same_schema_digest_means_the_same_numbers():
    """A model reads numbers by the schema's digest.

    If this fails, raise _MESSAGE_REVISION in features/vector.py, train anew, and freeze the new
    values. An example that was added or changed, or a word or host more in a data file, needs new
    values alone.
    """
    envelope = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    digest = hashlib.sha256()
    for path in sorted(EXAMPLES.rglob("*.eml")):
        vector = extract(Incoming(envelope, path.read_bytes()), Context()).vector[MESSAGE.slice]
        rounded = np.round(np.nan_to_num(vector.astype(np.float64), nan=-1.0), 3)
        digest.update(f"{path.name} {rounded.tolist()}\n".encode())

    assert {MESSAGE.digest: digest.hexdigest()[:16]} == FROZEN
