import sqlite3
import time

import pytest
from aiokafka.errors import MessageSizeTooLargeError, UnknownTopicOrPartitionError

from streams.local_log import administration, file
from streams.local_log.file import LogFileError
from streams.local_log.log import LocalLog, TopicRow, Written


def record(value=b"v", partition=0, key=b"k"):
    return Written("mail", partition, key, value, (("name", b"content"),))


def values(log, partition=0, start=0, records=100, size=1_000_000):
    return [r.value for r in log.read("mail", partition, start, records=records, size=size)]


def test_what_was_appended_is_read_back_whole(log):
    before = int(time.time() * 1000)
    (place,) = log.append([record()])
    (stored,) = log.read("mail", 0, 0, records=10, size=10)
    assert (place.partition, place.offset) == (0, 0)
    assert stored.offset == 0
    assert before <= stored.appended_ms == place.appended_ms <= time.time() * 1000
    assert (stored.key, stored.value, stored.headers) == (b"k", b"v", (("name", b"content"),))


def test_offsets_count_each_partition_by_itself(log):
    places = log.append([record(), record(partition=1), record()])
    assert [(p.partition, p.offset) for p in places] == [(0, 0), (1, 0), (0, 1)]
    assert log.part("mail", 0).following == 2


def test_of_a_transaction_all_or_nothing_is_appended(log):
    with pytest.raises(MessageSizeTooLargeError, match="mail takes records up to 1000 bytes"):
        log.append([record(), record(b"x" * 1_001)])
    assert values(log) == []
    assert log.part("mail", 0).following == 0


def test_a_topic_or_partition_that_is_not_there_is_refused(log):
    with pytest.raises(UnknownTopicOrPartitionError):
        log.append([record(partition=2)])
    with pytest.raises(UnknownTopicOrPartitionError):
        log.read("other", 0, 0, records=1, size=1)


def test_reading_is_bounded_by_records_and_bytes_and_gives_one_at_least(log):
    log.append([record(b"a" * 100), record(b"b" * 100), record(b"c" * 100)])
    assert len(values(log, records=2)) == 2
    assert len(values(log, size=250)) == 2
    assert len(values(log, size=1)) == 1
    assert values(log, start=2) == [b"c" * 100]


def test_times_never_fall_though_the_clock_does(log, monkeypatch):
    log.append([record()])
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000)
    (later,) = log.append([record()])
    assert later.appended_ms > 5


def test_the_first_offset_since_a_time_is_found(log, monkeypatch):
    for moment in (100, 100, 200, 300):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        log.append([record()])
    assert log.offset_at("mail", 0, 0) == (0, 100)
    assert log.offset_at("mail", 0, 101) == (2, 200)
    assert log.offset_at("mail", 0, 300) == (3, 300)
    assert log.offset_at("mail", 0, 301) is None


def test_what_is_too_old_goes_and_offsets_go_on(log, monkeypatch):
    for moment in (0, 1_000, 20_000):
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        log.append([record(b"at %d" % moment)])
    assert log.retire(11_500) == 2
    assert log.retire(11_500) == 0
    assert values(log) == [b"at 20000"]
    assert log.part("mail", 0).first == 2
    assert log.retire(100_000) == 1
    assert log.append([record()])[0].offset == 3


def test_mail_that_was_given_up_is_no_longer_in_the_file(log, folder):
    log.append([record(b"a secret " * 50)])
    log.retire(int(time.time() * 1000) + 60_000)
    log._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"a secret" not in file.path_of(folder).read_bytes()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET value = x'00'",
        "DELETE FROM record",
        "UPDATE part SET following = 0",
        "DELETE FROM part",
    ],
)
def test_no_program_changes_what_was_appended(log, folder, statement):
    log.append([record()])
    other = sqlite3.connect(file.path_of(folder))
    with pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    other.close()


def test_two_connections_append_to_one_log(log, folder):
    other = LocalLog(folder)
    log.append([record(b"a")])
    other.append([record(b"b")])
    log.append([record(b"c")])
    other.close()
    assert values(log) == [b"a", b"b", b"c"]


def test_making_topics_again_keeps_them_and_takes_over_their_limits(log, folder):
    epoch = log.topics()["mail"].epoch
    made = administration.create(folder, [TopicRow("mail", 9, 5, 7), TopicRow("new", 1, 5, 7)])
    assert list(made) == ["new"]
    assert log.topics()["mail"] == TopicRow("mail", 2, 5, 7, epoch)


def test_two_logs_have_two_epochs(folder, tmp_path):
    other = administration.create(str(tmp_path / "b"), [TopicRow("mail", 2, 1, 1)])
    assert other["mail"] != administration.topics(folder)["mail"].epoch


def test_a_log_is_its_owners_alone(folder):
    assert file.path_of(folder).stat().st_mode & 0o077 == 0
    assert file.path_of(folder).parent.stat().st_mode & 0o077 == 0


def _foreign(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()


def _newer(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"no database" * 1_000), "file is not a database"),
        (lambda path: path.unlink(), "there is none; `weir hook --embedded` makes it"),
        (_newer, "its version is 9; allowed: 1"),
    ],
)
def test_a_log_that_is_none_is_refused_in_one_line(folder, spoil, says):
    path = file.path_of(folder)
    spoil(path)
    with pytest.raises(LogFileError, match=says) as caught:
        LocalLog(folder)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_programs_database_is_left_alone(tmp_path):
    _foreign(tmp_path / "log.sqlite")
    with pytest.raises(LogFileError, match="another program's database"):
        administration.create(str(tmp_path), [TopicRow("mail", 1, 1, 1)])
    tables = sqlite3.connect(tmp_path / "log.sqlite").execute("SELECT name FROM sqlite_master")
    assert tables.fetchall() == [("other",)]


def test_a_damaged_log_says_so_in_one_line(log, folder):
    log.append([record(b"x" * 900)] * 100)
    log.close()
    path = file.path_of(folder)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LogFileError, match="malformed"):
        LocalLog(folder).topics()


def test_over_its_bytes_the_oldest_of_some_topics_goes_and_no_other(folder, log):
    administration.create(folder, [TopicRow("labels", 1, 10_000, 1_000)])
    log.append([Written("labels", 0, b"k", b"oldest")])
    for _ in range(5):
        log.append(
            [Written("mail", number, b"k", b"m" * 900) for number in (0, 1) for _ in range(200)]
        )
    assert log.shrink(["mail"], 100_000_000) == 0
    while log.shrink(["mail"], 800_000):
        pass
    kept = [log.part("mail", number) for number in (0, 1)]
    assert all(0 < part.first < part.following == 1_000 for part in kept)
    assert values(log)[-1] == b"m" * 900
    assert log.part("labels", 0).first == 0
    while log.shrink(["mail"], 0):
        pass
    assert [log.part("mail", number).first for number in (0, 1)] == [1_000, 1_000]
