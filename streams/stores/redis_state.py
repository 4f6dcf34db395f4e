"""The sender state in Redis as the store uses it: the namespace in use, the script, losses."""

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from streams.stores.namespaces import Namespaces
from streams.stores.protocol import Move, StateMovingError, Step
from streams.stores.rolling_redis import CLOSED, Calls, Layout
from streams.stores.round_trip import Command, round_trip

__all__ = ["Answer", "RedisState"]


class Answer(NamedTuple):
    """What came of a step: the script's answers or why it wasn't applied; others' answers."""

    calls: Calls
    records: list[Any]
    problem: Exception | None
    others: list[Any]


class RedisState:
    """Applies steps of batches in the namespace in use; errors of the connection pass through."""

    def __init__(self, redis: Redis, layout: Layout, namespace: str = "") -> None:
        self._redis = redis
        self._layout = layout
        self._namespace = namespace
        self._missed = False
        self.namespaces = Namespaces(redis, layout)

    async def namespace(self) -> str:
        """Return the namespace in use, as far as this process knows.

        Raises LayoutError if it was created with another number of shards.
        """
        if not self._namespace:
            self._namespace = (await self.namespaces.current()).name
        return self._namespace

    def missed(self) -> None:
        """Take note that increments may be lost; the next success says so in Redis."""
        self._missed = True

    async def lost(self) -> bool:
        """Tell whether increments were lost since the namespace was created."""
        name = await self.namespace()
        return self._missed or bool(await self._redis.exists(self._layout.lost(name)))

    async def apply(
        self, step: Step, moves: Sequence[Move], *others: Command, again: bool = False
    ) -> Answer:
        """Apply a step and send other commands with it, in one round trip.

        `again` says that the caller sends it again until it is applied: it isn't lost then. A
        namespace that was closed is looked for again, once. Errors that Redis answers are in
        the answer; those of the connection are raised.
        """
        calls = Calls(step, moves, self._layout.shards)
        try:
            answer = await self._apply(calls, others)
        except BaseException:  # a time limit ends it as a cancellation
            self._missed = self._missed or (bool(moves) and not again)
            raise
        if answer.problem is not None:
            self._missed = self._missed or not again
        elif self._missed and moves:
            with contextlib.suppress(RedisError, OSError):  # the next success says it
                await self.namespaces.note_loss(self._namespace)
                self._missed = False
        return answer

    async def _apply(self, calls: Calls, others: Sequence[Command]) -> Answer:
        commands = calls.commands(self._layout, await self.namespace())
        answers = await self._send([*commands, *others])
        records, rest = answers[: len(commands)], answers[len(commands) :]
        if CLOSED in records:
            known, self._namespace = self._namespace, ""
            found = await self.namespaces.current()
            self._namespace = found.name
            if found.created:  # Redis has lost the namespace that was in use
                self._missed = True
            records = await self._send(calls.commands(self._layout, found.name))
            if CLOSED in records:
                moving = StateMovingError(
                    f"redis: state: namespace {known} is closed: a rebuild is about to end; if "
                    "it was killed, run `weir state rebuild` again"
                )
                return Answer(calls, [], moving, rest)
        errors = (record for record in records if isinstance(record, Exception))
        return Answer(calls, records, next(errors, None), rest)

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        """Return each command's answer; those for which the script wasn't known are sent again."""
        answers = await round_trip(self._redis, commands)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            await self._redis.script_load(self._layout.script)
            again = await round_trip(self._redis, [commands[at] for at in unknown])
            for at, answer in zip(unknown, again, strict=True):
                answers[at] = answer
        return answers
