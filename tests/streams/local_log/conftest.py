import pytest

from streams.local_log import administration
from streams.local_log.consumer import LocalConsumer
from streams.local_log.log import LocalLog, TopicRow
from streams.local_log.producer import LocalProducer


@pytest.fixture
def folder(tmp_path):
    """A log with a topic of two partitions that takes records up to 1,000 bytes, kept 10 s."""
    path = str(tmp_path / "weir")
    administration.create(path, [TopicRow("mail", 2, 10_000, 1_000)])
    return path


@pytest.fixture
def log(folder):
    opened = LocalLog(folder)
    yield opened
    opened.close()


@pytest.fixture
async def producer(folder):
    opened = LocalProducer(folder)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.fixture
async def consumer(folder):
    opened = LocalConsumer(folder)
    await opened.start()
    yield opened
    await opened.stop()
