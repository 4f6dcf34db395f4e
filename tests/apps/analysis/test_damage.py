import duckdb
import pytest

from apps.analysis.damage import over
from apps.analysis.searching import search_archive
from apps.analysis.sought import Sought
from apps.analysis.sql import SqlError, ask


def count(tables):
    return next(ask(tables.duckdb, "SELECT count(*), min(score) FROM records").rows)[0]


@pytest.fixture
def damaged(archive, verdicts):
    """Damage pages of one day's file; return the archive and the file."""
    held = archive([verdict for verdict in verdicts if verdict.tenant == "default"])
    file = held.files("verdicts")[0]
    content = bytearray(held.storage.read(file.path))
    for at in range(100, len(content) // 2, 50):
        content[at] ^= 0xFF
    held.storage.write(file.path, bytes(content))
    return held, file


def test_a_damaged_file_is_named_and_the_rest_is_asked(damaged):
    held, file = damaged
    told = []
    rows = sum(it.rows for it in held.files("verdicts"))
    assert over(held, count, told.append) == rows - file.rows
    assert [unread.place for unread in told] == [file.path]


def test_a_damaged_file_is_named_and_the_rest_is_searched(damaged):
    held, file = damaged
    told = []
    hits = over(held, lambda tables: list(search_archive(held, tables, Sought())), told.append)
    assert {str(v.received_at.date()) for v, _ in hits} == {"2025-11-21", "2025-11-22"}
    assert [unread.place for unread in told] == [file.path]


def test_what_was_merged_into_another_file_meanwhile_is_asked_there(archive, verdicts):
    held = archive(verdicts[:5])
    (old,) = [file for file in held.files("verdicts") if file.tenant == "default"]
    fresh = archive(verdicts[5:10])
    held.storage.delete(old.path)
    told = []
    with pytest.raises(SqlError):
        over(fresh, lambda tables: list(ask(tables.duckdb, "SELECT nothing").rows), told.append)
    assert told == []
    assert over(fresh, count, told.append) == 10 - old.rows
    assert [unread.place for unread in told] == [old.path]


def test_a_mistake_in_the_question_is_no_damage(archive, verdicts):
    told = []
    with pytest.raises(duckdb.Error):
        over(archive(verdicts[:3]), lambda tables: tables.duckdb.sql("SELCT"), told.append)
    assert told == []
