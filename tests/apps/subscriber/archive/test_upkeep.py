"""What is done to an archive beside writing: merging, expiry, forgetting, sweeping, checking."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from apps.analysis.sql import ask
from apps.analysis.tables import open_tables
from apps.subscriber.archive.checking import checked
from apps.subscriber.archive.compacting import compact
from apps.subscriber.archive.describing import described
from apps.subscriber.archive.expiring import expire
from apps.subscriber.archive.forgetting import forget
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.sweeping import sweep
from apps.subscriber.recorded import Unread
from detectors.record import decode
from models.label import Target
from streams.archive_section import ArchiveSection
from streams.label_records import label_record, new_label

NOW = datetime.now(UTC) - timedelta(days=1)
KEPT = ArchiveSection(raw_days=7, vector_days=90, verdict_days=400)


@pytest.fixture
async def filled(judged, archived):
    """An archive of twelve verdicts with their messages, in four blocks."""
    for first in range(0, 12, 3):
        judged(3, first=first)
        archive = await archived()
    return archive


def values(archive):
    return {it.event: it.value for it in archive.recorded()}


def on_disk(archive, kind):
    return len(list(Path(archive.storage.root, kind).rglob("*.parquet")))


async def test_merged_files_say_the_same_in_fewer(filled):
    before, files = values(filled), len(filled.manifest.files)
    assert compact(filled.storage) > 0
    filled.refresh()
    assert values(filled) == before
    assert len(filled.manifest.files) < files
    assert all(it.mail is not None for it in filled.recorded(mail=True))


async def test_a_message_that_lies_twice_stays_twice_when_files_are_merged(judged, archived):
    """Each has a place in the log, and the verdict on the second names that."""
    for _ in range(4):
        judged(2)
        archive = await archived()
    assert compact(archive.storage) > 0
    archive.refresh()
    assert sum(file.rows for file in archive.files("messages")) == 8


async def test_what_lay_twice_in_the_topic_is_archived_once_also_across_a_restart(
    append, archived, judged
):
    (record,) = judged(1)
    append(record.value, headers=tuple(record.headers))
    await archived()
    append(record.value, headers=tuple(record.headers))
    archive = await archived()
    assert sum(batch.num_rows for batch in archive.verdicts()) == 1
    assert archive.manifest.ends["mail.verdicts", 0] == 3


async def test_a_damaged_file_is_named_and_not_merged(filled, damage):
    file = filled.files("verdicts")[0]
    damage(filled.address(file), cut=20)
    said = []
    compact(filled.storage, said.append, fewest=2)
    filled.refresh()
    assert file.path in filled.manifest.files
    assert len(said) == 1
    assert file.path in said[0]


async def test_messages_go_after_their_days_and_verdicts_stay(filled):
    before = values(filled)
    assert expire(filled.storage, KEPT, NOW + timedelta(days=6)) == (0, 0)
    expire(filled.storage, KEPT, NOW + timedelta(days=8))
    filled.refresh()
    assert filled.files("messages") == []
    assert values(filled) == before


async def test_vectors_go_after_theirs_and_the_rest_of_a_verdict_stays(filled):
    before = values(filled)
    expire(filled.storage, KEPT, NOW + timedelta(days=91))
    filled.refresh()
    found = values(filled)
    assert found.keys() == before.keys()
    for event, value in found.items():
        verdict, known = decode(value), decode(before[event])
        assert verdict.features.f32 == ""
        assert (verdict.action, verdict.signals) == (known.action, known.signals)
    assert {file.lacks for file in filled.files("verdicts")} == {("vector",)}
    assert expire(filled.storage, KEPT, NOW + timedelta(days=91)) == (0, 0)


async def test_verdicts_go_after_all(filled):
    expire(filled.storage, KEPT, NOW + timedelta(days=401))
    filled.refresh()
    assert values(filled) == {}


async def test_what_went_is_deleted_once_no_reader_may_have_it_open(filled):
    expire(filled.storage, KEPT, NOW + timedelta(days=8))
    later = datetime.now(UTC)
    sweep(filled.storage, later + timedelta(minutes=30))
    assert on_disk(filled, "messages") > 0
    sweep(filled.storage, later + timedelta(minutes=90))
    assert on_disk(filled, "messages") == 0
    before = values(filled)
    assert len(before) == 12


async def test_a_file_that_a_killed_writer_left_is_deleted(filled):
    filled.storage.write("verdicts/v1/date=2026-01-01/tenant=a/left.parquet", b"half")
    assert sweep(filled.storage, datetime.now(UTC)) == 0
    assert sweep(filled.storage, datetime.now(UTC) + timedelta(minutes=90)) == 1
    assert on_disk(filled, "verdicts") == len(filled.files("verdicts"))


async def test_a_checkpoint_stands_for_the_entries_before_it(filled):
    before = values(filled)
    entries = len(filled.manifest.names)
    sweep(filled.storage, datetime.now(UTC) + timedelta(minutes=90))
    again = Archive.open(filled.storage.url)
    assert len(again.manifest.names) == 1 < entries
    assert (values(again), again.manifest.ends) == (before, filled.manifest.ends)


async def test_a_message_is_forgotten_at_once_and_its_verdict_stays(filled):
    before = values(filled)
    assert forget(filled.storage, {"m-4"}) == 1
    filled.refresh()
    mails = {it.event: it.mail is not None for it in filled.recorded(mail=True)}
    assert [event for event, there in mails.items() if not there] == ["m-4.judged"]
    assert values(filled) == before
    assert on_disk(filled, "messages") == len(filled.files("messages"))


async def test_nothing_of_a_forgotten_message_stays_in_files_that_were_merged_before(filled):
    folder = Path(filled.storage.root, "messages")
    assert compact(filled.storage, fewest=2) > 0

    def holding():
        tables = [pq.ParquetFile(path).read().to_pylist() for path in folder.rglob("*.parquet")]
        return sum(row["id"] == "m-4" for rows in tables for row in rows)

    assert holding() == 2
    assert forget(filled.storage, {"m-4"}) == 1
    assert holding() == 0


async def test_what_a_killed_writer_began_is_deleted_too(filled):
    begun = "messages/v1/.0.parquet.a1b2c3d4"
    filled.storage.write(begun, b"somebody's mail")
    sweep(filled.storage, datetime.now(UTC))
    assert filled.storage.holds(begun)
    sweep(filled.storage, datetime.now(UTC) + timedelta(minutes=90))
    assert not filled.storage.holds(begun)


async def test_a_record_that_had_to_go_with_its_vector_is_told_as_none(append, archived, judged):
    judged(1)
    append(b"no verdict", headers=(("ce_id", b"odd"),))
    archive = await archived()
    expire(archive.storage, KEPT, NOW + timedelta(days=92))
    archive.refresh()
    found = {it.event: bool(it.value) for it in archive.recorded()}
    assert found == {"m-0.judged": True, "odd": False}


async def test_a_refused_label_brings_no_message_into_the_archive(append, archived):
    label = new_label(Target(raw=b"Subject: private"), "spam", "analyst", given_at=NOW)
    record = label_record("l", label, source="/test")
    refused = record.value.replace(b'"truth":"spam"', b'"truth":"dull"')
    assert refused != record.value
    for value in (record.value, refused):
        append(value, role="labels", headers=tuple(record.headers))
    archive = await archived()
    files = [archive.address(file) for file in archive.files("labels")]
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    private = base64.b64encode(b"Subject: private")
    assert [private in row["record"] for row in rows] == [False, False]


async def test_a_record_whose_bytes_are_no_text_spoils_no_question(append, archived, judged):
    (known,) = judged(1)
    odd = known.value.replace(b'"id":"m-0"', b'"odd":"\xff","id":"m-1"')
    append(odd, headers=(("ce_id", b"odd"),))
    archive = await archived()
    rows = list(ask(open_tables(archive).duckdb, "SELECT id, record FROM records ORDER BY id").rows)
    assert [(ident, record is None) for ident, record in rows] == [("m-0", False), ("m-1", True)]


async def test_a_verdict_is_forgotten_where_that_is_asked(filled):
    assert forget(filled.storage, {"m-4"}, verdicts=True) == 2
    filled.refresh()
    assert "m-4.judged" not in values(filled)
    assert forget(filled.storage, {"m-4"}, verdicts=True) == 0


async def test_a_check_names_what_is_missing_or_damaged(filled, damage):
    url = filled.storage.url
    assert checked(url).complaints == []
    missing, damaged = filled.files("verdicts")[:2]
    filled.storage.delete(missing.path)
    damage(filled.address(damaged))
    for held in filled.storage.listed("policies"):
        filled.storage.delete(held.path)
    policy, *files = sorted(checked(url).complaints)
    assert policy.startswith("policy ")
    assert [line.partition(":")[0] for line in files] == sorted([missing.path, damaged.path])


async def test_a_missing_file_is_named_and_the_rest_is_read(filled):
    file = filled.files("verdicts")[0]
    filled.storage.delete(file.path)
    told: list[Unread] = []
    archive = Archive.open(filled.storage.url, told.append)
    assert len(values(archive)) == 12 - file.rows
    assert [it.place for it in told] == [file.path]


async def test_status_counts_what_is_there(filled):
    found = described(filled.storage.url)
    assert found["kinds"]["verdicts"]["rows"] == 12
    assert found["kinds"]["messages"]["rows"] == 12
    assert sum(found["ends"].values()) == 24
    assert found["lost"] == []
