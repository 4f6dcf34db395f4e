"""The topics as data: created, described and checked as docs/topics/ promises them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]  # no types
from aiokafka.admin.config_resource import (  # type: ignore[import-untyped]  # no types
    ConfigResource,
    ConfigResourceType,
)
from aiokafka.errors import KafkaError, for_code  # type: ignore[import-untyped]  # no types

from streams.connection import client_options
from streams.local_log import administration as local
from streams.settings import Settings

__all__ = [
    "Role",
    "Topic",
    "TopicError",
    "TopicState",
    "check",
    "create",
    "describe",
    "name",
    "table",
    "unreachable",
]

Role = Literal["messages", "verdicts", "replies", "labels", "models", "deadletter"]

_UNKNOWN = 3  # UNKNOWN_TOPIC_OR_PARTITION
_EXISTS = 36  # TOPIC_ALREADY_EXISTS
_VISIBLE_TRIES = 100
_VISIBLE_PAUSE = 0.1  # seconds


class TopicError(RuntimeError):
    """Brokers or topics aren't as needed: one line with what was found and what to do."""


class Topic(NamedTuple):
    """A topic as it must be; `config` are Kafka's own topic settings."""

    role: Role
    name: str
    key: str
    value: str
    partitions: int
    replication: int
    config: dict[str, str]


class TopicState(NamedTuple):
    """A topic as it was found: `partitions` is 0 where it doesn't exist."""

    topic: Topic
    partitions: int
    config: dict[str, str]

    @property
    def differences(self) -> list[str]:
        """What isn't as the settings say, one phrase each."""
        if not self.partitions:
            return ["missing"]
        found = [
            f"{key} is {self.config.get(key)}, wanted {value}"
            for key, value in self.topic.config.items()
            if self.config.get(key) != value
        ]
        if self.partitions != self.topic.partitions:
            found.append(f"partitions is {self.partitions}, wanted {self.topic.partitions}")
        return found


def name(settings: Settings, role: Role) -> str:
    """Return the full name of a topic."""
    return settings.topics.prefix + role


def table(settings: Settings) -> tuple[Topic, ...]:
    """Return all topics as the settings want them."""
    topics = settings.topics
    raw = "the raw message, RFC 5322 bytes"
    rows: tuple[tuple[Role, str, str, int, float], ...] = (
        ("messages", "message id", raw, topics.partitions, topics.messages_hours),
        ("verdicts", "message id", "verdict, JSON", topics.partitions, topics.verdicts_hours),
        (
            "replies",
            "request id",
            "the same verdict, JSON",
            topics.replies_partitions,
            topics.replies_minutes / 60,
        ),
        ("labels", "message id", "label or model command, JSON", 1, topics.labels_hours),
        ("models", "none", "learning steps and snapshots, JSON or bytes", 1, topics.models_hours),
        ("deadletter", "the original key", "the original bytes", 1, topics.deadletter_hours),
    )
    return tuple(
        Topic(
            role,
            name(settings, role),
            key,
            value,
            partitions,
            topics.replication,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(int(hours * 3_600_000)),
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(
                    settings.dead_letter_bytes if role == "deadletter" else settings.record_bytes
                ),
            },
        )
        for role, key, value, partitions, hours in rows
    )


async def create(
    settings: Settings, new_epoch: Callable[[str, str], Coroutine[Any, Any, None]]
) -> list[str]:
    """Create the topics that don't exist; return the names of those that were created.

    `new_epoch(topic, epoch)` stores the random epoch of a created topic: offsets restart at 0 in
    it. Raises TopicError if the brokers can't be reached or refuse.
    """
    if settings.embedded.folder:
        return await _create_locally(settings, new_epoch)
    created = []
    async with _admin(settings) as admin:
        for topic in table(settings):
            response = await admin.create_topics(
                [
                    NewTopic(
                        topic.name,
                        topic.partitions,
                        topic.replication,
                        topic_configs=topic.config,
                    )
                ]
            )
            _, code, reason = response.topic_errors[0]
            if code == _EXISTS:
                continue
            if code:
                raise TopicError(
                    f"topic {topic.name}: the broker refused to create it: "
                    f"{for_code(code).__name__}: {reason}"
                )
            try:
                await new_epoch(topic.name, secrets.token_hex(4))
            except BaseException:  # with the old epoch, old records would answer new messages
                await admin.delete_topics([topic.name])
                raise
            created.append(topic.name)
        await _until_visible(admin, created)
    return created


async def _until_visible(admin: Any, names: Sequence[str]) -> None:
    """Wait until brokers know what the controller has created: it answers before they do."""
    for _ in range(_VISIBLE_TRIES):
        entries = await admin.describe_topics(list(names)) if names else []
        if not any(entry["error_code"] for entry in entries):
            return
        await asyncio.sleep(_VISIBLE_PAUSE)


async def describe(settings: Settings) -> list[TopicState]:
    """Return the topics as they are on the brokers; raises TopicError if none answers."""
    wanted = table(settings)
    if settings.embedded.folder:
        return [_local_state(topic, row) for topic, row in await _local_rows(settings, wanted)]
    async with _admin(settings) as admin:
        found = {
            entry["topic"]: entry
            for entry in await admin.describe_topics([topic.name for topic in wanted])
        }
        states = []
        for topic in wanted:
            entry = found.get(topic.name, {"error_code": _UNKNOWN, "partitions": []})
            config: dict[str, str] = {}
            if not entry["error_code"]:
                resource = ConfigResource(
                    ConfigResourceType.TOPIC, topic.name, dict.fromkeys(topic.config)
                )
                for response in await admin.describe_configs([resource]):
                    for _, _, _, _, entries in response.resources:
                        config |= {item[0]: item[1] for item in entries}
            states.append(TopicState(topic, len(entry["partitions"]), config))
        return states


async def check(settings: Settings) -> dict[str, int]:
    """Return the partitions by topic name; raises TopicError if a topic is missing or can't work.

    What can't work: offsets don't order time (timestamp type), or records don't fit.
    """
    states = await describe(settings)
    missing = [state.topic.name for state in states if not state.partitions]
    if missing:
        raise TopicError(
            f"topics missing {_where(settings)}: {', '.join(missing)}; "
            "create them with `weir topics create`"
        )
    for state in states:
        key = "message.timestamp.type"
        if state.config.get(key) != state.topic.config[key]:
            raise TopicError(
                f"topic {state.topic.name}: {key} = {state.config.get(key)}; "
                f"allowed: {state.topic.config[key]}"
            )
        limit, wanted = int(state.config.get("max.message.bytes", 0)), state.topic.config
        if limit < int(wanted["max.message.bytes"]):
            raise TopicError(
                f"topic {state.topic.name}: max.message.bytes = {limit}; allowed: at least "
                f"{wanted['max.message.bytes']} for topics.message_bytes = "
                f"{settings.topics.message_bytes}"
            )
    return {state.topic.name: state.partitions for state in states}


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        try:
            await admin.start()
        except (KafkaError, OSError) as error:
            raise TopicError(unreachable(settings, error)) from None
        try:
            yield admin
        except (KafkaError, OSError) as error:
            raise TopicError(unreachable(settings, error)) from None
    finally:
        await admin.close()


def unreachable(settings: Settings, error: Exception) -> str:
    """Return the one line about brokers that don't answer, or a local log that can't be used."""
    if settings.embedded.folder:
        return f"embedded.folder = {settings.embedded.folder!r}: {error}"
    return (
        f"kafka.brokers = {', '.join(settings.kafka.brokers)}: no broker answers "
        f"({type(error).__name__}: {error}); check the address, that Kafka runs, and kafka.security"
    )


def _where(settings: Settings) -> str:
    if settings.embedded.folder:
        return f"in the local log of {settings.embedded.folder}"
    return f"on {', '.join(settings.kafka.brokers)}"


async def _create_locally(
    settings: Settings, new_epoch: Callable[[str, str], Coroutine[Any, Any, None]]
) -> list[str]:
    try:
        created = await asyncio.to_thread(local.create, settings.embedded.folder, _rows(settings))
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    for topic, epoch in created.items():
        await new_epoch(topic, epoch)
    return list(created)


async def _local_rows(
    settings: Settings, wanted: Sequence[Topic]
) -> list[tuple[Topic, local.TopicRow | None]]:
    try:
        found = await asyncio.to_thread(local.topics, settings.embedded.folder)
    except KafkaError as error:
        raise TopicError(unreachable(settings, error)) from None
    return [(topic, found.get(topic.name)) for topic in wanted]


def _local_state(topic: Topic, row: local.TopicRow | None) -> TopicState:
    if row is None:
        return TopicState(topic, 0, {})
    config = {
        "retention.ms": str(row.retention_ms),
        "max.message.bytes": str(row.record_bytes),
    }
    return TopicState(topic, row.partitions, {**topic.config, **config})


def _rows(settings: Settings) -> list[local.TopicRow]:
    return [
        local.TopicRow(
            topic.name,
            topic.partitions,
            int(topic.config["retention.ms"]),
            int(topic.config["max.message.bytes"]),
        )
        for topic in table(settings)
    ]
