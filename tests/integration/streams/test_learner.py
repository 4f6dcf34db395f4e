"""A learner from start to stop, on the real Kafka and Redis."""

from datetime import UTC, datetime

import pytest

from models.label import Target
from streams.label_records import label_record, new_label
from streams.model_records import Marker, StepRecord, read_model_record

pytestmark = pytest.mark.integration


def lure(number):
    return (
        f"From: Prize {number} <s{number}@lures.example>\r\nTo: you@example.com\r\n"
        f"Subject: You won {number}\r\nMessage-ID: <{number}@lures.example>\r\n\r\n"
        f"Click https://lures.example/{number} to take the prize that you won today.\r\n"
    ).encode()


@pytest.fixture
def label(installation):
    """Make the record of a label of a message."""

    def make(ident, truth="spam", source="analyst", reporter="r1"):
        given = new_label(
            Target(id=ident), truth, source, reporter=reporter, given_at=datetime.now(UTC)
        )
        return label_record(installation.topic("labels"), given, source="/test"), given

    return make


def read_all(records):
    return [read_model_record(record.headers, record.value) for record in records]


async def test_labels_become_steps_behind_a_marker_and_a_snapshot(
    installation, learner, label, mail
):
    worker = installation.start_worker().wait_ready()
    idents = await installation.send(
        [installation.record(lure(n)) for n in range(3)]
        + [installation.record(mail(n)) for n in range(3)]
    )
    await installation.verdicts(idents)
    learning = learner().wait_ready()
    records = [label(ident)[0] for ident in idents[:3]]
    records += [label(ident, "ham")[0] for ident in idents[3:]]
    await installation.send(records)
    found = read_all(
        await installation.read(
            "models",
            lambda got: any(isinstance(r, Marker) and r.published == 6 for r in read_all(got)),
        )
    )
    steps = [r for r in found if isinstance(r, StepRecord)]
    assert [s.sequence for s in steps] == [1, 2, 3, 4, 5, 6]
    assert [s.message for s in steps] == idents
    assert [s.step.lessons[0].abuse for s in steps] == [True] * 3 + [False] * 3
    assert learning.stop() == 0
    assert worker.stop() == 0
    assert "@" not in learning.log.read_text()
