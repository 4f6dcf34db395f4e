"""Batches of messages and verdicts, read by place on a real Kafka."""

import random

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from msgspec.structs import replace

from detectors.record import encode
from detectors.verdict import LogPlace
from features.envelope import LogPosition
from streams.labels.mail_log import open_mail_log
from streams.labels.verdict_scan import Wanted
from streams.settings import load
from streams.wire import Record
from tests.detectors.test_record import VERDICT

pytestmark = pytest.mark.integration

MESSAGES = 60


async def test_a_batch_is_read_as_its_messages_one_by_one_are(installation, mail):
    await installation.send([installation.record(mail(number)) for number in range(MESSAGES)])
    sent = await installation.read("messages", lambda found: len(found) >= MESSAGES)
    places = {LogPosition("e", it.partition, it.offset): it for it in sent}
    beyond = [LogPosition("e", it.partition, it.offset + 1_000) for it in sent[:3]]
    others = [LogPosition("another", 0, 0), LogPosition("e", 99, 0)]
    topic = installation.topic("verdicts")
    judged = {
        place: replace(VERDICT, id=it.key.decode(), log=LogPlace(*place))
        for place, it in places.items()
    }
    values = [Record(topic, it.id.encode(), encode(it), []) for it in judged.values()]
    await installation.send(values[:-5])
    settings = load(installation.config, {})
    async with open_mail_log(settings, "e", settings.topics.partitions) as log:
        asked = random.Random(1).sample([*places], 25)
        found = await log.messages([*asked, *beyond, *others])
        assert found.keys() == set(asked)
        for place, arrival in found.items():
            assert arrival.incoming.raw == places[place].value
            assert (await log.messages([place]))[place] == arrival
        wanted = {
            place: Wanted(it.id, places[place].timestamp, place) for place, it in judged.items()
        }
        verdicts = await log.verdicts([*wanted.values()])
        assert len(verdicts) == MESSAGES - 5
        for place, verdict in judged.items():
            assert verdicts.get(wanted[place], verdict).log == verdict.log

        first = min(places)
        gone = TopicPartition(installation.topic("messages"), first.partition)
        admin = AIOKafkaAdminClient(bootstrap_servers=list(settings.kafka.brokers))
        await admin.start()
        await admin.delete_records({gone: RecordsToDelete(first.offset + 3)})
        await admin.close()
        left = {
            it for it in places if it.partition != first.partition or it.offset >= first.offset + 3
        }
        assert (await log.messages([*places])).keys() == left
