import pytest
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner

from streams.delivery import DeliveryError
from streams.local_log import file
from streams.local_log.delivery import LocalDelivery
from streams.wire import Record


async def test_a_record_lies_where_its_future_says(producer, log):
    place = await producer.send_and_wait("mail", b"v", partition=1, headers=[("h", b"c")])
    assert (place.topic, place.partition, place.offset) == ("mail", 1, 0)
    (stored,) = log.read("mail", 1, 0, records=1, size=1)
    assert (stored.value, stored.headers, stored.appended_ms) == (
        b"v",
        (("h", b"c"),),
        place.timestamp,
    )


@pytest.mark.parametrize("key", [b"a", b"b", b"019a0000-0000-7000-8000-000000000000", b"x" * 99])
async def test_a_keys_partition_is_kafkas(producer, key):
    assert await producer.partition_of("mail", key) == DefaultPartitioner()(key, [0, 1], [0, 1])


async def test_records_lie_in_the_order_they_were_sent(producer, log):
    futures = [await producer.send("mail", b"%d" % n, partition=0) for n in range(50)]
    assert [(await future).offset for future in futures] == list(range(50))
    assert [r.value for r in log.read("mail", 0, 0, records=99, size=999)] == [
        b"%d" % n for n in range(50)
    ]


async def test_a_batch_is_appended_as_one(producer, log):
    batch = producer.create_batch()
    for value in (b"a", b"b"):
        assert batch.append(timestamp=None, key=None, value=value, headers=[]) is not None
    batch.close()
    assert (await (await producer.send_batch(batch, "mail", partition=0))).offset == 0
    assert log.part("mail", 0).following == 2


async def test_what_the_log_does_not_take_is_an_error_of_kafkas(producer):
    with pytest.raises(MessageSizeTooLargeError):
        await producer.send_and_wait("mail", b"x" * 2_000, partition=0)
    with pytest.raises(UnknownTopicOrPartitionError):
        await producer.send_and_wait("other", b"x", key=b"k")


def records(*topics):
    return [Record(topic, b"k", topic.encode(), [("h", b"c")]) for topic in topics]


async def test_a_delivery_appends_all_but_replies_which_wait_for_nothing(producer, log):
    answered = []

    def answer(key, value):
        answered.append((key, value, _count(log)))

    deliver = LocalDelivery(producer, "replies", answer, 1)
    assert await deliver(records("mail", "replies", "mail")) == [None, None, None]
    assert answered == [(b"k", b"replies", 0)]
    assert _count(log) == 2


def _count(log):
    return sum(log.part("mail", number).following for number in (0, 1))


async def test_a_record_that_is_too_large_is_refused_alone(producer, log):
    deliver = LocalDelivery(producer, "replies", lambda _key, _value: None, 1)
    large = Record("mail", b"k", b"x" * 2_000, [], 0)
    refusals = await deliver([large, Record("mail", b"k", b"fits", [], 0)])
    assert refusals[1] is None
    assert refusals[0] is not None
    assert "1000 bytes" in refusals[0]
    assert [r.value for r in log.read("mail", 0, 0, records=9, size=9)] == [b"fits"]


async def test_a_muted_delivery_appends_nothing(producer, log):
    deliver = LocalDelivery(producer, "replies", lambda _key, _value: None, 1)
    deliver.muted = True
    assert await deliver(records("mail")) == [None]
    assert log.part("mail", 0).following == log.part("mail", 1).following == 0


async def test_a_log_that_takes_nothing_is_an_error_after_the_time(producer, folder):
    deliver = LocalDelivery(producer, "replies", lambda _key, _value: None, 0.1)
    producer._log._connection.execute("PRAGMA query_only = ON")  # as a disk that takes nothing
    with pytest.raises(DeliveryError, match="did not take 1 records"):
        await deliver(records("mail"))
    with pytest.raises(KafkaError, match=str(file.path_of(folder))):
        await producer.send_and_wait("mail", b"v", partition=0)
