"""What a batch adds to the sender state and reads of it: counted once, whatever happens."""

import asyncio
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from detectors.verdict import Verdict
from features.envelope import LogPosition
from features.rolling import Increment
from features.vector import SCHEMA
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Move, StateMovingError, StoreError

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)  # when the log takes the arrivals of `arrive`
PROVEN = {"spf": {"value": "pass"}, "dmarc": {"value": "pass"}}
UNPROVEN = {"spf": {"value": "fail"}, "dmarc": {"value": "fail"}}


@pytest.fixture
def mail(arrive):
    """Make arrivals of messages that differ by their number, of one sender unless said."""

    def make(offset, number=None, sender="a@shop.example", facts=PROVEN, **fields):
        number = offset if number is None else number
        raw = (
            f"From: {sender}\nTo: u@ours.example\nMessage-ID: <{number}@x>\n"
            f"Subject: Offer {number}\n\nHello {number}, see https://shop.example/{number}\n"
        ).encode()
        envelope = {
            "id": f"m{offset}",
            "received_at": (NOW - timedelta(hours=1) + timedelta(seconds=number)).isoformat(),
            "mail_from": sender,
            "rcpt_to": ["u@ours.example"],
            "client": {"ip": "192.0.2.1", "helo": "mx.shop.example"},
            "facts": facts,
            **fields,
        }
        header = ("weir-envelope", json.dumps(envelope).encode())
        return arrive(raw, offset=offset, headers=[header])

    return make


def numbers(broker, place=-1):
    """Return the sender part of a verdict's vector, by name."""
    verdict = msgspec.json.decode(broker.of("verdicts")[place].value, type=Verdict)
    vector = np.frombuffer(b64decode(verdict.features.f32), "<f4")
    return dict(zip(SCHEMA.names, vector.tolist(), strict=True))


def degraded(broker):
    """Return the parts that each verdict lacks; the core of these tests has no classifier."""
    values = [record.value for record in broker.of("verdicts")]
    found = [msgspec.json.decode(value, type=Verdict).degraded for value in values]
    return [tuple(part for part in parts if part != "model:classifier") for parts in found]


@pytest.fixture
def readings(judge):
    """Read what a store keeps of every entity that messages touch, by the entity's key."""

    async def read(store, arrivals):
        prepared = judge.prepare([arrival.incoming for arrival in arrivals])
        entities = {
            (it.entity.kind.name, it.entity.key): it.entity
            for one in prepared
            for it in one.evidence.touches.increments
        }
        probe = Move(None, NOW.timestamp(), tuple(map(Increment, entities.values())), adds=False)
        (answer,) = await store.advance([probe])
        return {
            key: reading and (reading.first, reading.last, reading.numbers, reading.sketches)
            for key, reading in zip(entities, answer.readings, strict=True)
        }

    return read


def lost(metrics):
    return metrics.registry.get_sample_value("weir_state_lost_increments_total")


async def test_a_message_sees_those_before_it_in_its_batch_and_in_others(build, broker, mail):
    pipeline = build()
    await pipeline.process([mail(0), mail(1)])
    await pipeline.process([mail(2)])
    assert [numbers(broker, n)["sender.messages"] for n in range(3)] == [1, 2, 3]
    assert numbers(broker)["sender.age"] == pytest.approx(2)
    assert numbers(broker)["sender.inbox_7d"] == pytest.approx(2, abs=0.01)
    assert degraded(broker) == [(), (), ()]


async def test_a_redelivered_message_adds_nothing_to_what_was_counted(build, store, mail, readings):
    batch = [mail(n) for n in range(4)]
    await build().process(batch)
    before = await readings(store, batch)
    await build().process(batch)
    await build().process(batch[2:])
    assert await readings(store, batch) == before


class Crash(BaseException):
    """The process dies."""


class CrashingStore(MemoryStore):
    """A store whose worker dies in the midst of a step, once."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def _crash(self, step):
        if self.step == step:
            self.step = ""
            raise Crash

    async def advance(self, moves):
        answers = await super().advance(moves)
        self._crash("advanced")
        return answers

    async def record(self, kept, outcomes=()):
        self._crash("judged")
        if self.step == "recorded":  # the record is there, the outcomes aren't
            await super().record(kept)
            self._crash("recorded")
        return await super().record(kept, outcomes)


@pytest.mark.parametrize("step", ["advanced", "judged", "recorded"])
async def test_after_a_crash_at_any_step_the_counts_are_those_without_one(
    build, store, mail, readings, step
):
    batch = [mail(n) for n in range(5)]
    await build().process(batch)
    undisturbed = await readings(store, batch)

    crashing = CrashingStore(step)
    with pytest.raises(Crash):
        await build(store=crashing).process(batch)
    await build(store=crashing).process(batch[:2])
    await build(store=crashing).process(batch)
    assert await readings(crashing, batch) == undisturbed


async def test_outcomes_of_a_redelivered_message_are_those_of_its_record(
    build, judge, mail, readings
):
    """A worker whose core now says something else sends what was said."""

    class Other:
        prepare, degraded = judge.prepare, judge.degraded

        def conclude(self, prepared, histories):
            raise AssertionError(f"judged {len(prepared)} again, by {len(histories)} histories")

    crashing, batch = CrashingStore("recorded"), [mail(0)]
    with pytest.raises(Crash):
        await build(store=crashing).process(batch)
    none = await readings(crashing, batch)
    await build(Other(), store=crashing).process(batch)
    assert await readings(crashing, batch) != none


@pytest.mark.parametrize("apart", [True, False])
async def test_a_retry_of_a_delivery_reads_and_adds_nothing(
    build, broker, store, mail, metrics, readings, apart
):
    """Even where it comes in the batch of the first attempt."""
    pipeline, first = build(), mail(0)
    retry = mail(7, number=0)
    if apart:
        await pipeline.process([first])
        await pipeline.process([retry])
    else:
        await pipeline.process([first, retry])
    assert metrics.registry.get_sample_value("weir_delivery_retries_total") == 1
    assert numbers(broker)["sender.messages"] == 1
    alone = MemoryStore()
    await build(store=alone).process([first])
    assert await readings(store, [first]) == await readings(alone, [first])


async def test_a_copy_for_another_recipient_adds_only_the_recipient(build, broker, mail, metrics):
    copy = mail(1, number=0, rcpt_to=["v@ours.example"])
    await build().process([mail(0), copy, mail(2)])
    assert metrics.registry.get_sample_value("weir_recipient_splits_total") == 1
    assert [numbers(broker, n)["sender.messages"] for n in range(3)] == [1, 1, 2]
    assert [numbers(broker, n)["sender.recipients"] for n in range(3)] == [1, 2, 3]
    assert numbers(broker)["sender.recipients_1d"] == pytest.approx(2, abs=0.1)
    assert numbers(broker)["sender.inbox_7d"] == 0, "one batch: not yet judged"
    await build().process([mail(3)])
    assert numbers(broker)["sender.inbox_7d"] == pytest.approx(2, abs=0.01)


class AwayStore(MemoryStore):
    """A store in memory that is away for some of its methods."""

    def __init__(self, *away):
        super().__init__()
        self.away = set(away)

    async def look_up(self, queries):
        self._fail("look_up")
        return await super().look_up(queries)

    async def advance(self, moves):
        self._fail("advance")
        return await super().advance(moves)

    async def record(self, kept, outcomes=()):
        self._fail("record")
        return await super().record(kept, outcomes)

    def _fail(self, method):
        if method in self.away:
            raise StoreError("away")


@pytest.mark.parametrize(
    ("away", "parts"),
    [
        ({"look_up", "advance", "record"}, ("sender", "store")),
        ({"look_up"}, ("sender", "store")),
        ({"advance"}, ("sender",)),
        ({"record"}, ("store",)),
    ],
)
async def test_without_the_store_a_message_is_judged_by_itself_and_says_so(
    build, broker, mail, metrics, away, parts
):
    await build(store=AwayStore(*away)).process([mail(0)])
    assert degraded(broker) == [parts]
    assert lost(metrics) > 0
    assert metrics.registry.get_sample_value("weir_state_increments_lost") == 1


async def test_what_the_look_up_could_not_tell_is_never_counted_twice(build, store, mail, readings):
    """A retry whose first attempt was counted, while only the look-up fails."""
    away = AwayStore()
    await build(store=away).process([mail(0)])
    before = await readings(away, [mail(0)])
    away.away = {"look_up"}
    await build(store=away).process([mail(7, number=0)])
    assert await readings(away, [mail(0)]) == before
    assert await away.lost()


async def test_an_outcome_is_counted_though_the_state_was_not_read(build, broker, mail):
    away = AwayStore("advance")
    await build(store=away).process([mail(0)])
    away.away = set()
    await build(store=away).process([mail(1)])
    assert numbers(broker)["sender.messages"] == 1
    assert numbers(broker)["sender.inbox_7d"] == pytest.approx(1, abs=0.01)


async def test_a_state_that_is_switched_meanwhile_is_asked_again(build, broker, mail, metrics):
    class Moving(MemoryStore):
        refusals = 4

        def _refuse(self):
            if self.refusals:
                self.refusals -= 1
                raise StateMovingError("moving")

        async def advance(self, moves):
            if self.refusals > 2:
                self._refuse()
            return await super().advance(moves)

        async def record(self, kept, outcomes=()):
            self._refuse()
            return await super().record(kept, outcomes)

    await build(store=Moving()).process([mail(0)])
    assert degraded(broker) == [()]
    assert lost(metrics) == 0


async def test_verdicts_recorded_while_the_state_stays_closed_are_in_force(
    build, broker, mail, metrics, monkeypatch
):
    class Closed(MemoryStore):
        async def record(self, kept, outcomes=()):
            error = StateMovingError(f"moving; {len(outcomes)} outcomes left")
            error.verdicts = await super().record(kept)
            raise error

    monkeypatch.setattr("streams.sender_state._PAUSE", 0.0)
    await build(store=Closed()).process([mail(0)])
    assert degraded(broker) == [()]
    assert lost(metrics) > 0


@pytest.mark.parametrize("claimed", ["2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
async def test_a_clock_from_another_century_changes_what_no_other_message_reads(
    build, broker, mail, claimed
):
    """What they read of the sender is as if it had come at the time the log took it."""
    found = []
    for at in (claimed, NOW.isoformat()):
        pipeline = build(store=MemoryStore())
        await pipeline.process([mail(0), mail(1, received_at=at)])
        await pipeline.process([mail(2)])
        found.append(numbers(broker))
    assert msgspec.json.encode(found[0]) == msgspec.json.encode(found[1])


async def test_forged_mail_in_a_proven_domains_name_moves_nothing_of_it(
    build, store, mail, readings, judge
):
    """1,000 of them, unproven, from elsewhere, to the recipients of the true ones."""
    pipeline = build()
    genuine = [mail(n, sender="billing@bank.example") for n in range(20)]
    await pipeline.process(genuine)
    own = ("domain", "address", "route", "pair")
    before = await readings(store, genuine)
    forged = [
        mail(
            n,
            sender="billing@bank.example",
            facts=UNPROVEN,
            client={"ip": f"198.51.{n % 250}.7", "helo": "bank.example"},
        )
        for n in range(100, 1100)
    ]
    for start in range(0, len(forged), 50):
        await pipeline.process(forged[start : start + 50])
    after = await readings(store, genuine)
    watch = judge.prepare([genuine[0].incoming])[0].evidence.touches.watch
    kept = [key for key in before if key[0] in own and key != ("route", watch.key)]
    assert {kind for kind, _ in kept} == set(own)
    assert [after[key] for key in kept] == [before[key] for key in kept]


async def test_who_writes_in_a_correspondents_name_unproven_is_told_from_the_correspondent(
    build, broker, mail
):
    """From the first forgery on, on the way that mail takes; another sender is neither."""
    them, user = "orders@kestrel-metals.com", "u@ours.example"
    ours = mail(0, sender=user, direction="outbound", user=user, rcpt_to=[them])
    elsewhere = {"ip": "198.51.100.7", "helo": "mail.example.net"}
    proven = {"dkim": {"value": "pass"}, "dkim.domains": {"value": "kestrel-metals.com"}}
    await build().process([ours])
    await build().process(
        [
            mail(1, sender=them, facts=proven),
            mail(2, sender=them, facts=UNPROVEN, client=elsewhere),
            mail(3, sender="orders@lowfield-joinery.com", facts=UNPROVEN, client=elsewhere),
        ]
    )
    verdicts = [msgspec.json.decode(one.value, type=Verdict) for one in broker.of("verdicts")]
    found = [
        {signal.name for signal in verdict.signals if signal.group == "correspondents"}
        for verdict in verdicts
    ]
    assert found == [set(), {"known_correspondent"}, {"correspondent_unproven"}, set()]


async def test_a_message_without_a_time_adds_nothing(build, store, mail, readings):
    first, second = mail(0), mail(1)
    await build().process([first])
    before = await readings(store, [first])
    flags = (*second.incoming.flags, "timestamp_missing")
    second = second._replace(incoming=second.incoming._replace(flags=flags))
    await build().process([second])
    assert await readings(store, [first]) == before


async def test_marks_follow_what_was_counted(build, store, mail):
    await build().process([mail(n) for n in range(3)])
    assert await store.marks("e") == {0: 2}


async def test_the_message_that_is_answered_is_found_by_its_id(build, broker, mail, arrive):
    """Our user wrote; the answer to it is known as one."""
    ours = mail(0, sender="u@ours.example", direction="outbound", user="u@ours.example")
    await build().process([ours])
    envelope = {"id": "m1", "received_at": NOW.isoformat(), "rcpt_to": ["u@ours.example"]}
    answer = arrive(
        b"From: c@else.example\nIn-Reply-To: <0@x>\nMessage-ID: <9@y>\n\nThanks\n",
        offset=1,
        headers=[("weir-envelope", json.dumps(envelope).encode())],
    )
    await build().process([answer])
    assert numbers(broker)["thread.answers"] == 1


async def test_a_defect_in_reading_the_history_costs_that_part_alone(
    build, broker, mail, monkeypatch
):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("streams.sender_state.read_history", broken)
    await build().process([mail(0)])
    assert degraded(broker) == [("sender",)]
    assert not broker.of("deadletter")


async def test_look_up_and_preparation_run_beside_each_other(build, judge, mail):
    """A lone message doesn't wait for one after the other."""
    prepared = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Telling:
        conclude, degraded = judge.conclude, judge.degraded

        def prepare(self, batch):
            found = judge.prepare(batch)
            loop.call_soon_threadsafe(prepared.set)
            return found

    class Waiting(MemoryStore):
        async def look_up(self, queries):
            async with asyncio.timeout(30):
                await prepared.wait()
            return await super().look_up(queries)

    store = Waiting()
    await build(Telling(), store=store).process([mail(0)])
    assert await store.marks("e") == {0: 0}
    assert LogPosition("e", 0, 0) in store._verdicts
