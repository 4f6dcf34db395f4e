"""Kafka: brokers, topics, replicas, the workers' group and its lag, the log's clock."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka import (  # type: ignore[import-untyped]  # no types
    AIOKafkaConsumer,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # no types
from aiokafka.errors import (  # type: ignore[import-untyped]  # no types
    GroupCoordinatorNotAvailableError,
    KafkaError,
)

from apps.doctor.finding import Finding, fault, fine, warning
from streams.connection import client_options
from streams.settings import Settings
from streams.topics import TopicError, describe, name, unreachable

__all__ = ["look_at_kafka", "members"]

_PATIENCE = 15.0
_COORDINATOR_TRIES = 6
_SKEW_MS = 2_000
_MUCH_LAG = 1_000
# What makes verdicts wrong or lost if it differs, beside what only keeps them longer or shorter.
_ESSENTIAL = ("message.timestamp.type", "max.message.bytes", "cleanup.policy", "missing")


async def look_at_kafka(settings: Settings) -> list[Finding]:
    """Return findings about brokers and topics; one fault if no broker answers.

    An embedded installation has no brokers, and its topics in a local log.
    """
    subject = "local log" if settings.embedded.folder else "kafka"
    try:
        async with asyncio.timeout(_PATIENCE):
            states = await describe(settings)
            found = [
                _topic(state.topic.name, difference)
                for state in states
                for difference in state.differences
            ]
            if not found:
                found = [fine("topics", f"{len(states)} topics, all as the settings say")]
            if settings.embedded.folder:
                return found
            count = next(s.partitions for s in states if s.topic.role == "messages")
            return [*await _brokers(settings), *found, *await _flow(settings, count)]
    except TopicError as error:
        return [fault(subject, *_split(str(error)))]
    except TimeoutError:
        text = unreachable(settings, TimeoutError(f"no answer in {_PATIENCE:.0f} s"))
        return [fault(subject, *_split(text))]
    except KafkaError as error:
        text = unreachable(settings, error)
        return [fault(subject, *_split(text))]


def _split(line: str) -> tuple[str, str]:
    said, _, todo = line.partition("; ")
    return said, todo


def _topic(topic: str, difference: str) -> Finding:
    said = f"{topic}: {difference}"
    if difference == "missing":
        return fault("topics", said, "run `weir topics create`")
    todo = "change the topic (kafka-configs), or the setting if the topic is right"
    if difference.startswith(_ESSENTIAL):
        return fault("topics", said, todo)
    return warning("topics", said, todo)


async def _brokers(settings: Settings) -> list[Finding]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        cluster = await admin.describe_cluster()
        brokers = len(cluster["brokers"])
        found = [fine("kafka", f"{brokers} brokers answer" if brokers != 1 else "1 broker answers")]
        if settings.topics.replication > brokers:
            found.append(
                fault(
                    "kafka",
                    f"topics.replication = {settings.topics.replication}, brokers: {brokers}",
                    "start more brokers, or lower topics.replication",
                )
            )
        topics = await admin.describe_topics(
            [name(settings, "messages"), name(settings, "verdicts")]
        )
        found += _replicas(topics)
        return [
            *found,
            *_workers(settings, await members(admin, settings.kafka.group)),
        ]
    finally:
        await admin.close()


async def members(admin: Any, group: str) -> int:
    """Return how many consumers a group has now; raises KafkaError."""
    for _ in range(_COORDINATOR_TRIES):
        try:
            answers = await admin.describe_consumer_groups([group])
        except GroupCoordinatorNotAvailableError:  # a new cluster makes its offsets topic now
            await asyncio.sleep(0.5)
        else:
            return sum(len(found[5]) for answer in answers for found in answer.groups)
    return 0


def _replicas(topics: list[Mapping[str, Any]]) -> Iterator[Finding]:
    for topic in topics:
        for partition in topic["partitions"]:
            place = f"{topic['topic']}, partition {partition['partition']}"
            if partition["leader"] < 0:
                yield fault("replicas", f"{place}: no leader", "bring its broker back")
            elif len(partition["isr"]) < len(partition["replicas"]):
                yield warning(
                    "replicas",
                    f"{place}: {len(partition['isr'])} of {len(partition['replicas'])} in sync",
                    "look at the broker that lags behind",
                )


def _workers(settings: Settings, count: int) -> Iterator[Finding]:
    said = f"group {settings.kafka.group}: {count} member{'s' * (count != 1)}"
    if not count:
        yield warning("workers", said, "start one with `weir worker`")
    elif count > settings.topics.partitions:
        todo = "stop the idle workers, or add partitions"
        yield warning("workers", f"{said}, {settings.topics.partitions} partitions", todo)
    else:
        yield fine("workers", said)


async def _flow(settings: Settings, count: int) -> list[Finding]:
    if not count:
        return []
    consumer = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.kafka.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        topic = name(settings, "messages")
        partitions = [TopicPartition(topic, number) for number in range(count)]
        ends = await consumer.end_offsets(partitions)
        first = await consumer.beginning_offsets(partitions)
        lag = 0
        for partition in partitions:
            done = await consumer.committed(partition)
            lag += ends[partition] - (first[partition] if done is None else done)
        return [_lag(topic, lag), *await _clock(consumer, partitions, first, ends)]
    finally:
        await consumer.stop()


def _lag(topic: str, lag: int) -> Finding:
    if lag > _MUCH_LAG:
        return warning(
            "lag",
            f"{topic}: {lag:,} messages wait",
            "see that workers run and keep up; add workers up to the number of partitions",
        )
    return fine("lag", f"{topic}: {lag:,} messages wait")


async def _clock(
    consumer: Any,
    partitions: list[TopicPartition],
    first: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> list[Finding]:
    """Compare our clock with the newest append time: the log can't be ahead of us."""
    filled = [partition for partition in partitions if ends[partition] > first[partition]]
    if not filled:
        return []
    consumer.assign(filled)
    for partition in filled:
        consumer.seek(partition, ends[partition] - 1)
    records = await consumer.getmany(timeout_ms=2_000)
    newest = max((r.timestamp for batch in records.values() for r in batch), default=0)
    ahead = newest - time.time() * 1000
    if ahead > _SKEW_MS:
        return [
            fault(
                "clock",
                f"the broker appended a record {ahead / 1000:.0f} s from now",
                "synchronise the clocks of brokers and workers (chrony, systemd-timesyncd)",
            )
        ]
    return [fine("clock", "not behind the broker's")]
