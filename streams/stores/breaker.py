"""A circuit breaker around a store: when it fails, batches go on without it and spare it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from features.envelope import LogPosition
from streams.stores.protocol import (
    Advanced,
    Found,
    Keeping,
    Move,
    Query,
    StateMovingError,
    Store,
    StoreError,
)

__all__ = ["Breaker", "GuardedStore"]

_T = TypeVar("_T")

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Opens after `failures` in a row; after `seconds` lets one call through as a probe."""

    def __init__(
        self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._opened = 0.0
        self.state: State = "closed"

    def admit(self) -> bool:
        """Tell whether a call may be made; in the open state the first after a pause may."""
        if self.state == "closed":
            return True
        if self.state == "open" and self._clock() - self._opened >= self._seconds:
            self.state = "half_open"
            return True
        return False

    def succeeded(self) -> None:
        """Close: the store answered."""
        self._failures = 0
        self.state = "closed"

    def failed(self) -> None:
        """Count a failure; a failed probe opens at once."""
        self._failures += 1
        if self.state == "half_open" or self._failures >= self._limit:
            self.state = "open"
            self._opened = self._clock()


class GuardedStore:
    """A store with a time limit on every call and a breaker over all of them.

    `on_failure(method)` is told of each call that failed or wasn't made.
    """

    def __init__(
        self,
        store: Store,
        breaker: Breaker,
        timeout: float,
        on_failure: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._timeout = timeout
        self._on_failure = on_failure
        self.breaker = breaker

    async def look_up(self, queries: Sequence[Query]) -> list[Found]:
        """Return what is known of each message, in order, and remember them: ids and keys 1 d."""
        return await self._call("look_up", lambda: self._store.look_up(queries))

    async def advance(self, moves: Sequence[Move]) -> list[Advanced]:
        """Apply the arrival step of each message, in order, and return its readings."""
        return await self._call("advance", lambda: self._store.advance(moves), adds=bool(moves))

    async def record(self, kept: Sequence[Keeping], outcomes: Sequence[Move] = ()) -> list[bytes]:
        """Record encoded verdicts by place; return those in force, the first recorded wins."""
        call = self._store.record
        return await self._call("record", lambda: call(kept, outcomes), adds=bool(outcomes))

    async def marks(self, epoch: str) -> dict[int, int]:
        """Return the highest offset that any shard has applied, by partition of the mail log."""
        return await self._call("marks", lambda: self._store.marks(epoch))

    def missed(self) -> None:
        """Take note that increments were lost: a call of `advance` or its outcomes wasn't made."""
        self._store.missed()

    async def lost(self) -> bool:
        """Tell whether increments were lost since the state was created or rebuilt."""
        return await self._call("lost", self._store.lost)

    async def forget(self, positions: Sequence[LogPosition]) -> None:
        """Delete the recorded verdicts of places that can't be delivered again.

        For no places the store isn't called: that it did nothing says nothing about its health.
        """
        if positions:
            await self._call("forget", lambda: self._store.forget(positions))

    async def epoch(self, topic: str, proposed: str) -> str:
        """Return the topic's epoch; the proposed one is taken where none is stored."""
        return await self._call("epoch", lambda: self._store.epoch(topic, proposed))

    async def stored_epoch(self, topic: str) -> str | None:
        """Return the topic's epoch, None where none is stored."""
        return await self._call("epoch", lambda: self._store.stored_epoch(topic))

    async def set_epoch(self, topic: str, epoch: str) -> None:
        """Store the epoch of a topic that was just created."""
        await self._call("set_epoch", lambda: self._store.set_epoch(topic, epoch))

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy for good, so that replay can use it."""
        await self._call("keep_policy", lambda: self._store.keep_policy(digest, text))

    async def policy(self, digest: str) -> bytes | None:
        """Return a kept policy."""
        return await self._call("policy", lambda: self._store.policy(digest))

    async def ping(self) -> None:
        """Return if the store answers."""
        await self._call("ping", self._store.ping)

    async def close(self) -> None:
        """Let go of connections."""
        await self._store.close()

    async def _call(
        self, method: str, call: Callable[[], Awaitable[_T]], *, adds: bool = False
    ) -> _T:
        if not self.breaker.admit():
            if adds:
                self._store.missed()
            self._on_failure(method)
            raise StoreError(f"{method}: the breaker is open")
        try:
            async with asyncio.timeout(self._timeout):
                answer = await call()
        except TimeoutError:
            self.breaker.failed()
            self._on_failure(method)
            raise StoreError(f"{method}: no answer within {self._timeout:g} s") from None
        except StateMovingError:
            self.breaker.succeeded()  # it answered: a rebuild is about to end
            raise
        except StoreError:
            self.breaker.failed()
            self._on_failure(method)
            raise
        except BaseException:
            self.breaker.failed()  # cancelled in mid-call: a probe must not stay half open
            raise
        self.breaker.succeeded()
        return answer
