from datetime import UTC, datetime

import pytest

from apps.subscriber.archive.manifest import DataFile, Entry, ManifestFiles, Range
from apps.subscriber.archive.storage import ArchiveError, Storage

AT = datetime(2026, 3, 1, tzinfo=UTC)


def file(path):
    return DataFile(
        path=path,
        kind="verdicts",
        date="2026-03-01",
        tenant="t",
        rows=1,
        bytes=1,
        since=AT,
        until=AT,
    )


def block(path, after, to, *, first=None, partition=0):
    span = Range("v", partition, after, after if first is None else first, to)
    return Entry(at=AT, why="block", ranges=(span,), adds=(file(path),))


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


@pytest.fixture
def entries(storage):
    return ManifestFiles(storage)


def test_who_publishes_the_same_offsets_second_is_passed_over(entries, storage):
    seen = entries.read()
    assert entries.publish(block("a", 0, 10), seen) is not None
    held = [entries.publish(block(name, 10, 20), entries.read()) for name in ("b", "c")]
    assert [it is not None for it in held] == [True, False]
    found = ManifestFiles(storage).read()
    assert (set(found.files), found.ends) == ({"a", "b"}, {("v", 0): 20})


def test_of_two_under_one_number_exactly_one_holds(entries):
    seen = entries.read()
    entries.publish(block("a", 0, 10), seen)
    entries.publish(block("b", 0, 8), seen)
    found = entries.read()
    assert len(found.files) == len(found.overtaken) == 1
    end = found.ends["v", 0]
    assert end == {"a": 10, "b": 8}[next(iter(found.files))]
    assert entries.publish(block("c", end, 20), found) is not None


def test_writers_of_different_partitions_both_hold(entries):
    seen = entries.read()
    assert entries.publish(block("a", 0, 10), seen) is not None
    assert entries.publish(block("b", 0, 8, partition=1), seen) is not None


def test_a_file_is_replaced_once(entries):
    seen = entries.publish(block("a", 0, 10), entries.read())
    for name, holds in (("b", True), ("c", False)):
        entry = Entry(at=AT, why="compact", adds=(file(name),), removes=("a",))
        assert (entries.publish(entry, entries.read()) is not None) is holds
    assert set(entries.read().files) == {"b"}
    assert seen is not None


def test_a_checkpoint_loses_nothing_that_was_published_while_it_was_made(entries):
    seen = entries.publish(block("a", 0, 10), entries.read())
    checkpoint = seen.checkpoint(AT)
    entries.publish(block("b", 10, 20), seen)  # under the number that the checkpoint gets
    entries.publish(checkpoint, seen)
    found = entries.read()
    assert (set(found.files), found.ends) == ({"a", "b"}, {("v", 0): 20})


def test_a_checkpoint_that_came_late_takes_nothing_back(entries):
    seen = entries.publish(block("a", 0, 10), entries.read())
    late = seen.checkpoint(AT)
    after = entries.publish(block("b", 10, 20), seen)
    entries.publish(after.checkpoint(AT), after)
    entries.publish(late, seen)
    found = entries.read()
    assert (set(found.files), found.ends) == ({"a", "b"}, {("v", 0): 20})


def test_offsets_that_expired_are_lost_and_stay_so_in_a_checkpoint(entries):
    entries.publish(block("a", 0, 10), entries.read())
    seen = entries.publish(block("b", 10, 30, first=25), entries.read())
    assert [(it.after, it.first) for it in seen.lost] == [(10, 25)]
    entries.publish(seen.checkpoint(AT), seen)
    assert entries.read().lost == seen.lost


def test_what_had_expired_before_the_archive_began_is_not_lost(entries):
    seen = entries.publish(block("a", 0, 30, first=25), entries.read())
    assert seen.lost == []


def test_a_topic_that_was_made_anew_goes_on_from_its_beginning(entries):
    entries.publish(block("a", 0, 10), entries.read())
    seen = entries.publish(block("b", 10, 3, first=0), entries.read())
    assert (seen.ends, seen.lost) == ({("v", 0): 3}, [])


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'{"at": "2026-03-01T00:00:00Z", "why": "x", "schema": 2}']
)
def test_an_entry_that_cannot_be_read_is_named(storage, entries, content):
    path = "manifest/000000000001-0123456789abcdef.json"
    storage.write(path, content)
    with pytest.raises(ArchiveError, match=path):
        entries.read()


def test_files_of_other_names_are_no_entries(storage, entries):
    storage.write("manifest/notes.txt", b"mine")
    assert entries.read().names == []
