"""Real verdicts in the local log of an installation, and its archive."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.running import Archiver
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.record import encode
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope
from streams.wire import message_record, read_arrival, read_head, verdict_record

EXAMPLES = sorted((Path(__file__).parents[4] / "tests" / "corpus" / "signals").glob("*/fires.eml"))
# Yesterday at noon: the log has a clock of its own, and no test runs across two dates.
NOW = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture(scope="session")
def core():
    context = Context(hash_key=b"k" * 32)
    return Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))


@pytest.fixture
def settings(settings, tmp_path):
    """The installation with an archive that keeps messages too."""
    archive = msgspec.structs.replace(
        settings.archive, url=str(tmp_path / "archive"), raw=True, block_seconds=0.01
    )
    return msgspec.structs.replace(settings, archive=archive)


@pytest.fixture
def judged(append, core):
    """Append messages and the verdicts on them to the log; return the verdicts' records."""

    def add(count, *, first=0, tenant="default", now=NOW):
        records = []
        for number in range(first, first + count):
            raw = EXAMPLES[number % len(EXAMPLES)].read_bytes()
            envelope = Envelope(
                id=f"m-{number}", received_at=now + timedelta(minutes=number % 120), tenant=tenant
            )
            sent = message_record("t", envelope, raw, source="/test", now=now)
            partition = number % 2
            (place,) = append(
                raw, role="messages", partition=partition, headers=tuple(sent.headers)
            )
            arrival = read_arrival(
                epoch="e",
                partition=partition,
                offset=place.offset,
                timestamp_ms=place.appended_ms,
                key=None,
                value=raw,
                headers=sent.headers,
            )
            (result,) = core.judge([arrival.incoming])
            value = encode(result.verdict)
            record = verdict_record(
                "t", read_head(value), value, judged_at=now, timings={}, worker="w"
            )
            append(value, partition=partition, headers=tuple(record.headers))
            records.append(record)
        return records

    return add


@pytest.fixture
def archived(settings):
    """Archive what the topics hold, and open the archive."""

    async def run(told=None, **section):
        changed = msgspec.structs.replace(settings.archive, **section)
        await Archiver(msgspec.structs.replace(settings, archive=changed)).run(once=True)
        return await asyncio.to_thread(Archive.open, changed.url, told)

    return run


@pytest.fixture
def damage():
    """Change one byte in the middle of a file, or cut its end off."""

    def change(path, *, cut=0):
        content = bytearray(Path(path).read_bytes())
        content[len(content) // 2] ^= 0xFF
        Path(path).write_bytes(content[: len(content) - cut])

    return change
