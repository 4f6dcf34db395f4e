"""What is known of labels that were published: what was heard of a message, how far each came."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from models.hearing import Voice
from models.label import Label, Target
from streams.labels.asking import Counted
from streams.labels.path import Passed, Paths
from streams.stores.label_state import LabelRecord

__all__ = ["LabelStatus", "given_label", "retractable", "statuses"]


class LabelStatus(NamedTuple):
    """One label: the message that it is of ('' where unknown), what was heard, and its path.

    `voice` is None where nothing is counted of it. `stands` tells that it wasn't retracted.
    """

    label: str
    message: str
    voice: Voice | None
    stands: bool
    path: tuple[Passed, ...]


async def given_label(counted: Counted, name: str, tenant: str) -> Label | None:
    """Return the counted label with that id, so that it can be taken back; None where unknown.

    A label of another tenant is unknown. Raises StoreError or RedisError.
    """
    (message,) = await counted.messages_of([name])
    if message is None:
        return None
    record = (await counted.records([message])).get(message)
    voices = record.voices if record and record.tenant == tenant else ()
    voice = next((it for it in reversed(voices) if it.given.id == name), None)
    if voice is None:
        return None
    given = voice.given
    return Label(
        id=name,
        of=Target(id=message),
        truth=given.truth,
        source=given.source,
        reporter=given.reporter,
        tenant=tenant,
        given_at=datetime.fromtimestamp(given.at, UTC),
    )


async def retractable(
    counted: Counted, labels: Sequence[str], messages: Sequence[str]
) -> list[bool | None]:
    """Tell of each label whether it is counted; None: nothing is counted of its message yet.

    Raises StoreError or RedisError.
    """
    of = await counted.messages_of(labels)
    records = await counted.records(messages)
    return [
        True if known is not None else False if message in records else None
        for known, message in zip(of, messages, strict=True)
    ]


async def statuses(
    counted: Counted, paths: Paths, names: Sequence[str], derived: Sequence[Sequence[str]]
) -> list[list[LabelStatus]]:
    """Return what is known of each name: it is a label's id, or a message's with all its labels.

    `derived` are ids of labels that may have been given of each and aren't counted yet. Raises
    StoreError and RedisError where it can't be told.
    """
    of = await counted.messages_of(names)
    messages = [message or name for name, message in zip(names, of, strict=True)]
    records = await counted.records(messages)
    wanted: list[tuple[str, list[str]]] = []
    for name, message, known, more in zip(names, messages, of, derived, strict=True):
        record = records.get(message)
        labels = [name]
        if known is None and record is not None:
            labels = list(dict.fromkeys(it.given.id for it in record.voices if it.given.truth))
        wanted.append((message, list(dict.fromkeys([*labels, *more]))))
    flat = [label for _, labels in wanted for label in labels]
    told = dict(zip(flat, await paths.read(flat), strict=True))
    return [
        [
            status
            for label in labels
            if (status := _status(label, message, records.get(message), told[label]))
        ]
        for message, labels in wanted
    ]


def _status(
    label: str, message: str, record: LabelRecord | None, path: tuple[Passed, ...]
) -> LabelStatus | None:
    voices = [it for it in (record.voices if record else ()) if it.given.id == label]
    if not voices and not path:
        return None
    taken = {it.given.retracts: it.offset for it in (record.voices if record else ())}
    voice = max(voices, key=lambda it: it.offset, default=None)
    stands = voice is not None and taken.get(label, -1) < voice.offset
    return LabelStatus(label, message if record else "", voice, stands, path)
