"""Somebody's labels taken back for good, and what labels keep of them as a sender or recipient."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from features.entities import concerns
from features.reported import Report, who_is
from features.rolling import Entity
from models.hearing import Voice
from models.standing import change, standing
from streams.labels.ledger import increments_of, reported_entities
from streams.stores.label_state import Heard, LabelChange, LabelRecord, is_reported
from streams.stores.protocol import Move, StoreError
from streams.stores.redis_store import RedisStore

__all__ = ["forget_labels"]

_TRIES: Final = 20


async def forget_labels(store: RedisStore, person: str) -> int:
    """Take back the labels of an address (its keyed hash), and forget what names it.

    Return of how many messages and reporters something was kept. What a label has counted goes
    with it; where that fails in between, the counts stay, which name nobody. Raises StoreError,
    RedisError or OSError where Redis can't be reached, StoreError also where labels come too fast.
    """
    for _ in range(_TRIES):
        found = await _forget(store, person)
        if found is not None:
            return found
    raise StoreError("redis: labels: others change them all the time; try again")


async def _forget(store: RedisStore, person: str) -> int | None:
    """Try once; None where labels were counted meanwhile."""
    who = who_is(person, "")
    before = [
        record async for record in store.labels.every_labelled() if _is_about(record, person, who)
    ]
    entities = reported_entities(before)
    state = await store.label_state([record.message for record in before], [who], entities)
    if any(state.labelled.get(record.message) != record for record in before):
        return None
    after = [_without(record, person, who) for record in before]
    changed = LabelChange(
        expected=state.applied,
        applied=None,
        labelled=after,
        reporters={who: None},
        reports={
            entity: _left(entity, state.reports.get(entity.key, ()), person, who)
            for entity in entities
        },
    )
    if not await store.keep_labels(changed):
        return None
    moves = []
    for old, new in zip(before, after, strict=True):
        taken = increments_of(new, change(standing(old.voices), standing(new.voices)))
        if taken:
            moves.append(Move(None, new.at, taken))
    await store.count(moves)
    return len(before) + len(state.reporters)


def _is_about(record: LabelRecord, person: str, who: bytes) -> bool:
    return any(concerns(each.key, person) for each in record.touched) or any(
        _is_by(voice, person) or any(it.who == who for it in voice.witnesses)
        for voice in record.voices
    )


def _is_by(voice: Voice, person: str) -> bool:
    return voice.given.reporter == person


def _without(record: LabelRecord, person: str, who: bytes) -> LabelRecord:
    return replace(
        record,
        touched=tuple([it for it in record.touched if not concerns(it.key, person)]),
        heard=tuple(
            [
                Heard(_unwitnessed(it.voice, who), it.campaign)
                for it in record.heard
                if not _is_by(it.voice, person)
            ]
        ),
    )


def _unwitnessed(voice: Voice, who: bytes) -> Voice:
    return replace(voice, witnesses=tuple([it for it in voice.witnesses if it.who != who]))


def _left(entity: Entity, reports: Sequence[Report], person: str, who: bytes) -> tuple[Report, ...]:
    """Return the reports that stay with an entity: none where it is the person's own."""
    if not is_reported(entity) or concerns(entity.key, person):
        return ()
    return tuple([report for report in reports if report.who != who])
