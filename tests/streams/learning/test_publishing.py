from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from streams.learner_section import LearnerSection
from streams.learning.metrics import LearnerMetrics
from streams.learning.publishing import Publishing
from streams.model_records import Marker, Pointer
from streams.registry import Registry


class Log:
    """The models' topic in memory, with this learner's claim as the highest."""

    number = 1

    def __init__(self):
        self.records = []

    async def publish(self, record):
        self.records.append(record)
        return len(self.records) - 1

    async def confirm(self, offset):
        assert offset < len(self.records)

    async def end(self):
        return len(self.records)

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def publishing(log, lineage, snapshots, tmp_path):
    """Make what publishes a lineage; returns both."""
    with ThreadPoolExecutor(1) as executor:

        def make(**section):
            one = lineage()
            return one, Publishing(
                one,
                log,
                log,
                snapshots,
                Registry(tmp_path),
                replace(LearnerSection(), **section),
                LearnerMetrics(),
                epoch="m",
                executor=executor,
            )

        yield make


def teach_ham_then_poison(one, step):
    """Known ham of 20 senders, published; then the same text as abuse, again and again."""
    for number in range(1, 21):
        one.learn(step(number, abuse=False))
    one.learn(step(21))
    one.publish()
    for number in range(22, 42):
        text = step(number, 1 + number % 20, abuse=True, message=f"p{number}")
        first = replace(
            text.step.lessons[0], slots=text.step.lessons[0].slots[:-4], sizes=(100, 199)
        )
        one.learn(replace(text, step=replace(text.step, lessons=(first,))))


async def test_what_was_learned_is_published_with_the_digest_of_its_state(publishing, log, step):
    one, publisher = publishing()
    one.learn(step(1))
    await publisher.look()
    (marker,) = log.of(Marker)
    assert (marker.published, marker.closed, marker.revoked) == (1, "", ())
    assert marker.digest == one.head.state_digest() == one.published.state_digest()
    await publisher.look()
    assert len(log.records) == 1, "nothing is new"


async def test_a_closed_gate_holds_steps_back_and_says_why(publishing, log, step):
    one, publisher = publishing()
    teach_ham_then_poison(one, step)
    published = one.published.state_digest()
    await publisher.look()
    (marker,) = log.of(Marker)
    assert "toward abuse" in marker.closed
    assert (marker.published, marker.digest, marker.revoked) == (21, published, ())
    assert one.waiting == 20, "nothing is lost"


async def test_steps_that_waited_too_long_are_revoked(publishing, log, step):
    one, publisher = publishing(gate_seconds=0.0)
    teach_ham_then_poison(one, step)
    published = one.published.state_digest()
    await publisher.look()
    (marker,) = log.of(Marker)
    assert marker.revoked == ((22, 41),)
    assert marker.labels.offset == 410, "their labels are handled"
    assert one.head.state_digest() == published == marker.digest
    one.learn(step(42, 50, abuse=False))
    await publisher.look()
    assert log.of(Marker)[-1].published == 42
    assert log.of(Marker)[-1].closed == ""


async def test_a_snapshot_follows_so_many_steps_and_is_announced(publishing, log, step, snapshots):
    one, publisher = publishing(snapshot_labels=3)
    publisher.starts_at(0)
    for number in (1, 2, 3):
        assert not publisher.full
        one.learn(step(number))
    assert publisher.full
    await publisher.look()
    (pointer,) = log.of(Pointer)
    models, _, known = snapshots.latest()
    assert (pointer.stage, pointer.sequence, pointer.digest) == ("live", 3, known.digest)
    assert known.log.offset == 0, "its marker's place"
    assert models.state_digest() == log.of(Marker)[0].digest
