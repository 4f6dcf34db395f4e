"""Records to the broker: every one acknowledged, or known to be refused for good."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from aiokafka.errors import (  # type: ignore[import-untyped]  # ships no types
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from streams.wire import Record

__all__ = ["Deliver", "Delivery", "DeliveryError", "Send"]

Send = Callable[[Record], Awaitable[Awaitable[Any]]]

# What sending again can't cure. An unknown partition is an assertion in aiokafka.
_REFUSALS = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
    AssertionError,
    ValueError,
)


class DeliveryError(RuntimeError):
    """The broker didn't take the records in time: the messages must be delivered again."""


class Deliver(Protocol):
    """Deliver records; return for each None, or why it can never be delivered."""

    async def __call__(self, records: Sequence[Record]) -> list[str | None]:
        """Return when every record is acknowledged or refused; DeliveryError on time-out."""
        ...


class Delivery:
    """Delivers through a producer, sending again what failed, for at most `seconds`.

    `send` hands a record to the producer and returns the future of its acknowledgement. Faust's
    own flush ignores failed sends, so that a commit could pass a lost verdict.
    """

    def __init__(
        self,
        send: Send,
        seconds: float,
        pause: float = 0.2,
        on_resend: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._send = send
        self._seconds = seconds
        self._pause = pause
        self._on_resend = on_resend

    async def __call__(self, records: Sequence[Record]) -> list[str | None]:
        """Return when every record is acknowledged or refused; DeliveryError on time-out."""
        outcome: list[str | None] = [None] * len(records)
        pending = list(range(len(records)))
        last: BaseException | None = None
        try:
            async with asyncio.timeout(self._seconds):
                while pending:
                    failed = await self._attempt(records, pending)
                    for index, error in failed.items():
                        if isinstance(_cause(error), _REFUSALS):
                            outcome[index] = f"{type(_cause(error)).__name__}: {error}"
                    pending = [index for index in failed if outcome[index] is None]
                    if pending:
                        last = failed[pending[0]]
                        self._on_resend(len(pending))
                        await asyncio.sleep(self._pause)
        except TimeoutError:
            raise DeliveryError(
                f"the broker did not take {len(pending)} records within {self._seconds:g} s: "
                f"{last!r}"
            ) from None
        return outcome

    async def _attempt(
        self, records: Sequence[Record], pending: Sequence[int]
    ) -> dict[int, Exception]:
        failed: dict[int, Exception] = {}
        waiting: list[tuple[int, Awaitable[Any]]] = []
        for index in pending:
            try:
                waiting.append((index, await self._send(records[index])))
            except Exception as error:  # noqa: BLE001 - sorted into refusals and the rest by caller
                failed[index] = error
        results = await asyncio.gather(*(future for _, future in waiting), return_exceptions=True)
        for (index, _), result in zip(waiting, results, strict=True):
            if isinstance(result, Exception):
                failed[index] = result
            elif isinstance(result, BaseException):
                failed[index] = KafkaError(f"delivery was cancelled: {result!r}")
        return failed


def _cause(error: BaseException) -> BaseException:
    """Look through Faust's wrapping of the producer's own error."""
    return error.__cause__ if isinstance(error.__cause__, KafkaError) else error
