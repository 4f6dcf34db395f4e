"""Spark does what one process does: the same result and digest, and what it can't do is said."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click
import msgspec
import pytest

from apps.replay import spark
from apps.replay.comparing import Comparing
from apps.replay.engines import tallied_by
from apps.replay.request import Request, WhatIf
from apps.replay.running import Run, run_through
from apps.replay.sources import ArchiveSource, TopicSource
from apps.replay.spark import Slice, SparkError, slices
from apps.replay.verify_result import VerifyResult
from apps.replay.verify_task import VerifyTask
from apps.replay.what_if_task import WhatIfTask
from apps.subscriber.archive.manifest import DataFile
from apps.subscriber.archive.running import Archiver
from tests.apps.replay.installation import EXAMPLES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAILS = [path.read_bytes() for path in EXAMPLES[:3]]


def at(minutes):
    return NOW + timedelta(minutes=minutes)


def us(minutes):
    return int(at(minutes).timestamp() * 1_000_000)


def file(since, until, rows):
    return DataFile(
        path=f"{since}",
        kind="verdicts",
        date="2026-03-01",
        tenant="default",
        rows=rows,
        bytes=1,
        since=at(since),
        until=at(until),
    )


async def archived(installation, folder):
    section = msgspec.structs.replace(installation.settings.archive, url=str(folder), raw=True)
    await Archiver(msgspec.structs.replace(installation.settings, archive=section)).run(once=True)


async def done(request, task, empty):
    """Return what a run finds, as plain values; examples come in the order of the work."""
    work = Run(empty, {})
    await run_through(request, request.sources[0], task, work, None)
    return msgspec.to_builtins(work.found)


@pytest.fixture
def spark_session(monkeypatch):
    """One core, and a JVM that compiles little: most of the time is Spark's own start."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto")
    session = spark.open_spark(1)
    yield session
    session.stop()


@pytest.mark.usefixtures("spark_session")
async def test_verify_and_what_if_by_spark_are_those_of_one_process(
    installation, tmp_path, monkeypatch
):
    """Two slices at least, with mail and learned models."""
    folder = tmp_path / "archive"
    installation.receive(MAILS)
    installation.learn(2)
    await archived(installation, folder)
    await asyncio.sleep(0.01)
    installation.receive(MAILS[:1])
    await archived(installation, folder)
    monkeypatch.setattr(
        spark.tallied_by_spark, "__kwdefaults__", {"cores": 1, "mail": True, "at_least": 1}
    )
    what_if = WhatIf(thresholds=("add_header=0.2",))
    alone = Request(installation.settings, (str(folder),), "verify")
    verify = lambda history, archive: VerifyTask(alone.settings, history, archive)  # noqa: E731
    other = lambda history, archive: WhatIfTask(alone.settings, what_if, history, archive)  # noqa: E731

    by_spark = replace(alone, engine="spark")
    found = await done(by_spark, verify, VerifyResult())
    assert found == await done(alone, verify, VerifyResult())
    assert (found["raw"], found["differing_raw"]) == (4, 0)
    monkeypatch.undo()  # one slice will do
    compared = await done(by_spark, other, Comparing(100))
    assert compared == await done(alone, other, Comparing(100))
    assert compared["digest_before"] != compared["digest_after"]


def test_slices_begin_where_files_do_and_never_overlap():
    files = [file(0, 9, 5), file(10, 19, 5), file(12, 30, 5), file(31, 40, 5)]
    found = slices(files, ArchiveSource("x"), at_least=6)
    assert found == [Slice(us(0), us(12)), Slice(us(12), us(40) + 1)]
    assert slices(files, ArchiveSource("x"), at_least=100) == [Slice(us(0), us(40) + 1)]
    assert slices([], ArchiveSource("x")) == []


def test_slices_stay_within_the_time_that_was_asked_for():
    files = [file(0, 9, 5), file(10, 19, 5), file(20, 30, 5)]
    source = ArchiveSource("x", since=at(5), until=at(15))
    assert slices(files, source, at_least=1) == [Slice(us(5), us(10)), Slice(us(10), us(15))]


@pytest.mark.parametrize(
    ("source", "resume", "said"),
    [(TopicSource(), False, "archive"), (ArchiveSource("x"), True, "anew")],
)
def test_what_spark_cannot_do_is_refused(installation, tmp_path, source, resume, said):
    request = Request(
        installation.settings, engine="spark", resume=resume, out=tmp_path / "result.json"
    )
    with pytest.raises(click.UsageError, match=said):
        tallied_by(request, source, None, {}, None)


def test_a_task_that_fails_is_told_in_its_own_words():
    text = (
        "An exception was thrown from the Python worker.\n"
        "Traceback (most recent call last):\n"
        '  File "x.py", line 3, in open\n'
        "apps.replay.materials.MissingError: policy abc isn't kept\n\n\tat org.apache.spark.X\n"
    )
    assert spark._told(text) == "policy abc isn't kept"


def test_without_pyspark_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(SparkError, match="spark extra"):
        spark.open_spark()
