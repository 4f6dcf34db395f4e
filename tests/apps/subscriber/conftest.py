"""An embedded installation's local log: subscribers read it as they read Kafka."""

import pytest

from streams.local_log.log import LocalLog, Written
from streams.settings import load
from streams.topics import create, name


@pytest.fixture
async def settings(tmp_path):
    """An installation with two partitions of messages and verdicts."""
    made = load(
        None,
        {"WEIR_EMBEDDED__FOLDER": str(tmp_path / "weir"), "WEIR_TOPICS__PARTITIONS": "2"},
    )

    async def new_epoch(topic, epoch):
        pass

    await create(made, new_epoch)
    return made


@pytest.fixture
def append(settings):
    """Append values to a partition of a topic."""

    def values(*values, role="verdicts", partition=0, headers=(), key=b"k"):
        log = LocalLog(settings.embedded.folder)
        topic = name(settings, role)
        places = log.append([Written(topic, partition, key, value, headers) for value in values])
        log.close()
        return places

    return values


@pytest.fixture
def expire(settings):
    """Give up the records of a topic that were appended so far, as retention does."""

    def give_up(role="verdicts"):
        log = LocalLog(settings.embedded.folder)
        row = log.topics()[name(settings, role)]
        log.create([row._replace(retention_ms=0)])
        while log.retire(1 << 50):
            pass
        log.create([row])
        log.close()

    return give_up
