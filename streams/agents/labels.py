"""The agent of the topic of labels: the mail log's shape, for records that teach."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import faust
from faust.types import EventT

from features.envelope import LogPosition
from streams.agents.messages import read_in_batches
from streams.sections import WorkerSection

__all__ = ["LabelArrival", "install"]


class LabelArrival(NamedTuple):
    """A record of the topic of labels as it was read; `at` is its append time (s)."""

    position: LogPosition
    at: float
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def install(
    app: faust.App,
    topic: str,
    section: WorkerSection,
    process: Callable[[Sequence[LabelArrival]], Awaitable[None]],
    *,
    epoch: str,
    acked: Callable[[LabelArrival], None],
    died: Callable[[BaseException], None],
) -> None:
    """Add the agent to an app; `died` is told if it or its worker fails: it must end the process.

    `section` bounds a batch. Nothing is acked before `process` has returned.
    """
    read_in_batches(
        app,
        topic,
        "labels",
        section,
        process,
        read=lambda event: _arrival(event, epoch),
        size=lambda arrival: len(arrival.value),
        acked=acked,
        died=died,
    )


def _arrival(event: EventT[Any], epoch: str) -> LabelArrival:
    message = event.message
    headers: Any = message.headers or {}  # Faust types them narrower than what comes
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return LabelArrival(
        LogPosition(epoch, message.partition, message.offset),
        message.timestamp or 0.0,
        message.key,
        message.value or b"",
        [(name, value) for name, value in pairs if value is not None],
    )
