"""Messages with an envelope, and a state of senders as small as it gets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming
from features.evidence import Evidence, extract
from features.rolling import Entity, Increment, Reading, decode, fold
from features.sender import Touches, read_history

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTEXT = Context(hash_key=b"a key of a test", hash_key_id="k")


class State:
    """Folds increments in order; `apply` gives the readings after a message's own."""

    def __init__(self):
        self.records: dict[bytes, bytes] = {}

    def apply(self, increments, at, *, arrival=True) -> list[Reading | None]:
        """Apply and read."""
        readings = []
        for entity, items, tag in increments:
            key = entity.kind.code.encode() + entity.key
            if items:
                before = self.records.get(key)
                self.records[key] = fold(entity.kind, before, at, items, tag, arrival=arrival)
            readings.append(self.read(entity, at))
        return readings

    def read(self, entity: Entity, at: float) -> Reading | None:
        """Return an entity's reading."""
        record = self.records.get(entity.kind.code.encode() + entity.key)
        return None if record is None else decode(entity.kind, record, at)

    def receive(self, evidence: Evidence, directions=()):
        """Apply a message's arrival and return its history."""
        touches = evidence.touches
        readings = self.apply(touches.increments, touches.at)
        return read_history(touches, readings, directions, touches.at)


@pytest.fixture
def state():
    return State()


@pytest.fixture(scope="session")
def letter() -> Callable[..., Evidence]:
    """Make the evidence of a message from its header, envelope and facts."""

    def make(
        head="From: Erika Muster <erika@example.org>",
        body="Hello",
        *,
        seconds=0.0,
        ip="192.0.2.9",
        mail_from="erika@example.org",
        rcpt_to=("bob@our.example",),
        facts=None,
        context=CONTEXT,
        **envelope,
    ) -> Evidence:
        helo = envelope.pop("helo", None)
        made = Envelope(
            id="1",
            received_at=START + timedelta(seconds=seconds),
            client=Client(ip=ip, helo=helo),
            mail_from=mail_from,
            rcpt_to=rcpt_to,
            facts={name: Fact(value) for name, value in (facts or {}).items()},
            **envelope,
        )
        raw = f"{head}\n\n{body}\n".replace("\n", "\r\n").encode()
        return extract(Incoming(made, raw), context)

    return make


@pytest.fixture(scope="session")
def labels() -> Callable[..., list[str]]:
    """Return the labels of a message's entities, of one kind or of all."""

    def of(touched: Evidence | Touches, kind: str = "") -> list[str]:
        touches = touched.touches if isinstance(touched, Evidence) else touched
        return [
            entity.label
            for entity, _, _ in touches.increments
            if not kind or entity.kind.name == kind
        ]

    return of


@pytest.fixture(scope="session")
def added() -> Callable[..., list[Increment]]:
    """Return a message's increments of one kind."""

    def of(evidence: Evidence, kind: str) -> list[Increment]:
        return [it for it in evidence.touches.increments if it.entity.kind.name == kind]

    return of
