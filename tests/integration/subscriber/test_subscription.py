"""Subscribers of a real Kafka: groups, restarts, deaths, changes of who reads what."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from apps.subscriber.received import received
from apps.subscriber.subscription import subscribe

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SCRIPT = """
import asyncio, sys
from apps.subscriber.subscription import subscribe

async def main():
    async for verdict in subscribe(group="g"):
        print(verdict.id, flush=True)
        await asyncio.sleep(float(sys.argv[1]))

asyncio.run(main())
print("ended", flush=True)
"""


async def ids(settings, group="g", **wishes):
    return [it.id async for it in subscribe(settings, group=group, follow=False, **wishes)]


def names(numbers):
    return {f"m{number}" for number in numbers}


async def test_a_group_goes_on_where_it_stopped_and_the_first_of_an_identity_wins(
    settings, publish
):
    await publish(*range(40))
    assert Counter(await ids(settings)) == Counter(names(range(40)))
    await publish(*range(30, 50))
    assert set(await ids(settings)) == names(range(40, 50))
    assert set(await ids(settings, "other")) == names(range(50))
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await ids(settings, "late", since=later) == []
    await publish(50)
    assert await ids(settings, "late") == ["m50"]


async def test_members_that_come_and_go_lose_nothing_and_repeat_only_what_was_open(
    settings, publish
):
    await publish(*range(400))
    seen, open_, halfway = Counter(), [], asyncio.Event()

    async def member(enough):
        async with aclosing(subscribe(settings, group="g")) as verdicts:
            async for it in verdicts:
                seen[it.id] += 1
                if len(seen) >= 50:
                    halfway.set()
                await asyncio.sleep(0.005)
                if enough():
                    open_.append(it.id)
                    return

    first = asyncio.create_task(member(lambda: len(seen) >= 400))
    await asyncio.wait_for(halfway.wait(), 60)
    joined = len(seen)
    second = asyncio.create_task(member(lambda: len(seen) >= joined + 200))
    await asyncio.wait_for(second, 60)
    await asyncio.wait_for(first, 60)
    assert seen.keys() == names(range(400))
    # one in the hands of each member at each change of who reads what
    assert sum(seen.values()) - 400 <= 6
    assert set(await ids(settings)) <= set(open_)


def _start(environment, pause):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(pause)],
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _until(process, count):
    return [process.stdout.readline().strip() for _ in range(count)]


async def test_a_subscriber_that_is_killed_loses_nothing(settings, publish, environment):
    await publish(*range(300))
    process = _start(environment, 0.01)
    first = await asyncio.to_thread(_until, process, 100)
    process.kill()
    rest_of_first = process.communicate()[0].split()
    rest = await ids(settings)
    assert {*first, *rest_of_first, *rest} == names(range(300))
    assert len(rest) == len(set(rest))
    assert len(rest) < 300  # it had committed on the way


async def test_a_subscriber_that_gets_sigterm_ends_its_loop_and_repeats_nothing(
    settings, publish, environment
):
    await publish(*range(300))
    process = _start(environment, 0.01)
    first = await asyncio.to_thread(_until, process, 50)
    process.send_signal(signal.SIGTERM)
    output, _ = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0
    *more, last = output.split()
    assert last == "ended"
    rest = await ids(settings)
    assert Counter([*first, *more, *rest]) == Counter(names(range(300)))


async def test_records_that_expired_before_they_were_read_are_told_of(settings, publish):
    await publish(*range(40))
    place = TopicPartition(f"{settings.topics.prefix}verdicts", 1)
    async with received(settings, ["verdicts"], group="g") as reception:
        while not (taken := [it for it in await reception.take(most=3) if it.place == place]):
            pass
        reception.done(taken[0])
    admin = AIOKafkaAdminClient(bootstrap_servers=list(settings.kafka.brokers))
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(6)})
    await admin.close()
    gaps = []
    async with received(settings, ["verdicts"], group="g", told=gaps.append) as reception:
        found = []
        while not reception.assigned or reception.following != await reception.ends():
            found += await reception.take()
    assert gaps == [(place, taken[0].offset + 1, 6)]
    assert min(it.offset for it in found if it.place == place) == 6


async def test_without_a_group_nothing_is_kept_and_expiry_meanwhile_is_told(settings, publish):
    await publish(*range(8))
    gaps = []
    place = TopicPartition(f"{settings.topics.prefix}verdicts", 0)

    async def starts(places):
        return dict.fromkeys(places, 1)

    async with received(settings, ["verdicts"], starts=starts, told=gaps.append) as reception:
        admin = AIOKafkaAdminClient(bootstrap_servers=list(settings.kafka.brokers))
        await admin.start()
        await admin.delete_records({place: RecordsToDelete(2)})
        await admin.close()
        await publish(8)
        found = []
        while not reception.assigned or reception.following != await reception.ends():
            found += await reception.take()
    assert gaps == [(place, 1, 2)]
    assert {it.offset for it in found if it.place == place} == {2}
    assert {it.offset for it in found if it.place != place} == {1}
