import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.local_log.consumer import LocalConsumer
from streams.local_log.log import LocalLog, Written

PLACES = [TopicPartition("mail", 0), TopicPartition("mail", 1)]
FIRST, SECOND = PLACES


@pytest.fixture
def append(folder):
    def values(*values, partition=0):
        log = LocalLog(folder)
        log.append([Written("mail", partition, b"k", value, (("h", b"c"),)) for value in values])
        log.close()

    return values


async def test_a_record_is_what_kafkas_consumer_gives(append, consumer):
    append(b"a")
    consumer.assign(PLACES)
    await consumer.seek_to_beginning()
    record = (await consumer.getmany())[FIRST][0]
    assert (record.topic, record.partition, record.offset) == ("mail", 0, 0)
    assert (record.key, record.value, record.headers) == (b"k", b"a", (("h", b"c"),))
    assert record.timestamp_type == 1
    assert await consumer.position(FIRST) == 1


async def test_without_a_seek_reading_begins_at_the_end(append, consumer):
    append(b"before")
    consumer.assign(PLACES)
    assert await consumer.getmany() == {}
    append(b"after")
    assert (await consumer.getone()).value == b"after"


async def test_what_another_appends_meanwhile_is_waited_for(append, consumer):
    consumer.assign(PLACES)
    await consumer.seek_to_end()
    waiting = asyncio.create_task(consumer.getmany(timeout_ms=20_000))
    await asyncio.sleep(0.1)
    append(b"late", partition=1)
    assert [r.value for r in (await waiting)[SECOND]] == [b"late"]


async def test_paused_partitions_have_nothing_until_they_are_resumed(append, consumer):
    append(b"a")
    append(b"b", partition=1)
    consumer.assign(PLACES)
    await consumer.seek_to_beginning()
    consumer.pause(FIRST)
    assert list(await consumer.getmany()) == [SECOND]
    consumer.resume(FIRST)
    assert list(await consumer.getmany()) == [FIRST]


async def test_a_call_takes_so_many_records_and_of_partitions_that_are_named(append, consumer):
    append(b"a", b"b", b"c")
    append(b"d", partition=1)
    consumer.assign(PLACES)
    await consumer.seek_to_beginning()
    assert [r.value for r in (await consumer.getmany(FIRST, max_records=2))[FIRST]] == [b"a", b"b"]
    assert list(await consumer.getmany(SECOND)) == [SECOND]


async def test_ends_and_times_are_told(append, consumer):
    append(b"a", b"b")
    assert await consumer.beginning_offsets(PLACES) == {FIRST: 0, SECOND: 0}
    assert await consumer.end_offsets(PLACES) == {FIRST: 2, SECOND: 0}
    found = await consumer.offsets_for_times({FIRST: 0, SECOND: 0})
    assert found[FIRST].offset == 0
    assert found[SECOND] is None


async def test_an_offset_that_is_gone_goes_on_at_the_first_that_is_there(append, consumer, log):
    append(b"old")
    log.retire(2**50)
    append(b"new")
    consumer.assign([FIRST])
    consumer.seek(FIRST, 0)
    assert (await consumer.getone()).value == b"new"


async def test_a_strict_reader_is_told_which_offsets_are_gone(append, folder, log):
    append(b"old")
    log.retire(2**50)
    strict = LocalConsumer(folder, strict=True)
    await strict.start()
    strict.assign(PLACES)
    strict.seek(FIRST, 0)
    with pytest.raises(OffsetOutOfRangeError) as caught:
        await strict.getmany()
    assert caught.value.args[0] == {FIRST: 0}
    await strict.stop()


async def test_a_seek_while_it_reads_is_not_undone_by_what_it_read(append, consumer):
    append(b"a", b"b")
    consumer.assign([FIRST])
    consumer.seek(FIRST, 0)
    reading = asyncio.create_task(consumer.getmany())
    await asyncio.sleep(0)
    consumer.seek(FIRST, 1)
    await reading
    assert [r.value for r in (await consumer.getmany()).get(FIRST, [])] in ([b"b"], [])
    assert await consumer.position(FIRST) == 2
