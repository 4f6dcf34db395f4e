"""One pass over a message gives all that models and detectors read."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.context import Context
from features.envelope import Incoming
from features.evidence import examine, extract
from features.message import parse
from features.trace import envelope_of_file
from features.vector import SCHEMA

NASTY = sorted((Path(__file__).parent.parent / "corpus" / "nasty").glob("*.eml"))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
CONTEXT = Context()


def incoming(raw, flags=()):
    return Incoming(envelope_of_file(raw, "1", NOW, CONTEXT.limits), raw, flags=flags)


@pytest.mark.parametrize("path", NASTY, ids=lambda path: path.stem)
def test_every_odd_sample_gives_complete_and_repeatable_evidence(path):
    given = incoming(path.read_bytes())

    first, second = extract(given, CONTEXT), extract(given, CONTEXT)

    assert first.vector.shape == (len(SCHEMA.features),)
    assert first.vector.dtype == np.float32
    assert first.vector.tobytes() == second.vector.tobytes()
    assert first.fingerprint == second.fingerprint
    assert first.links == second.links
    assert first.content == second.content


def test_flags_are_the_envelope_s_and_then_the_message_s():
    evidence = extract(incoming(b"\nbody", flags=("clock_skew",)), CONTEXT)

    assert evidence.flags == ("clock_skew", "headers_missing")


def test_a_parsed_message_can_be_examined_without_its_bytes():
    given = incoming(b"From: a@example.org\nSubject: hello\n\nsee https://example.org/")

    whole = extract(given, CONTEXT)
    again = examine(given._replace(raw=b""), parse(given.raw, CONTEXT.limits), CONTEXT)

    assert again.vector.tobytes() == whole.vector.tobytes()
    assert again.headers == whole.headers
