"""What is kept of senders is counted once: under kills, rebalances, and a Redis that hangs."""

import asyncio
import json
import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.partitioner import murmur2

from apps.state.rebuilding import rebuild
from detectors.verdict import Verdict
from features.addresses import hash_address
from features.entities import concerns
from features.envelope import Client, Envelope, Fact, Incoming
from features.rolling import Increment
from streams.opening import open_core
from streams.policies import read_policy_of
from streams.settings import load, read_keys
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore
from streams.topics import describe

pytestmark = pytest.mark.integration

AHEAD, BEHIND = datetime(2099, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)


class Traffic:
    """Mail of long-tailed senders with retries, copies, our users' own mail and wrong clocks.

    Records are keyed by sender: whether a message is a first contact depends on the order within
    a pair, and a partition has one. What comes late by its time goes to a recipient of its own.
    """

    def __init__(self, installation, count, seed=1):
        self._installation = installation
        self._rng = random.Random(seed)
        self.incoming = []
        self.records = []
        for number in range(count):
            if self.records and self._rng.random() < 0.04:
                self._again(number)
            elif self._rng.random() < 0.05:
                self._outbound(number)
            else:
                self._inbound(number)

    def _inbound(self, number):
        rng = self._rng
        sender = min(int(rng.paretovariate(0.7)), 100_000)
        domain, address = f"d{sender}.example", f"p{rng.randrange(3)}@d{sender}.example"
        recipients = tuple(
            {f"u{rng.randrange(40)}@ours.example" for _ in range(rng.choice((1, 3)))}
        )
        fields = {
            "mail_from": address,
            "rcpt_to": recipients,
            "client": Client(ip=f"198.51.{sender % 250}.{rng.randrange(3)}", helo=f"mx.{domain}"),
            "facts": {"spf": Fact(value="pass" if sender % 5 else "fail")},
        }
        if rng.random() < 0.01:
            fields["received_at"] = rng.choice((AHEAD, BEHIND))
            fields["rcpt_to"] = (f"w{number}@ours.example",)
        text = f"Hello, our offer {number % 97}: https://l{sender % 50}.example/{number}"
        self._add(domain, number, address, recipients, text, fields)

    def _outbound(self, number):
        user = f"u{self._rng.randrange(40)}@ours.example"
        to = (f"c{self._rng.randrange(30)}@friend{number % 9}.example",)
        fields = {"mail_from": user, "rcpt_to": to, "user": user, "direction": "outbound"}
        self._add(user, number, user, to, f"Hello, as agreed, {number}", fields)

    def _add(self, key, number, sender, recipients, text, fields):
        raw = (
            f"From: Some One <{sender}>\r\nTo: {', '.join(recipients)}\r\n"
            f"Subject: Message {number}\r\nMessage-ID: <{number}.{key}>\r\n\r\n{text}\r\n"
        ).encode()
        self._publish(key, number, raw, fields)

    def _again(self, number):
        """A retry of the same delivery, or a copy of the message for someone else."""
        at = self._rng.randrange(max(0, len(self.records) - 200), len(self.records))
        envelope, raw = self.incoming[at].envelope, self.incoming[at].raw
        fields = msgspec.structs.asdict(envelope)
        if envelope.direction == "inbound" and self._rng.random() < 0.5:
            fields["rcpt_to"] = (f"w{number}@ours.example",)
        self._publish(self.records[at].key.decode(), number, raw, fields)

    def _publish(self, key, number, raw, fields):
        fields = {"received_at": datetime.now(UTC), **fields, "id": f"m{number}"}
        record = self._installation.record(raw, **fields)
        self.records.append(record._replace(key=key.encode()))
        self.incoming.append(Incoming(Envelope(**fields), raw))


@pytest.fixture
def kept(installation):
    """Read what is kept, under a key prefix, of every entity that mail touches; and the marks."""

    async def read(traffic, prefix=None, at=None):
        environ = {"WEIR_REDIS__KEY_PREFIX": prefix} if prefix else {}
        settings = load(installation.config, {**environ, "WEIR_REDIS__TIMEOUT_SECONDS": "30"})
        core = open_core(settings, read_policy_of(settings.policy)[0])
        entities = {
            (it.entity.kind.name, it.entity.key): it.entity
            for one in core.prepare(traffic.incoming)
            for it in one.evidence.touches.increments
        }
        store, found = RedisStore(settings), {}
        try:
            keys = list(entities)
            for start in range(0, len(keys), 500):
                some = keys[start : start + 500]
                asked = tuple(Increment(entities[key]) for key in some)
                (answer,) = await store.advance([Move(None, at, asked, adds=False)])
                found |= dict(zip(some, answer.readings, strict=True))
            epoch = await store.epoch(installation.topic("messages"), "none")
            return found, await store.marks(epoch)
        finally:
            await store.close()

    return read


def differences(disturbed, undisturbed):
    """Say where two states differ, of what is exact and of decayed counts beyond 1e-6."""
    assert disturbed.keys() == undisturbed.keys()
    found = []
    for key, other in undisturbed.items():
        one = disturbed[key]
        if one is None or other is None:
            found += [(key, one, other)] if one is not other else []
            continue
        exact = ("first", "last", "previous", "sketches", "tag")
        found += [
            (key, what, getattr(one, what), getattr(other, what))
            for what in exact
            if getattr(one, what) != getattr(other, what)
        ]
        for (counter, half_life), place in one.kind.places.items():
            near = (one.numbers[place], other.numbers[place])
            if near[0] != near[1] and not (half_life and math.isclose(*near, rel_tol=1e-6)):
                found.append((key, f"{counter} {half_life}", *near))
    return found


async def judged(installation, traffic, seconds=120):
    """Wait until every message has its verdict; return the verdicts by CloudEvents id."""
    wanted = {f"m{number}" for number in range(len(traffic.records))}
    found = await installation.read(
        "verdicts", lambda found: wanted <= {record.key.decode() for record in found}, seconds
    )
    by_event = {}
    for record in found:
        by_event.setdefault(dict(record.headers)["ce_id"].decode(), []).append(record)
    return by_event


async def replayed(installation, count, prefix):
    """Let an undisturbed worker judge the whole log anew, into a state of its own."""
    calm = installation.start_worker(
        WEIR_REDIS__KEY_PREFIX=prefix, WEIR_KAFKA__GROUP=f"{installation.name}-calm"
    )
    await asyncio.to_thread(calm.wait_ready)
    await asyncio.to_thread(calm.wait_metric, "weir_messages_total", lambda n: n >= count, 120)
    assert calm.metric("weir_state_lost_increments_total") == 0
    assert await asyncio.to_thread(calm.stop) == 0


async def assert_counted_once(installation, traffic, kept):
    """Compare the state with that of an undisturbed run over the same log."""
    count, calm, at = len(traffic.records), f"{installation.name}-calm:", datetime.now(UTC)
    await replayed(installation, count, calm)
    at = (at + timedelta(hours=1)).timestamp()
    disturbed, marks = await kept(traffic, at=at)
    undisturbed, calm_marks = await kept(traffic, calm, at=at)
    assert sum(reading is not None for reading in undisturbed.values()) > count / 4
    assert differences(disturbed, undisturbed) == []
    assert marks == calm_marks


async def test_a_worker_killed_five_times_counts_as_if_it_never_was(installation, kept, same_value):
    """Kill -9 in mid-stream, 5 times in 5,000 messages; no verdict is lost or contradicted."""
    installation.policy.write_text("shadow = true\n")
    static = {"WEIR_KAFKA__GROUP_INSTANCE_ID": "w1"}
    worker = installation.start_worker(**static)
    traffic = Traffic(installation, 5000)
    await asyncio.to_thread(worker.wait_ready)
    sending = asyncio.create_task(installation.send(traffic.records, rate=250))
    for _ in range(5):
        await asyncio.sleep(1.2)
        assert worker.metric("weir_messages_total") > 0
        assert worker.metric("weir_state_lost_increments_total") == 0
        worker.kill()
        worker = installation.start_worker(**static)
        await asyncio.to_thread(worker.wait_ready)
    await sending
    by_event = await judged(installation, traffic)
    same_value(by_event)
    assert worker.metric("weir_state_increments_lost") == 0
    assert await asyncio.to_thread(worker.stop) == 0
    await assert_counted_once(installation, traffic, kept)


async def test_workers_may_join_and_leave_under_load(installation, kept, same_value):
    """Each message judged, few of them twice, and counted once."""
    installation.policy.write_text("shadow = true\n")
    first = installation.start_worker()
    traffic = Traffic(installation, 1500)
    await asyncio.to_thread(first.wait_ready)
    sending = asyncio.create_task(installation.send(traffic.records[:1200], rate=100))
    second = installation.start_worker()
    await asyncio.to_thread(second.wait_ready)
    await asyncio.sleep(1)
    assert await asyncio.to_thread(first.stop) == 0
    third = installation.start_worker()
    await asyncio.to_thread(third.wait_ready)
    await sending
    await installation.send(traffic.records[1200:], rate=150)
    by_event = await judged(installation, traffic)
    same_value(by_event)
    twice = sum(len(records) > 1 for records in by_event.values())
    assert twice <= 15, f"{twice} of 1500 judged twice: rebalances no longer commit first"
    assert all(w.metric("weir_verdicts_total") > 0 for w in (second, third))
    assert await asyncio.to_thread(second.stop) == 0
    assert await asyncio.to_thread(third.stop) == 0
    await assert_counted_once(installation, traffic, kept)


def lacking(records):
    """Count the verdicts that lack each part."""
    verdicts = [msgspec.json.decode(record.value, type=Verdict) for record in records]
    return Counter(part for verdict in verdicts for part in verdict.degraded)


async def test_a_redis_that_hangs_under_load_may_cost_counts_and_doubles_none(
    installation, stack, kept, same_value
):
    """What was asked before it hung may be done when it wakes; nothing is asked twice."""
    installation.policy.write_text("shadow = true\n")
    worker = installation.start_worker(WEIR_REDIS__TIMEOUT_SECONDS="0.15")
    traffic = Traffic(installation, 900)
    await asyncio.to_thread(worker.wait_ready)
    sending = asyncio.create_task(installation.send(traffic.records, rate=150))
    for _ in range(2):
        await asyncio.sleep(1)
        stack.redis.pause()
        await asyncio.sleep(1)
        stack.redis.resume()
    await sending
    by_event = await judged(installation, traffic)
    same_value(by_event)
    missing = lacking(records[0] for records in by_event.values())
    assert 0 < missing["sender"] < 900
    assert json.loads(worker.get("/readyz"))["ready"]
    await asyncio.to_thread(worker.wait_metric, "weir_store_breaker", lambda state: not state)
    await asyncio.to_thread(worker.wait_metric, "weir_state_increments_lost", bool)
    assert worker.metric("weir_state_lost_increments_total") > 0
    assert await asyncio.to_thread(worker.stop) == 0
    calm, at = f"{installation.name}-calm:", datetime.now(UTC) + timedelta(hours=1)
    await replayed(installation, 900, calm)
    disturbed, _ = await kept(traffic, at=at.timestamp())
    undisturbed, _ = await kept(traffic, calm, at=at.timestamp())
    for key, other in undisturbed.items():
        for counter in other.kind.counters if other and disturbed[key] else ():
            most = other.total(counter.name)
            # A pair whose first message was lost has its first contact with the next one.
            if counter.name != "first_contacts":
                assert disturbed[key].total(counter.name) <= most, (key, counter.name)
    # The next worker knows of the loss too.
    again = installation.start_worker()
    await asyncio.to_thread(again.wait_ready)
    await asyncio.to_thread(again.wait_metric, "weir_state_increments_lost", bool)


async def test_a_rebuild_under_load_counts_what_an_undisturbed_run_counts(
    installation, kept, same_value
):
    """A worker goes on before, during and after the switch to the rebuilt state."""
    installation.policy.write_text("shadow = true\n")
    worker = installation.start_worker(WEIR_REDIS__TIMEOUT_SECONDS="5")
    traffic = Traffic(installation, 1500)
    await asyncio.to_thread(worker.wait_ready)
    sending = asyncio.create_task(installation.send(traffic.records, rate=150))
    await asyncio.sleep(4)
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    store = RedisStore(settings)
    before = (await store.namespaces.current()).name
    told = []
    rebuilt = await rebuild(settings, context, lambda *progress: told.append(progress))
    assert (await store.namespaces.current()).name == rebuilt.namespace != before
    await store.close()
    assert 100 < rebuilt.messages < 1500
    assert told[-1][0] == rebuilt.messages
    await sending
    same_value(await judged(installation, traffic))
    assert worker.metric("weir_state_lost_increments_total") == 0
    assert await asyncio.to_thread(worker.stop) == 0
    await assert_counted_once(installation, traffic, kept)


class Letters:
    """Our users' mail and its answers, each in the partition that is said."""

    def __init__(self, installation):
        self._installation = installation
        self.incoming = []
        self.records = []

    def add(self, partition, sender, to, **fields):
        number = len(self.records)
        raw = (
            f"From: {sender}\r\nTo: {to}\r\nMessage-ID: <{number}@{partition}>\r\n\r\n"
            f"As agreed, {number}\r\n"
        ).encode()
        given = {"mail_from": sender, "rcpt_to": (to,), "id": f"m{number}", **fields}
        given["received_at"] = datetime.now(UTC)
        key = next(k for k in map(b"%d".__mod__, range(99)) if murmur2(k) % 2**31 % 4 == partition)
        self.incoming.append(Incoming(Envelope(**given), raw))
        self.records.append(self._installation.record(raw, **given)._replace(key=key))


async def answered(installation):
    """Let a worker judge what two users wrote, then the answers, from partition to partition."""
    letters = Letters(installation)
    worker = installation.start_worker()
    await asyncio.to_thread(worker.wait_ready)
    for partition, user in enumerate(("anna@ours.example", "bert@ours.example")):
        letters.add(partition, user, "mara@else.example", direction="outbound", user=user)
    await installation.send(letters.records)
    await asyncio.to_thread(worker.wait_metric, "weir_messages_total", lambda n: n >= 2)
    facts = {"spf": Fact(value="pass")}
    for partition, user in ((1, "anna@ours.example"), (0, "bert@ours.example")):
        letters.add(partition, "mara@else.example", user, facts=facts)
    await installation.send(letters.records[2:])
    await asyncio.to_thread(worker.wait_metric, "weir_messages_total", lambda n: n >= 4)
    assert await asyncio.to_thread(worker.stop) == 0
    return letters


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost"])
async def test_a_rebuild_counts_in_the_logs_order_even_for_a_redis_that_lost_all(
    installation, kept, lost
):
    """Whether an answer is a first contact depends on what another partition had before it."""
    installation.policy.write_text("shadow = true\n")
    letters = await answered(installation)
    at = datetime.now(UTC).timestamp()
    before, _ = await kept(letters, at=at)
    assert {key[0] for key, reading in before.items() if reading} >= {"domain", "pair", "account"}
    if lost:
        installation.redis.flushdb()
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    rebuilt = await rebuild(settings, context, lambda *_: None)
    assert (rebuilt.messages, rebuilt.judged) == (4, 4)
    after, _ = await kept(letters, at=at)
    assert differences(after, before) == []
    left = {key.decode() for key in installation.redis.scan_iter(f"{installation.name}:s1:*")}
    assert {key.split(":")[2] for key in left} == {rebuilt.namespace}


async def test_workers_wait_only_for_what_is_judged_last(installation):
    """What is judged while a long log is counted is counted before the old state is closed."""
    installation.policy.write_text("shadow = true\n")
    worker = installation.start_worker(WEIR_REDIS__TIMEOUT_SECONDS="5")
    await asyncio.to_thread(worker.wait_ready)
    traffic = Traffic(installation, 700)
    await installation.send(traffic.records[:200])
    await asyncio.to_thread(worker.wait_metric, "weir_messages_total", lambda n: n >= 200)
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    book = f"{installation.name}:s1:{{}}:{{{{0}}}}:m"
    old = installation.redis.get(f"{installation.name}:state").decode()
    while_closed = []

    def told(done, _):
        if not while_closed:
            sending = Thread(target=lambda: asyncio.run(installation.send(traffic.records[200:])))
            sending.start()
            sending.join()
            worker.wait_metric("weir_messages_total", lambda n: n >= 700)
        while_closed.append((done, installation.redis.hget(book.format(old), "state")))

    rebuilt = await rebuild(settings, context, told)
    assert rebuilt.messages == 700
    assert max(done for done, state in while_closed if state == b"open") > 500
    assert worker.metric("weir_state_lost_increments_total") == 0


async def test_what_was_judged_but_not_yet_produced_is_rebuilt_from_its_record(installation, kept):
    """The topic of verdicts may lag behind Redis when a rebuild closes the old state."""
    installation.policy.write_text("shadow = true\n")
    letters = await answered(installation)
    at = datetime.now(UTC).timestamp()
    before, _ = await kept(letters, at=at)
    admin = AIOKafkaAdminClient(bootstrap_servers=list(installation.settings.kafka.brokers))
    await admin.start()
    count = {s.topic.role: s.partitions for s in await describe(installation.settings)}["verdicts"]
    places = [TopicPartition(installation.topic("verdicts"), number) for number in range(count)]
    await admin.delete_records({place: RecordsToDelete(-1) for place in places})
    await admin.close()
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    assert (await rebuild(settings, context, lambda *_: None)).judged == 4
    after, _ = await kept(letters, at=at)
    assert differences(after, before) == []


async def test_who_is_forgotten_is_forgotten_everywhere(installation, kept):
    """As author, as account, and in pairs; others' records stay."""
    installation.policy.write_text("shadow = true\n")
    worker = installation.start_worker()
    traffic = Traffic(installation, 300)
    await asyncio.to_thread(worker.wait_ready)
    await installation.send(traffic.records)
    await judged(installation, traffic)
    assert await asyncio.to_thread(worker.stop) == 0
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    user = next(it.envelope.user for it in traffic.incoming if it.envelope.user)
    person = hash_address(user, context)
    before, _ = await kept(traffic, at=0.0)
    store = RedisStore(settings)
    count = await store.forget_person(person)
    await store.close()
    after, _ = await kept(traffic, at=0.0)
    gone = {key for key, reading in before.items() if reading and not after[key]}
    assert len(gone) == count > 5
    assert {kind for kind, _ in gone} >= {"pair", "account"}
    assert all(concerns(key, person) or kind == "name" for kind, key in gone)
    assert not any(after[kind, key] for kind, key in after if concerns(key, person))
