"""What is kept of labels in this process's memory: without a server, and without a clock."""

from collections.abc import Iterator, Sequence

import msgspec

from features.envelope import LogPosition
from features.reported import Report
from features.rolling import Entity
from streams.stores.label_state import Campaign, LabelChange, LabelRecord, LabelState, Reporter

__all__ = ["LabelMemory", "LabelsKept"]


class LabelsKept(msgspec.Struct):
    """All that a LabelMemory keeps, as msgspec can write and check it."""

    applied: LogPosition | None = None
    records: dict[str, LabelRecord] = {}
    reporters: dict[bytes, Reporter] = {}
    reports: dict[bytes, tuple[Report, ...]] = {}
    labels: dict[str, str] = {}
    campaigns: dict[bytes, Campaign] = {}


class LabelMemory:
    """Labels without a server: the same acts as in Redis, at once."""

    def __init__(self) -> None:
        self.kept = LabelsKept()

    def state(
        self, messages: Sequence[str], reporters: Sequence[bytes], entities: Sequence[Entity]
    ) -> LabelState:
        """Return what is kept of messages, reporters and entities."""
        kept = self.kept
        return LabelState(
            kept.applied,
            {name: kept.records[name] for name in messages if name in kept.records},
            {name: kept.reporters[name] for name in reporters if name in kept.reporters},
            {each.key: kept.reports[each.key] for each in entities if each.key in kept.reports},
            {each.key: found for each in entities if (found := kept.campaigns.get(each.key))},
        )

    def keep(self, change: LabelChange) -> bool:
        """Apply a change as a whole; False where another place than expected is applied."""
        kept = self.kept
        if change.expected != kept.applied:
            return False
        kept.applied = change.applied or kept.applied
        kept.records.update({record.message: record for record in change.labelled})
        for who, reporter in change.reporters.items():
            if reporter is None:
                kept.reporters.pop(who, None)
            else:
                kept.reporters[who] = reporter
        for entity, reports in change.reports.items():
            self.report(entity, reports)
        kept.campaigns.update({entity.key: it for entity, it in change.campaigns.items()})
        kept.labels.update(change.labels)
        return True

    def report(self, entity: Entity, reports: tuple[Report, ...]) -> None:
        """Put an entity's standing reports in the place of those that it had."""
        if reports:
            self.kept.reports[entity.key] = reports
        else:
            self.kept.reports.pop(entity.key, None)

    def reports(self, entity: Entity) -> tuple[Report, ...]:
        """Return an entity's standing reports."""
        return self.kept.reports.get(entity.key, ())

    def messages_of(self, labels: Sequence[str]) -> list[str | None]:
        """Return the id of the message that each label is of, None where unknown."""
        return [self.kept.labels.get(label) for label in labels]

    def every_labelled(self) -> Iterator[LabelRecord]:
        """Yield every labelled message."""
        yield from self.kept.records.values()
