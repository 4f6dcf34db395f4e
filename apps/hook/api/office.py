"""Labels given and messages looked up over HTTP, by the same parts as `weir label`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types
from redis.exceptions import RedisError

from apps.hook.api.problems import ProblemError
from apps.hook.api.records import LabelStage, LabelState, MessageReply
from apps.labels.desk import open_desk
from apps.labels.giving import Published, give
from apps.labels.heard import LabelStatus
from apps.labels.intake import Candidate, Refused
from apps.publishing import open_publisher
from detectors.verdict import LogPlace, Verdict
from features.context import Context
from features.envelope import LogPosition
from streams.labels.asking import open_answers
from streams.labels.finding import CLOCK_AHEAD_MS, made_at
from streams.labels.mail_log import open_mail_log
from streams.labels.verdict_scan import Wanted
from streams.settings import KeysError, Settings
from streams.stores.protocol import StoreError
from streams.topics import TopicError, check, name
from streams.wire import Arrival

__all__ = ["Office"]

_AT_ONCE: Final = 4  # requests that have connections of their own open
_SECONDS: Final = 20.0  # for one of them, and its wait for its turn

Items = Callable[[Context], Iterable[Candidate | Refused]]


class Office:
    """Opens what a request needs, and closes it: labels are few, and Kafka or Redis may be away.

    Every method raises ProblemError, 503 where they are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def give(
        self, tenant: str, items: Items, *, retracts: bool = False
    ) -> list[Published | Refused]:
        """Publish labels, or take them back; return what became of each."""
        told: list[Published | Refused] = []
        async with (
            self._turn(),
            open_desk(self._settings, tenant) as desk,
            open_publisher(self._settings) as publisher,
        ):
            await give(
                publisher,
                desk.finder,
                name(self._settings, "labels"),
                items(desk.context),
                told.append,
                tenant=tenant,
                retracts=desk.counted if retracts else None,
            )
        return told

    async def message(self, identifier: str, tenant: str) -> MessageReply | None:
        """Return what is known of a message by its id; None for nothing, or for another tenant's.

        `tenant` '' is any.
        """
        async with self._turn():
            async with open_answers(self._settings) as answers:
                (place,) = await answers.known.positions([identifier])
            arrival, verdict = await self._in_the_log(identifier, place)
            if arrival is None and verdict is None:
                return None
            whose = arrival.incoming.envelope.tenant if arrival else ""
            whose = verdict.tenant if verdict else whose
            if tenant not in {"", whose}:
                return None
            async with open_desk(self._settings, whose) as desk:
                ((_, labels),) = await desk.statuses([identifier])
        envelope = arrival.incoming.envelope if arrival else None
        return MessageReply(
            id=identifier,
            place=LogPlace(*arrival.position) if arrival else verdict.log if verdict else None,
            received_at=envelope.received_at if envelope else None,
            bytes=len(arrival.incoming.raw) if arrival else None,
            truncated=envelope.truncated if envelope else None,
            verdict=verdict,
            labels=tuple(map(_state, labels)),
        )

    async def _in_the_log(
        self, identifier: str, place: LogPosition | None
    ) -> tuple[Arrival | None, Verdict | None]:
        """Return the message and its verdict, as far as the log has them."""
        made = made_at(identifier)
        if place is None and made is None:
            return None, None
        partitions = (await check(self._settings))[name(self._settings, "verdicts")]
        async with open_mail_log(self._settings, place.epoch if place else "", partitions) as log:
            arrival = None
            if place is not None:
                arrival = (await log.messages([place])).get(place)
                if arrival is not None and arrival.incoming.envelope.id != identifier:
                    arrival = None  # a recreated topic's
            since = arrival.appended_ms if arrival else (made or 0) - CLOCK_AHEAD_MS
            wanted = Wanted(identifier, since)
            return arrival, (await log.verdicts([wanted])).get(wanted)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_SECONDS), self._slots:
                yield
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE, f"no answer within {_SECONDS:g} seconds"
            ) from None
        except (RedisError, StoreError, TopicError, KafkaError, KeysError, OSError) as error:
            why = str(error) or type(error).__name__
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, " ".join(why.split())) from None


def _state(status: LabelStatus) -> LabelState:
    given = status.voice.given if status.voice else None
    return LabelState(
        status.label,
        given.truth if given else None,
        given.source if given else "",
        status.stands,
        tuple(LabelStage(it.stage, it.at, it.detail) for it in status.path),
    )
