"""Labels and retractions published: found in batches, each once, in the order given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from apps.labels.intake import Candidate, Refused
from apps.labels.targets import Finder, Found
from apps.publishing import Delivered, Publisher
from models.label import Label
from streams.label_records import label_id, label_record, retraction

__all__ = ["Published", "give", "publish"]

_SOURCE: Final = "/weir/label"
_AT_ONCE: Final = 200  # candidates that are looked up in one round trip
_BYTES_AT_ONCE: Final = 8_000_000


class Published(NamedTuple):
    """A label or a retraction that the brokers have, and where: `offset` in the topic of labels.

    `message` is the id of the message that it is of, '' for a bare one.
    """

    name: str
    label: Label
    message: str
    note: str
    offset: int


async def give(
    publisher: Publisher,
    finder: Finder,
    topic: str,
    items: Iterable[Candidate | Refused],
    tell: Callable[[Published | Refused], None],
    *,
    tenant: str,
    retracts: bool,
) -> None:
    """Find what each candidate is of and publish its label, or what takes that back.

    A label that is said twice in one run is published once. `tell` is given each that the brokers
    acknowledged and each that was refused. Raises RedisError and KafkaError.
    """
    seen: set[str] = set()

    def labels(found: Iterable[Found | Refused]) -> Iterator[tuple[Found, Label]]:
        for each in found:
            if isinstance(each, Refused):
                tell(each)
            elif (label := _label(each, tenant, retracts=retracts)).id in seen:
                tell(Refused(each.candidate.name, "said already: the same label of one message"))
            else:
                seen.add(label.id)
                yield each, label

    for batch in _batches(items, tell):
        said = [
            (each.candidate.name, label, each.message, _note(each))
            for each, label in labels(await finder.find(batch))
        ]
        await publish(publisher, topic, said, tell)


async def publish(
    publisher: Publisher,
    topic: str,
    said: Iterable[tuple[str, Label, str, str]],
    tell: Callable[[Published | Refused], None],
) -> None:
    """Publish labels, each with its name, its message's id and a note; wait for the brokers."""
    waiting: deque[tuple[str, Label, str, str]] = deque()

    def told(delivered: Iterable[Delivered]) -> None:
        for each in delivered:  # in the order in which they were sent
            tell(Published(*waiting.popleft(), each.offset))

    for each in said:
        waiting.append(each)
        told(await publisher.send(label_record(topic, each[1], source=_SOURCE)))
    told(await publisher.flush())


def _label(found: Found, tenant: str, *, retracts: bool) -> Label:
    candidate, now = found.candidate, datetime.now(UTC)
    label = Label(
        id=label_id(tenant, found.target, candidate.source, candidate.reporter),
        of=found.target,
        truth=candidate.truth,
        source=candidate.source,
        reporter=candidate.reporter,
        tenant=tenant,
        given_at=now,
    )
    return retraction(label, now) if retracts else label


def _note(found: Found) -> str:
    return "; ".join(filter(None, (found.note, found.candidate.note)))


def _batches(
    items: Iterable[Candidate | Refused], tell: Callable[[Published | Refused], None]
) -> Iterator[list[Candidate]]:
    batch: list[Candidate] = []
    size = 0
    for item in items:
        if isinstance(item, Refused):
            tell(item)
            continue
        batch.append(item)
        size += len(item.returned.raw or b"")
        if len(batch) >= _AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
