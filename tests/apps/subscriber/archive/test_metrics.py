"""What an archiver tells of itself while it runs, and what the doctor says of its archive."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from apps.doctor.archive import look_at_archive
from apps.subscriber.archive.manifest import Entry, Manifest, Range
from apps.subscriber.archive.running import Archiver
from apps.subscriber.archive.storage import Storage
from streams.topics import name


@pytest.fixture
def running(settings):
    """Run an archiver as a service until what is waited for holds, then stop it in order."""

    @contextlib.asynccontextmanager
    async def run(**section):
        changed = msgspec.structs.replace(settings.archive, **section)
        archiver = Archiver(msgspec.structs.replace(settings, archive=changed))
        task = asyncio.create_task(archiver.run())
        try:
            yield archiver
        finally:
            archiver.stop()
            await task

    return run


async def until(holds):
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for is a figure, which tells nobody
            await asyncio.sleep(0.02)


def value(archiver, name, **labels):
    return archiver.metrics.registry.get_sample_value(f"weir_archive_{name}", labels)


async def test_an_archiver_is_ready_once_it_reads_topics_and_knows_its_archive(judged, running):
    judged(1)
    async with running() as archiver:
        assert archiver.ready() == {"partitions": False, "archive": False}
        await until(lambda: all(archiver.ready().values()))


async def test_what_waits_for_a_block_is_lag_and_an_archived_block_is_counted(
    judged, running, settings
):
    verdicts = name(settings, "verdicts")
    judged(4)
    async with running(block_seconds=3600) as archiver:
        await until(lambda: value(archiver, "lag", topic=verdicts) == 4)
        await until(lambda: value(archiver, "held_rows") == 8)
        assert value(archiver, "blocks_total") == 0
    assert value(archiver, "blocks_total") == 1
    assert value(archiver, "rows_total", kind="verdicts") == 4
    assert value(archiver, "files", kind="verdicts") > 0
    assert value(archiver, "bytes", kind="messages") > 0
    assert value(archiver, "held_rows") == 0
    assert value(archiver, "lag", topic=verdicts) == 0


async def test_the_age_of_the_last_block_outlives_a_restart(judged, archived, running):
    judged(1)
    archive = await archived()
    async with running() as archiver:
        await until(lambda: archiver.ready()["archive"])
        last = value(archiver, "last_block_timestamp_seconds")
    assert last == archive.manifest.at.timestamp()


def test_merging_and_expiring_are_no_blocks():
    manifest, at = Manifest(), datetime(2026, 11, 22, tzinfo=UTC)
    manifest.apply(Entry(at=at, why="block", ranges=(Range("t", 0, 0, 0, 5),)))
    manifest.apply(Entry(at=at + timedelta(hours=1), why="compacted"))
    assert manifest.at == at


async def found(settings):
    return {it.said: it for it in await look_at_archive(settings)}


async def test_the_doctor_finds_nothing_wrong_with_an_archive_that_has_all(
    judged, archived, settings
):
    judged(3)
    await archived()
    findings = await found(settings)
    assert {it.level for it in findings.values()} == {"fine"}
    assert any(said == "no record waits" for said in findings)
    assert not list(Storage(settings.archive.url).listed("doctor"))


async def test_the_doctor_tells_records_that_nobody_archives(judged, archived, settings):
    judged(1)
    await archived()
    judged(2, first=1)
    at_once = msgspec.structs.replace(settings.archive, block_seconds=1e-9)
    impatient = msgspec.structs.replace(settings, archive=at_once)
    (late,) = [it for it in await look_at_archive(impatient) if it.level != "fine"]
    assert late.said.startswith("4 records wait")
    assert "weir archive run" in late.todo


async def test_the_doctor_names_files_that_are_missing_or_cut(judged, archived, settings):
    judged(2)
    archive = await archived()
    gone, cut = list(archive.manifest.files.values())[:2]
    (Path(settings.archive.url) / gone.path).unlink()
    (Path(settings.archive.url) / cut.path).write_bytes(b"PAR1")
    (broken,) = [it for it in await look_at_archive(settings) if it.level != "fine"]
    assert f"{gone.path} is missing" in broken.said
    assert f"{cut.path} has 4 bytes" in broken.said


async def test_without_an_archive_the_doctor_says_how_one_comes_to_be(settings):
    (finding,) = await look_at_archive(settings)
    assert finding.level == "warning"
    assert "weir archive run" in finding.todo
    none = msgspec.structs.replace(
        settings, archive=msgspec.structs.replace(settings.archive, url="")
    )
    assert [it.level for it in await look_at_archive(none)] == ["fine"]
