"""Archives of a few real verdicts, written as the archive writes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from msgspec.structs import replace

from apps.subscriber.archive.block import Block
from apps.subscriber.archive.manifest import ManifestFiles
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import Storage
from apps.subscriber.once import Once
from apps.subscriber.received import Received
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming, LogPosition
from streams.label_records import label_record
from streams.wire import read_head

SAMPLES = sorted((Path(__file__).parents[2] / "corpus" / "signals").glob("*/fires.eml"))
START = datetime(2025, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def verdicts():
    """Thirty verdicts over three days, of two tenants, the eighth of them outbound."""
    context = Context(hash_key=b"k" * 32)
    core = Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))
    incoming = [
        Incoming(
            Envelope(
                id=f"m-{number:02}",
                received_at=START + timedelta(days=number // 10, minutes=number),
                tenant="other" if number % 7 == 3 else "default",
                mail_from=f"news@lists.sender{number % 4}.example",
                direction="outbound" if number == 8 else "inbound",
            ),
            SAMPLES[number * 5 % len(SAMPLES)].read_bytes(),
            LogPosition("e", 0, number),
        )
        for number in range(30)
    ]
    return [judged.verdict for judged in core.judge(incoming)]


def revised(verdict, revision=1, **changes):
    """Return a later judgement of the same message."""
    return replace(verdict, kind="revised", revision=revision, **changes)


@pytest.fixture
def archive(tmp_path):
    """Write verdicts and labels to an archive, each call a block; open the archive."""
    storage = Storage(str(tmp_path / "archive"))
    topics = {"v": "verdicts", "l": "labels"}

    def write(verdicts=(), labels=()):
        manifests = ManifestFiles(storage)
        seen = manifests.read()
        ends = {TopicPartition(*place): to for place, to in seen.ends.items()}
        records = []
        for verdict in verdicts:
            value = encode(verdict)
            event = read_head(value).event_id
            records.append(("v", value, (("ce_id", event.encode()),)))
        for label in labels:
            record = label_record("l", label, source="/test")
            records.append(("l", record.value, tuple(record.headers)))
        block = Block(topics, ends, Once(0))  # repetitions come through, as from beyond its window
        following = {TopicPartition(topic, 0): 0 for topic in topics} | ends
        for topic, value, headers in records:
            place = TopicPartition(topic, 0)
            at = int(START.timestamp() * 1000) + following[place]
            following[place] += 1
            received = Received(topic, 0, following[place] - 1, at, None, value, headers)
            block.add([received], following)
        assert manifests.publish(block.write(storage, START), seen) is not None
        return Archive.open(storage.url)

    return write
