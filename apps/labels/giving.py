"""Labels and retractions published: found in batches, each once, in the order given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from apps.labels.heard import retractable
from apps.labels.intake import Candidate, Refused
from apps.labels.targets import Finder, Found
from apps.publishing import Delivered, Publisher
from models.label import Label
from streams.label_records import label_id, label_record, retraction
from streams.labels.asking import Counted

__all__ = ["Published", "Said", "give", "publish"]

_SOURCE: Final = "/weir/label"
_AT_ONCE: Final = 200  # candidates that are looked up in one round trip
_BYTES_AT_ONCE: Final = 8_000_000


class Said(NamedTuple):
    """A label to publish: what it was handed in as, its message's id, what a person should know."""

    name: str
    label: Label
    message: str
    note: str = ""


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
    retracts: Counted | None = None,
) -> None:
    """Find what each candidate is of and publish its label.

    A label that is said twice in one run is published once. `tell` is given each that the brokers
    acknowledged and each that was refused. `retracts`: labels are taken back, and it knows which
    are counted. Raises RedisError, StoreError and KafkaError.
    """
    seen: set[str] = set()
    for batch in _batches(items, tell):
        said: list[Said] = []
        for each in await finder.find(batch):
            if isinstance(each, Refused):
                tell(each)
                continue
            said.append(_said(each, tenant))
        if retracts is not None:
            said = await _retractions(retracts, said, tell)
        new: list[Said] = []
        for one in said:
            if one.label.id in seen:
                tell(Refused(one.name, "said already: the same label of one message"))
            else:
                seen.add(one.label.id)
                new.append(one)
        await publish(publisher, topic, new, tell)


async def _retractions(
    counted: Counted, said: Sequence[Said], tell: Callable[[Published | Refused], None]
) -> list[Said]:
    now = datetime.now(UTC)
    known = await retractable(
        counted, [one.label.id for one in said], [one.message for one in said]
    )
    found = []
    for one, is_counted in zip(said, known, strict=True):
        label = one.label
        if is_counted is False:
            reason = (
                f"this {label.source} said nothing of it; `weir label --status {one.message}` "
                "lists who did, and each label is retracted by its own id"
            )
            tell(Refused(one.name, reason))
            continue
        note = "" if is_counted else "nothing is counted of it yet"
        found.append(one._replace(label=retraction(label, now), note=note))
    return found


async def publish(
    publisher: Publisher,
    topic: str,
    said: Iterable[Said],
    tell: Callable[[Published | Refused], None],
) -> None:
    """Publish labels, and wait for the brokers."""
    waiting: deque[Said] = deque()

    def told(delivered: Iterable[Delivered]) -> None:
        """Tell of each, in the order in which they were sent."""
        for each in delivered:
            tell(Published(*waiting.popleft(), each.offset))

    for each in said:
        waiting.append(each)
        told(await publisher.send(label_record(topic, each.label, source=_SOURCE)))
    told(await publisher.flush())


def _said(found: Found, tenant: str) -> Said:
    candidate = found.candidate
    label = Label(
        id=label_id(tenant, found.target, candidate.source, candidate.reporter),
        of=found.target,
        truth=candidate.truth,
        source=candidate.source,
        reporter=candidate.reporter,
        tenant=tenant,
        given_at=datetime.now(UTC),
    )
    note = "; ".join(filter(None, (found.note, candidate.note)))
    return Said(candidate.name, label, found.message, note)


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
