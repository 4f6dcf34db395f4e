import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import orjson
import pytest

from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.running import Archiver
from apps.subscriber.archive.storage import ArchiveError
from apps.subscriber.recorded import incoming_of
from detectors.record import decode, encode
from models.label import Target
from streams.label_records import label_record, new_label

ROOT = Path(__file__).parents[4]
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from apps.subscriber.archive.running import Archiver
from streams.settings import load

wanted, late = sys.argv[2], sys.argv[3] == "after"
replace = Path.replace

def killed(self, target):
    chosen = wanted in str(target)
    if chosen and not late:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(self, target)
    if chosen:
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = killed
asyncio.run(Archiver(load(Path(sys.argv[1]), os.environ)).run(once=True))
"""


def files_below(folder):
    return list(Path(folder).rglob("*.parquet"))


def header(record, name):
    return dict(record.headers)[name].decode()


async def test_recorded_bytes_come_back_byte_for_byte(judged, archived):
    records = judged(20)
    archive = await archived()
    found = {it.event: it.value for it in archive.recorded()}
    assert found == {header(record, "ce_id"): record.value for record in records}


async def test_most_of_a_vector_is_not_kept_as_text(judged, archived):
    judged(3)
    archive = await archived()
    (batch,) = archive.verdicts(columns=["record", "vector", "tenant"])
    rows = batch.to_pylist()
    assert all(len(row["vector"]) == 266 * 4 and b'"f32":""' in row["record"] for row in rows)
    assert {row["tenant"] for row in rows} == {"default"}


async def test_a_verdict_of_another_release_comes_back_as_it_was(append, archived, judged):
    (known,) = judged(1)
    older = orjson.loads(known.value) | {"id": "older", "new_field": [1, {"f32": "AAAA"}]}
    del older["basis"], older["ask"], older["fingerprint"]
    spaced = orjson.dumps(older, option=orjson.OPT_INDENT_2)  # other bytes for the same
    nothing = b"\xff{not a verdict"
    for name, value in (("older", spaced), ("none", nothing)):
        append(value, headers=(("ce_id", name.encode()),))
    archive = await archived()
    found = {it.event: it.value for it in archive.recorded()}
    assert (found["older"], found["none"]) == (spaced, nothing)


@pytest.mark.parametrize(
    "fields",
    [
        {"received_at": "0001-01-01T00:00:00+10:00"},
        {"received_at": "9999-12-31T23:59:59-10:00"},
        {"rcpt_count": 1 << 31},
        {"revision": -(1 << 31) - 1},
        {"logit": 1 << 63},
        {"log": {"epoch": "e", "partition": 0, "offset": 1 << 63}},
        {"signals": [{"name": "s", "group": "g", "contribution": 1 << 63}]},
        {"tenant": "a/../../../outside"},
        {"tenant": "a\0"},
        {"tenant": "a" * 300},
        {"tenant": ""},
        {"policy": "a" * 300},
        {"policy": "../../outside"},
    ],
)
async def test_what_no_column_or_folder_can_hold_is_kept_and_stops_nothing(
    append, archived, judged, settings, fields
):
    (known,) = judged(1)
    odd = json.dumps(json.loads(known.value) | {"id": "odd"} | fields).encode()
    append(odd, headers=(("ce_id", b"odd"),))
    archive = await archived()
    assert {it.event: it.value for it in archive.recorded()}["odd"] == odd
    assert len(files_below(settings.archive.url)) == len(archive.manifest.files)


async def test_verdicts_come_in_the_order_of_receipt_with_their_messages(judged, archived):
    judged(20, tenant="a")
    await archived()
    judged(10, first=125, tenant="a")  # received among the others
    judged(10, first=210, tenant="b")
    archive = await archived()
    assert len(archive.files("verdicts")) == 3
    found = list(archive.recorded(mail=True))
    verdicts = [decode(it.value) for it in found]
    order = [(it.received_at, it.log.partition, it.log.offset) for it in verdicts]
    assert len(order) == 40
    assert all(one < other for one, other in pairwise(order))
    for it, verdict in zip(found, verdicts, strict=True):
        message = incoming_of(it.mail, verdict.log)
        assert message.envelope.id == verdict.id
        assert message.envelope.tenant == verdict.tenant


async def test_what_is_archived_verifies_from_the_raw_message(judged, archived, core):
    judged(5)
    archive = await archived()
    for it in archive.recorded(mail=True):
        message = incoming_of(it.mail, decode(it.value).log)
        assert encode(core.judge([message])[0].verdict) == it.value


async def test_without_the_setting_no_message_is_kept(judged, archived):
    judged(3)
    archive = await archived(raw=False)
    assert archive.files("messages") == []
    assert [it.mail for it in archive.recorded(mail=True)] == [None] * 3


async def test_a_second_run_archives_what_came_since_and_nothing_twice(judged, archived):
    judged(10)
    await archived()
    judged(10, first=10)
    archive = await archived()
    assert sum(batch.num_rows for batch in archive.verdicts()) == 20


async def test_an_event_that_lay_twice_in_the_topic_comes_once_the_first(append, archived, judged):
    (record,) = judged(1)
    append(record.value + b" ", headers=tuple(record.headers))
    archive = await archived()
    assert [it.value for it in archive.recorded()] == [record.value]


async def test_choosing_by_id_time_and_tenant(judged, archived):
    judged(10, tenant="a")
    judged(10, first=10, tenant="b")
    archive = await archived()
    assert [it.event for it in archive.recorded(ids={"m-7"})] == ["m-7.judged"]
    times = sorted(decode(it.value).received_at for it in archive.recorded())
    some = archive.recorded(since=times[5], until=times[15], tenants={"b"})
    found = [decode(it.value) for it in some]
    assert all(it.tenant == "b" and times[5] <= it.received_at < times[15] for it in found)
    assert len(found) == 5


async def test_labels_come_back_without_a_message_that_they_brought(append, archived, settings):
    now = datetime.now(UTC)
    by_id = new_label(Target(id="m-1"), "spam", "analyst", given_at=now)
    by_raw = new_label(Target(raw=b"From: a@b\n\nsecret\n"), "ham", "analyst", given_at=now)
    for label in (by_id, by_raw):
        record = label_record("t", label, source="/test")
        append(record.value, role="labels", headers=tuple(record.headers))
    archive = await archived()
    first, second = archive.labels()
    assert first.label == by_id
    assert first.target == "id:m-1"
    assert second.target.startswith("raw:")
    assert second.label.of.raw is None
    assert not any(b"secret" in path.read_bytes() for path in files_below(settings.archive.url))


async def test_the_policy_of_a_verdict_is_kept_with_it(judged, archived):
    (record,) = judged(1)
    archive = await archived()
    digest = decode(record.value).policy
    assert archive.policy(digest).digest == digest
    assert archive.policy("0" * 16) is None


async def test_a_range_that_expired_before_it_was_archived_is_told(judged, archived, expire):
    judged(4)
    await archived()
    judged(4, first=4)
    expire()
    judged(2, first=8)
    archive = await archived()
    lost = {(part.partition, part.after, part.first) for part in archive.manifest.lost}
    assert lost == {(0, 2, 4), (1, 2, 4)}
    assert len(list(archive.recorded())) == 6


async def test_a_damaged_file_is_named_and_the_rest_is_read(judged, archived, settings, damage):
    judged(6, tenant="a")
    judged(6, first=6, tenant="b")
    archive = await archived()
    damaged, *_ = [file for file in archive.files("verdicts") if file.tenant == "a"]
    damage(archive.address(damaged))
    told = []
    archive = Archive.open(settings.archive.url, told.append)
    assert {decode(it.value).tenant for it in archive.recorded()} >= {"b"}
    assert [it.place for it in told] == [damaged.path]


async def test_a_file_of_another_schema_is_named(judged, archived, settings):
    judged(2)
    archive = await archived()
    (file,) = archive.files("verdicts")
    archive.manifest.files[file.path] = msgspec.structs.replace(file, schema=2)
    told = []
    other = Archive(archive.storage, archive.manifest, told.append)
    assert list(other.recorded()) == []
    assert told == [(file.path, "schema 2; this release reads 1")]


def test_a_folder_without_a_manifest_is_no_archive(tmp_path):
    with pytest.raises(ArchiveError, match="is no archive"):
        Archive.open(str(tmp_path))


async def test_two_writers_at_once_archive_everything_once(judged, settings):
    judged(12)
    first, second = Archiver(settings), Archiver(settings)
    nothing, read = second._entries.read(), second._entries.read
    reads = []

    def as_if_it_had_read_before_the_first_published():
        reads.append(1)
        return nothing if len(reads) == 1 else read()

    await first.run(once=True)
    second._entries.read = as_if_it_had_read_before_the_first_published
    await second.run(once=True)
    archive = Archive.open(settings.archive.url)
    assert sum(batch.num_rows for batch in archive.verdicts()) == 12
    assert len(archive.manifest.overtaken) == 1


async def test_a_writer_behind_whose_block_another_has_gone_on_archives_nothing_twice(
    judged, settings
):
    judged(6)
    paused, other = Archiver(settings), Archiver(settings)
    publish = paused._entries.publish

    def publish_and_sleep(entry, seen):
        publish(entry, seen)
        judged(6, first=6)
        asyncio.run(other.run(once=True))
        return paused._entries.read()

    paused._entries.publish = publish_and_sleep
    running = asyncio.create_task(paused.run())
    while other.blocks == 0:  # noqa: ASYNC110 - a figure, which tells nobody
        await asyncio.sleep(0.01)
    paused._entries.publish = publish
    judged(6, first=12)
    while paused.rows + other.rows < 36:  # noqa: ASYNC110 - a figure, which tells nobody
        await asyncio.sleep(0.01)
    paused.stop()
    await running
    archive = Archive.open(settings.archive.url)
    for kind in ("verdicts", "messages"):
        assert sum(file.rows for file in archive.files(kind)) == 18
    assert len({it.event for it in archive.recorded()}) == 18


@pytest.mark.parametrize(
    ("file", "moment"), [("/verdicts/", "after"), ("/manifest/", "before"), ("/manifest/", "after")]
)
async def test_a_writer_killed_while_it_publishes_leaves_nothing_half_and_nothing_twice(
    judged, archived, settings, tmp_path, file, moment
):
    judged(10)
    config = tmp_path / "weir.toml"
    config.write_text(
        f"[embedded]\nfolder = {json.dumps(settings.embedded.folder)}\n[topics]\npartitions = 2\n"
        f"[archive]\nurl = {json.dumps(settings.archive.url)}\nraw = true\n"
    )
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, str(config), file, moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    left = len(files_below(settings.archive.url))
    assert left > 0
    archive = await archived()
    assert sum(batch.num_rows for batch in archive.verdicts()) == 10
    assert all(it.mail is not None for it in archive.recorded(mail=True))
    again = len(files_below(settings.archive.url))
    assert (again == left) == (moment == "after" and file == "/manifest/")
