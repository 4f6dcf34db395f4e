import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from streams.delivery import Delivery, DeliveryError
from streams.wire import Record

A, B, C = (Record("t", key, b"", []) for key in (b"a", b"b", b"c"))


class Producer:
    """Fails each key's first sends as a test says: when handed over, or when acknowledged."""

    def __init__(self):
        self.at_send = {}
        self.at_ack = {}
        self.taken = []

    async def send(self, record):
        if self.at_send.get(record.key):
            raise self.at_send[record.key].pop(0)
        future = asyncio.get_running_loop().create_future()
        if self.at_ack.get(record.key):
            future.set_exception(self.at_ack[record.key].pop(0))
        else:
            self.taken.append(record.key)
            future.set_result(None)
        return future


@pytest.fixture
def producer():
    return Producer()


async def test_what_failed_is_sent_again_and_nothing_else(producer):
    producer.at_ack[b"b"] = [KafkaConnectionError("away"), KafkaConnectionError("away")]
    producer.at_send[b"c"] = [KafkaConnectionError("away")]
    resent = []
    deliver = Delivery(producer.send, seconds=5, pause=0, on_resend=resent.append)
    assert await deliver([A, B, C]) == [None, None, None]
    assert sorted(producer.taken) == [b"a", b"b", b"c"]
    assert resent == [2, 1]


async def test_what_can_never_be_taken_is_told_and_not_tried_again(producer):
    error = RuntimeError("Error while sending")
    error.__cause__ = MessageSizeTooLargeError("too large")
    producer.at_send[b"b"] = [error]
    producer.at_ack[b"c"] = [AssertionError("Unrecognized partition")]
    outcome = await Delivery(producer.send, seconds=5, pause=0)([A, B, C])
    assert outcome[0] is None
    assert outcome[1].startswith("MessageSizeTooLargeError")
    assert outcome[2].startswith("AssertionError")
    assert producer.taken == [b"a"]


async def test_a_broker_that_stays_away_ends_it(producer):
    producer.at_ack[b"a"] = [KafkaConnectionError("away") for _ in range(1000)]
    with pytest.raises(DeliveryError, match="did not take 1 records within"):
        await Delivery(producer.send, seconds=0.05, pause=0.01)([A, B])


async def test_nothing_to_deliver_is_delivered(producer):
    assert await Delivery(producer.send, seconds=1)([]) == []
