"""A batch of labels worked out: what each changes, and what then takes the place of what is kept.

Pure: it has what the store keeps, hears label after label, and says which counters move and what to
keep. It rests on nothing that counters say, so that a batch that was cut short is worked out to the
same when it comes again.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from features.envelope import LogPosition
from features.reported import Report, kept, tenant_mark, who_is
from features.rolling import DAY, Entity, Increment, counted
from models.hearing import Voice, hear
from models.label import ABUSE, Given, Label
from models.standing import KINDS_OF, Change, Count, Standing, change, standing
from models.trust import TRUSTED, Trust
from streams.labels.message import Taken
from streams.stores.label_state import (
    Campaign,
    Heard,
    LabelChange,
    LabelRecord,
    LabelState,
    Reporter,
    Touched,
    is_reported,
)
from streams.stores.protocol import Move

__all__ = [
    "MOST_HEARD",
    "Ledger",
    "Outcome",
    "asked_of",
    "counted_for",
    "increments_of",
    "reported_entities",
]

MOST_HEARD: Final = 384
"""Labels of one message, and retractions, that are heard of others than analysts and traps."""
_NEW: Final = Reporter()
_FRESH: Final = Campaign()


class Outcome(NamedTuple):
    """What came of a label: what stood of its message before it and with it, and the difference.

    `voice` is how it was heard, None where it wasn't, as it says nothing new, its message had too
    many labels, or it was counted so long ago that nothing is kept of it. `campaign` is how many
    labels of its side had taught of its content that day. `again` tells that it was counted before;
    all else is as it was then.
    """

    message: str
    voice: Voice | None
    before: Standing
    after: Standing
    change: Change
    campaign: int = 0
    again: bool = False


class Ledger:
    """Hears the labels of a batch in the order of their offsets.

    `state` has what is kept of its messages and their entities, and of the reporters `asked`
    about; `epoch` is that of mail.labels, `trust` gives a tenant's policy, `seconds` is how long
    reports stand.
    """

    def __init__(
        self,
        state: LabelState,
        asked: Sequence[bytes],
        epoch: str,
        trust: Callable[[str], Trust],
        seconds: float,
    ) -> None:
        self._state = state
        self._asked = frozenset(asked)
        self._epoch = epoch
        self._trust = trust
        self._seconds = seconds
        same = state.applied is not None and state.applied.epoch == epoch
        self._applied = state.applied.offset if state.applied and same else -1
        self._last = self._applied
        self._records: dict[str, LabelRecord] = {}
        self._stands: dict[str, Standing] = {}
        self._reporters: dict[bytes, Reporter] = {}
        self._credits: dict[bytes, tuple[int, int]] = {}
        self._reports: dict[Entity, tuple[Report, ...]] = {}
        self._campaigns: dict[Entity, Campaign] = {}
        self._labels: dict[str, str] = {}
        self.moves: list[Move] = []
        """What moves in the counters, a move a label at its own place in mail.labels."""

    def hear(self, taken: Taken, found: LabelRecord) -> Outcome:
        """Return what a label changes; `found` is its message's record, where none is kept yet."""
        label, offset = taken.label, taken.offset
        record = self._record(found)
        if offset <= self._applied:
            return _again(record, offset)
        self._last = max(self._last, offset)
        if _is_idle(record, taken):
            stands = self._standing(record)
            return Outcome(record.message, None, stands, stands, change(stands, stands))
        content, day = _content(record), _day(taken)
        campaigns = [self._campaign(each, day) for each in content]
        abuse = label.truth in ABUSE
        campaign = max((_told(each, abuse=abuse) for each in campaigns), default=0)
        voice = self._voice(taken, record, campaign)
        if label.truth is not None:
            reporter = self._reporter(_who(label))
            today = reporter.labels if reporter.day == day else 0
            self._reporters[_who(label)] = replace(reporter, day=day, labels=today + 1)
            if voice.teaches and label.source != "analyst":
                taught = [_taught(each, abuse=voice.abuse) for each in campaigns]
                self._campaigns.update(zip(content, taught, strict=True))
        grown = replace(record, heard=(*record.heard, Heard(voice, campaign)))
        self._records[record.message] = grown
        self._labels[label.id] = record.message
        before, after = self._standing(record), standing(grown.voices)
        self._stands[record.message] = after
        outcome = Outcome(record.message, voice, before, after, change(before, after), campaign)
        self._change(record, outcome, taken)
        return outcome

    def _voice(self, taken: Taken, record: LabelRecord, campaign: int) -> Voice:
        label = taken.label
        reporter = self._reporter(_who(label))
        given = Given(
            taken.offset,
            label.id,
            label.truth,
            label.source,
            label.reporter,
            taken.at,
            label.retracts,
        )
        return hear(
            given,
            record.facts,
            self._trust(record.tenant),
            reputation=reporter.reputation,
            today=reporter.labels if reporter.day == _day(taken) else 0,
            sender_ham=self._sender_ham(record),
            campaign=campaign,
            earlier=record.voices,
            siblings=self._siblings(record),
        )

    def credited(self) -> list[bytes]:
        """Return the reporters whose reputation changes and of whom nothing was asked."""
        return list(self._credits)

    def kept(self, others: Mapping[bytes, Reporter]) -> LabelChange:
        """Return what takes the place of what is kept; `others` are the credited reporters."""
        credited = {
            who: _credited(others.get(who, _NEW), *credit) for who, credit in self._credits.items()
        }
        return LabelChange(
            expected=self._state.applied,
            applied=LogPosition(self._epoch, 0, self._last),
            labelled=list(self._records.values()),
            reporters=self._reporters | credited,
            reports=self._reports,
            campaigns=self._campaigns,
            labels=self._labels,
        )

    def _record(self, found: LabelRecord) -> LabelRecord:
        known = self._records.get(found.message) or self._state.labelled.get(found.message)
        return _of_epoch(known or found, self._epoch)

    def _standing(self, record: LabelRecord) -> Standing:
        known = self._stands.get(record.message)
        return known or standing(record.voices)

    def _reporter(self, who: bytes) -> Reporter:
        return self._reporters.get(who) or self._state.reporters.get(who, _NEW)

    def _reports_of(self, entity: Entity) -> tuple[Report, ...]:
        known = self._reports.get(entity)
        return self._state.reports.get(entity.key, ()) if known is None else known

    def _siblings(self, record: LabelRecord) -> list[Report]:
        """Return what the tenant's own people said of the same content, each once, by time."""
        found = {each.label: each for it in _content(record) for each in self._own(record, it)}
        return sorted(found.values(), key=lambda report: (report.at, report.label))

    def _sender_ham(self, record: LabelRecord) -> float:
        """Return how many standing labels say that the sender's mail is legitimate."""
        senders = [each.entity for each in record.touched if each.kind == "domain"]
        return float(sum(not it.abuse for each in senders for it in self._own(record, each)))

    def _own(self, record: LabelRecord, entity: Entity) -> list[Report]:
        mark = tenant_mark(record.tenant)
        return [report for report in self._reports_of(entity) if report.tenant == mark]

    def _campaign(self, entity: Entity, day: int) -> Campaign:
        known = self._campaigns.get(entity) or self._state.campaigns.get(entity.key, _FRESH)
        return known if known.day == day else Campaign(day)

    def _change(self, record: LabelRecord, outcome: Outcome, taken: Taken) -> None:
        increments = increments_of(record, outcome.change)
        if increments:
            place = LogPosition(self._epoch, 0, taken.offset)
            self.moves.append(Move(place, record.at, increments))
        if outcome.change.reports:
            old = {each.label for each in outcome.before.reports}
            mark = tenant_mark(record.tenant)
            for entity in [it.entity for it in record.touched]:
                if is_reported(entity):
                    left = [it for it in self._reports_of(entity) if it.label not in old]
                    said = outcome.after.reports_of(entity.kind.name)
                    new = [replace(report, tenant=mark) for report in said]
                    self._reports[entity] = kept((*left, *new), taken.at - self._seconds)
        for who, agreed, disagreed in outcome.change.credits:
            if who in self._asked:
                self._reporters[who] = _credited(self._reporter(who), agreed, disagreed)
            else:
                good, bad = self._credits.get(who, (0, 0))
                self._credits[who] = (good + agreed, bad + disagreed)


def asked_of(batch: Sequence[tuple[Taken, LabelRecord]]) -> tuple[list[str], list[bytes]]:
    """Return the messages and the reporters that a ledger needs to know of a batch."""
    messages = dict.fromkeys(record.message for _, record in batch)
    reporters = dict.fromkeys(_who(taken.label) for taken, _ in batch)
    return list(messages), list(reporters)


def reported_entities(records: Iterable[LabelRecord]) -> list[Entity]:
    """Return the entities of messages whose reports are kept, each once."""
    entities = dict.fromkeys(each.entity for record in records for each in record.touched)
    return [entity for entity in entities if is_reported(entity)]


def counted_for(record: LabelRecord, since: int, until: int) -> tuple[Increment, ...]:
    """Return what labels of a message behind one offset add to its counters, up to another one."""
    before, after = (standing(record.voices, offset) for offset in (since, until))
    return increments_of(record, change(before, after))


def _day(taken: Taken) -> int:
    return int(taken.at // DAY)


def _of_epoch(record: LabelRecord, epoch: str) -> LabelRecord:
    """Return a record whose labels of another log stand before all of this one's, in their order.

    Offsets of two logs say nothing of their order: what is given now would else be outlived, and
    not taken back, by what was given before mail.labels was made anew.
    """
    if record.epoch == epoch:
        return record
    heard = record.heard
    if record.epoch:
        voices = [
            replace(each.voice.given, offset=at) for at, each in enumerate(heard, -len(heard))
        ]
        heard = tuple(
            [
                replace(each, voice=replace(each.voice, given=given))
                for each, given in zip(heard, voices, strict=True)
            ]
        )
    return replace(record, heard=heard, epoch=epoch)


def _is_idle(record: LabelRecord, taken: Taken) -> bool:
    """Tell whether a label changes nothing, so that nothing is kept of it.

    It stands already, or is taken back already; or its message has too many; or it waited for its
    message while its giver said something else.
    """
    label = taken.label
    about = label.retracts or label.id
    last = next(
        (it.given for it in reversed(record.voices) if about in (it.given.id, it.given.retracts)),
        None,
    )
    if last is not None:
        if last.truth == label.truth:
            return True
        if taken.since is not None and last.at >= taken.since:
            return True
    heard = last is not None if label.retracts else label.source in TRUSTED
    return len(record.heard) >= MOST_HEARD and not heard


def _who(label: Label) -> bytes:
    return who_is(label.reporter, label.source)


def _again(record: LabelRecord, offset: int) -> Outcome:
    """Return what came of a label when it was counted."""
    heard = next((it for it in record.heard if it.voice.offset == offset), None)
    before, after = (standing(record.voices, until) for until in (offset - 1, offset))
    return Outcome(
        record.message,
        heard.voice if heard else None,
        before,
        after,
        change(before, after),
        heard.campaign if heard else 0,
        again=True,
    )


def _credited(reporter: Reporter, agreed: int, disagreed: int) -> Reporter:
    return replace(reporter, reputation=reporter.reputation.credited(agreed, disagreed))


def _content(record: LabelRecord) -> list[Entity]:
    return [each.entity for each in record.touched if each.kind == "content"]


def _told(campaign: Campaign, *, abuse: bool) -> int:
    return campaign.abuse if abuse else campaign.ham


def _taught(campaign: Campaign, *, abuse: bool) -> Campaign:
    if abuse:
        return replace(campaign, abuse=campaign.abuse + 1)
    return replace(campaign, ham=campaign.ham + 1)


def increments_of(record: LabelRecord, changed: Change) -> tuple[Increment, ...]:
    """Return what a change adds to the counters of a message's entities and takes from them."""
    found = []
    for touched in record.touched:
        entity = touched.entity
        amounts = {"spam": 0, "ham": 0}
        for counts, sign in ((changed.more, 1), (changed.less, -1)):
            for count in counts:
                if _is_about(count, touched):
                    amounts["spam" if count.abuse else "ham"] += sign
        items = [
            counted(entity.kind, name, amount)
            for name, amount in amounts.items()
            if amount and name in entity.kind.codes
        ]
        if items:
            found.append(Increment(entity, b"".join(items)))
    return tuple(found)


def _is_about(count: Count, touched: Touched) -> bool:
    """Tell whether a count is about an entity; a pair's label begins with our user's hash."""
    if touched.kind not in KINDS_OF[count.about]:
        return False
    return not count.reporter or touched.label.startswith(f"pair:{count.reporter},")
