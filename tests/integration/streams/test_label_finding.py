"""The message of a label is found on a real Kafka and Redis, by all that may lead to it."""

import math
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from apps.state.labels_recounted import Recount
from apps.state.rebuilding import rebuild
from detectors.record import encode
from features.envelope import Client, LogPosition
from models.label import Label, Place, Target
from models.trust import Trust
from streams.labels.counting import Counting, Task
from streams.labels.finding import Finding
from streams.labels.known import KnownMessages
from streams.labels.mail_log import open_mail_log
from streams.labels.message import Taken, record_of
from streams.opening import open_core
from streams.policies import read_policy_of
from streams.settings import load, read_keys
from streams.stores.protocol import Keeping, Query, StoreError
from streams.stores.redis_store import RedisStore, open_redis
from streams.tokens import sign_token
from streams.wire import hashed_id, read_arrival, read_head, verdict_record

pytestmark = pytest.mark.integration

OURS = "you@example.com"


class Judged:
    """Messages on a real log, each with its verdict, judged here; and what finds them."""

    def __init__(self, installation):
        self.installation = installation
        self.settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
        self.keys = read_keys(Path(self.settings.privacy.keys_file))
        self.context = self.settings.context(self.keys)
        self.core = open_core(self.settings, read_policy_of(self.settings.policy)[0])
        self.store = RedisStore(self.settings)
        self.offset = -1
        self._opened = AsyncExitStack()

    async def __aenter__(self):
        topic = self.installation.topic
        self.epoch = await self.store.epoch(topic("messages"), "none")
        labels = await self.store.epoch(topic("labels"), "none")
        self.redis = open_redis(self.settings)
        log = await self._opened.enter_async_context(open_mail_log(self.settings, self.epoch, 4))
        known = KnownMessages(self.redis, self.settings)
        self.finding = Finding(log, self.store, known, self.context, self.keys.token_key)
        self.counting = Counting(self.store, labels, lambda _: Trust(), 30 * 86_400)
        return self

    async def __aexit__(self, *_):
        await self._opened.aclose()
        await self.redis.aclose()
        await self.store.close()

    async def publish(self, raws, **fields):
        """Publish messages, then their verdicts; return the arrivals."""
        fields = {"rcpt_to": (OURS,), "client": Client(ip="192.0.2.7"), **fields}
        records = [self.installation.record(raw, **fields) for raw in raws]
        await self.installation.send(records)
        keys = {record.key for record in records}
        found = await self.installation.read(
            "messages", lambda found: keys <= {record.key for record in found}
        )
        order = [record.key for record in records]
        mine = [record for record in found if record.key in keys]
        arrivals = [
            read_arrival(
                epoch=self.epoch,
                partition=it.partition,
                offset=it.offset,
                timestamp_ms=it.timestamp,
                key=it.key,
                value=it.value,
                headers=it.headers,
            )
            for it in sorted(mine, key=lambda record: order.index(record.key))
        ]
        await self.answer(arrivals)
        return arrivals

    async def answer(self, arrivals):
        """Judge messages, and publish their verdicts."""
        values = [encode(it.verdict) for it in self.core.judge([a.incoming for a in arrivals])]
        now = datetime.now(UTC)
        topic = self.installation.topic("verdicts")
        await self.installation.send(
            [
                verdict_record(topic, read_head(it), it, judged_at=now, timings={}, worker="w")
                for it in values
            ]
        )

    def taken(self, target, source="report", tenant="default", truth="spam", **given):
        self.offset += 1
        label = Label(
            id=hashed_id(repr(target), source),
            of=target,
            truth=truth,
            source=source,
            reporter=self.context.hash_key.hex()[:8],
            tenant=tenant,
            given_at=datetime.now(UTC),
            **given,
        )
        return Taken(label, self.offset, datetime.now(UTC).timestamp())

    async def find(self, target, **given):
        (found,) = await self.finding.find([self.taken(target, **given)])
        return found

    def task(self, taken, found):
        (prepared,) = self.core.prepare([found.incoming])
        return Task(taken, record_of(found, prepared.evidence, taken.at))

    async def counts(self, record):
        found = {}
        for touched in record.touched:
            reading = await self.store.read(touched.entity)
            if reading and "spam" in touched.entity.kind.codes:
                found[touched.label] = reading.total("spam"), reading.total("ham")
        return found


@pytest.fixture
async def judged(installation):
    async with Judged(installation) as opened:
        yield opened


async def test_a_message_is_found_by_all_that_names_it(judged, mail):
    first, second = await judged.publish([mail(number) for number in range(2)])
    ident, place = second.incoming.envelope.id, second.position
    key = judged.keys.token_key
    by_place = await judged.find(Target(position=Place(*place)))
    assert by_place.arrival.incoming.raw == second.incoming.raw
    assert (by_place.verdict.id, by_place.record, by_place.bare) == (ident, None, False)
    by_time = await judged.find(Target(id=first.incoming.envelope.id))
    assert by_time.arrival.position == first.position
    assert by_time.verdict.id == first.incoming.envelope.id
    by_token = await judged.find(Target(token=sign_token(key, ident, place)))
    assert (by_token.id, by_token.verdict) == (ident, by_place.verdict)
    (prepared,) = judged.core.prepare([second.incoming])
    hashed = prepared.evidence.touches.message_id
    await judged.store.record([Keeping(place, b"{}", hashed, ident)])
    named = await judged.find(Target(rfc5322_message_id="1@example.org"))
    assert (named.id, named.verdict) == (ident, by_place.verdict)


async def test_a_verdict_that_comes_later_is_found_later(judged, mail):
    record = judged.installation.record(mail(0), rcpt_to=(OURS,))
    await judged.installation.send([record])
    (arrived,) = await judged.installation.read("messages", len)
    ident = record.key.decode()
    place = LogPosition(judged.epoch, arrived.partition, arrived.offset)
    await judged.store.look_up([Query(place, ident, "key", requeued=False)])
    early = await judged.find(Target(id=ident))
    assert (early.arrival.position, early.verdict) == (place, None)
    await judged.answer([early.arrival])
    later = await judged.find(Target(id=ident))
    assert later.verdict.id == ident


async def test_what_cant_be_found_says_why(judged, mail):
    (arrival,) = await judged.publish([mail(0)])
    ident, place = arrival.incoming.envelope.id, arrival.position
    foreign = sign_token(secrets.token_bytes(32), ident, place)
    fresh = "01890a5d-ac96-774b-bcce-b302099a8057"
    wanted = [
        ("foreign", Target(position=Place(*place)), {"tenant": "other"}),
        ("foreign", Target(id=ident), {"tenant": "other"}),
        ("forged", Target(token=foreign), {}),
        ("unknown", Target(id="made-up"), {}),
        ("unknown", Target(id=fresh), {}),
        ("unknown", Target(rfc5322_message_id="nobody@example.org"), {}),
        ("gone", Target(position=Place("another", 0, 0)), {}),
        ("gone", Target(position=Place(place.epoch, 9, 0)), {}),
        ("gone", Target(position=Place(place.epoch, place.partition, place.offset + 9)), {}),
        ("gone", Target(token=sign_token(judged.keys.token_key, "other", place)), {}),
        ("untrusted", Target(raw=b"Subject: x\n\nhello\n"), {}),
    ]
    for reason, target, given in wanted:
        found = await judged.find(target, **given)
        assert (found.reason, target) == (reason, target)
    bare = await judged.find(Target(raw=b"Subject: x\n\nhello\n"), source="analyst")
    assert bare.bare
    assert bare.incoming.raw == b"Subject: x\n\nhello\n"


async def test_what_is_gone_from_the_log_is_taken_back_exactly(judged, mail):
    (arrival,) = await judged.publish([mail(0)])
    taken = judged.taken(Target(position=Place(*arrival.position)), source="analyst")
    (found,) = await judged.finding.find([taken])
    task = judged.task(taken, found)
    await judged.counting.apply([task])
    assert (1, 0) in (await judged.counts(task.record)).values()
    admin = AIOKafkaAdminClient(bootstrap_servers=list(judged.settings.kafka.brokers))
    await admin.start()
    topic, partition = judged.installation.topic("messages"), arrival.position.partition
    await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(-1)})
    await admin.close()
    judged.finding._cache.clear()
    back = judged.taken(taken.label.of, "analyst", truth=None, retracts=taken.label.id)
    (gone,) = await judged.finding.find([back])
    assert (gone.arrival, gone.incoming, gone.record.message) == (None, None, found.id)
    await judged.counting.apply([Task(back, gone.record)])
    assert set((await judged.counts(task.record)).values()) == {(0, 0)}
    stranger = await judged.find(Target(id=found.id), tenant="other")
    assert stranger.reason == "foreign"


class Away:
    """A store whose counters move, and that is gone before the rest is kept."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def keep_labels(self, _):
        raise StoreError("away")


async def test_a_rebuilt_state_has_the_counts_of_labels_and_takes_more(judged, mail):
    arrivals = await judged.publish([mail(number) for number in range(3)])
    tasks = []
    for arrival in arrivals:
        taken = judged.taken(Target(position=Place(*arrival.position)), source="analyst")
        (found,) = await judged.finding.find([taken])
        tasks.append(judged.task(taken, found))
    await judged.counting.apply(tasks[:2])
    cut_short = Counting(Away(judged.store), judged.counting._epoch, lambda _: Trust(), 86_400)
    with pytest.raises(StoreError):  # its counters have moved, and nothing says so
        await cut_short._apply(tasks)
    rebuilt = await rebuild(judged.settings, judged.context, lambda *_: None)
    assert (rebuilt.messages, rebuilt.labelled) == (3, 2)
    once = [
        reading
        for touched in tasks[0].record.touched
        if "messages" in touched.entity.kind.codes
        and (reading := await judged.store.read(touched.entity)).total("messages") == 1
    ]
    assert {reading.previous for reading in once} == {-math.inf}  # its label is no sight of it
    for _ in range(2):
        await judged.counting.apply(tasks)
    assert {count for task in tasks for count in (await judged.counts(task.record)).values()} == {
        (1, 0),  # what is a message's own
        (3, 0),
    }
    assert not await judged.store.lost()
    back = judged.taken(tasks[0].taken.label.of, truth=None, retracts=tasks[0].taken.label.id)
    await judged.counting.apply([Task(back, tasks[0].record)])
    assert (await judged.counts(tasks[0].record))["ip:192.0.2.7"] == (2, 0)


async def test_labels_that_come_while_others_are_recounted_are_counted_too(judged, mail):
    arrivals = await judged.publish([mail(number) for number in range(2)])
    first, second = [
        judged.taken(Target(position=Place(*arrival.position)), source="analyst")
        for arrival in arrivals
    ]
    found = await judged.finding.find([first, second])
    tasks = [judged.task(*each) for each in zip((first, second), found, strict=True)]
    back = judged.taken(first.label.of, truth=None, retracts=first.label.id)
    await judged.counting.apply(tasks[:1])
    await judged.store.namespaces.create("fresh")
    fresh = RedisStore(judged.settings, namespace="fresh")
    recount = Recount(judged.store, fresh)
    await recount.begin()
    await judged.counting.apply([tasks[1], Task(back, tasks[0].record)])
    await recount.end("fresh")
    assert recount.messages == 2
    for task in tasks:
        for touched in task.record.touched:
            was = await judged.store.read(touched.entity)
            now = await fresh.read(touched.entity)
            if "spam" in touched.entity.kind.codes:
                assert now.total("spam") == was.total("spam"), touched.label
    await fresh.close()
