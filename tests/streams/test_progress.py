from faust.types import TP

from streams.metrics import Metrics
from streams.progress import Progress

ONE, TWO = TP("mail.messages", 1), TP("mail.messages", 2)


class Consumer:
    """Faust's consumer as far as progress asks it: ends, starts and commits by partition."""

    def __init__(self, ends, starts, committed):
        self.ends, self.starts, self._committed_offset = ends, starts, committed
        self.asked = []
        self.empty = set()

    def assignment(self):
        return set(self.ends)

    async def highwaters(self, *_):
        if isinstance(self.ends.get(ONE), Exception):
            raise self.ends[ONE]
        return self.ends

    async def earliest_offsets(self, *_):
        return self.starts

    async def exhausted(self, tp, acked, end):
        self.asked.append((tp, acked, end))
        return tp in self.empty


def lag(metrics, partition):
    return metrics.registry.get_sample_value("weir_lag", {"partition": str(partition)})


async def test_lag_counts_from_the_commit_or_what_retention_left_or_the_last_ack(arrive):
    metrics = Metrics()
    progress = Progress(metrics)
    consumer = Consumer({ONE: 100, TWO: 50}, {ONE: 0, TWO: 45}, {ONE: 90, TWO: None})
    assert await progress.waiting(consumer) == 15
    assert (lag(metrics, 1), lag(metrics, 2)) == (10, 5)
    arrival = arrive()
    progress.acknowledged(
        arrival._replace(position=arrival.position._replace(partition=1, offset=97))
    )
    assert await progress.waiting(consumer) == 7
    progress.revoked([ONE])
    consumer.ends = {TWO: 50}
    assert await progress.waiting(consumer) == 5
    assert lag(metrics, 1) is None


async def test_a_broker_that_is_away_tells_nothing():
    progress = Progress(Metrics())
    assert await progress.waiting(Consumer({ONE: ConnectionError()}, {}, {})) is None


async def test_without_partitions_nothing_waits():
    assert await Progress(Metrics()).waiting(Consumer({}, {}, {})) == 0


async def test_offsets_that_no_consumer_sees_are_no_lag():
    """Markers of a publisher's transactions end the log: the watchdog would call it a stall."""
    metrics = Metrics()
    consumer = Consumer({ONE: 100, TWO: 50}, {ONE: 0, TWO: 0}, {ONE: 99, TWO: 50})
    consumer.empty = {ONE}
    assert await Progress(metrics).waiting(consumer) == 0
    assert consumer.asked == [(ONE, 99, 100)]
    assert lag(metrics, 1) == 0
