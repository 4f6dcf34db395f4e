"""Labels are counted once and exactly, whatever breaks in between, and taken back exactly."""

import asyncio
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from features.addresses import hash_address
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming, LogPosition
from features.evidence import extract
from features.reported import MOST_REPORTS, who_is
from features.rolling import Increment, counted
from models.label import Label, Target
from models.trust import Trust
from streams.labels.counting import Counting, LabelsLostError, Task
from streams.labels.ledger import MOST_HEARD
from streams.labels.message import Found, Taken, record_of
from streams.stores.label_state import LabelChange, is_reported
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Move, StateMovingError, StoreError
from streams.wire import Arrival, hashed_id

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = 30 * 86_400.0
DAY = 86_400.0
PEOPLE = tuple(f"u{number}@ours.example" for number in range(8))
BODY = "Buy now what others have: https://shop.test-sale.com/ is open"
CONTEXT = Context(authserv_ids=("mx.ours.example",))
BELIEVED = {"reputation_prior": 0.9}  # anybody's label moves counters


@pytest.fixture
def store(either_store):
    return either_store


class Broken:
    """A store that fails at its n-th act, before or after it has done it."""

    def __init__(self, store, at, *, done):
        self._store, self._left, self._done = store, at, done
        self.failures = 0

    def __getattr__(self, name):
        act = getattr(self._store, name)

        async def call(*given, **named):
            self._left -= 1
            if self._left == 0:
                if self._done:
                    await act(*given, **named)
                self.failures += 1
                raise (StateMovingError if name == "count" else StoreError)("away")
            return await act(*given, **named)

        return call


class People:
    """Gives labels with rising offsets; `reporter` is a person's number."""

    def __init__(self):
        self.offset = -1

    def label(self, message, reporter=0, truth="spam", source="report", **given):
        who = hashed(reporter) if source in ("report", "rescue", "reply") else source
        ident = hashed_id(message.message, who, source)
        if given.pop("retract", False):
            given["retracts"], ident, truth = ident, hashed_id("back", ident), None
        return self.task(message, ident, truth, source, who, **given)

    def task(self, message, ident, truth, source, who, retracts="", at=None, since=None):
        self.offset += 1
        label = Label(
            id=ident,
            of=Target(id=message.message),
            truth=truth,
            source=source,
            reporter=who,
            given_at=NOW,
            retracts=retracts,
        )
        return Task(Taken(label, self.offset, at or NOW.timestamp(), since), message)


def hashed(number):
    return hash_address(PEOPLE[number], CONTEXT)


def message(
    number=0,
    body="Buy now what others have: https://shop.test-sale.com/ is open",
    to=PEOPLE,
    **given,
):
    raw = f"From: Jo <jo@d.example>\nSubject: an offer\nMessage-ID: <{number}@d.example>\n"
    raw += given.pop("headers", "")
    fields = {
        "client": Client(ip="198.51.100.7", helo="mx.d.example"),
        "mail_from": "jo@d.example",
        "rcpt_to": to,
        "facts": {"spf": Fact(value="pass")},
        **given,
    }
    envelope = Envelope(id=f"m{number}", received_at=NOW, **fields)
    incoming = Incoming(envelope, f"{raw}\n{body}\n".encode())
    arrival = Arrival(incoming, LogPosition("log", 0, number), 0, None, None, False, False, [])
    evidence = extract(incoming, CONTEXT)
    return record_of(Found(envelope.id, arrival, incoming), evidence, NOW.timestamp() + DAY)


def counting(store, **trust):
    return Counting(store, "labels", lambda _: Trust(**trust), SECONDS)


async def counts(store, record):
    """Return the label counts of a message's entities that aren't nothing, by their labels."""
    found = {}
    for touched in record.touched:
        reading = await store.read(touched.entity)
        for name in ("spam", "ham"):
            if reading and name in touched.entity.kind.codes and reading.total(name):
                found[touched.label, name] = reading.total(name)
    return found


async def standing(store, *records):
    """Return all that labels have left in the store, but how far it has come."""
    entities = [each.entity for record in records for each in record.touched]
    state = await store.label_state(
        [record.message for record in records], [], [it for it in entities if is_reported(it)]
    )
    return [await counts(store, record) for record in records], state.labelled, state.reports


async def test_a_report_counts_for_all_that_the_message_touches_and_is_read_by_siblings(store):
    people, record = People(), message()
    (outcome,) = await counting(store, **BELIEVED).apply([people.label(record)])
    assert outcome.after.abuse
    assert not outcome.again
    found = await counts(store, record)
    kinds = {label.partition(":")[0] for label, _ in found}
    assert {"content", "link", "pair", "ip", "network"} <= kinds
    assert {name for _, name in found} == {"spam"}
    assert [label for label, _ in found if label.startswith("pair:")] == [
        f"pair:{hashed(0)},{record.touched[-1].label.partition(',')[2]}"
    ]
    sibling = message(1, body="Buy now what others have: https://other.test-sale.net/ is open")
    assert {each.label for each in record.touched} - {each.label for each in sibling.touched}
    shared = {each.key for each in record.touched} & {each.key for each in sibling.touched}
    state = await store.label_state(entities=[it.entity for it in sibling.touched])
    assert {key for key, reports in state.reports.items() if reports} <= shared
    assert any(each.kind == "domain" and each.key in state.reports for each in sibling.touched)


async def test_a_strangers_report_is_read_by_siblings_and_counts_for_the_pair_alone(store):
    record = message()
    await counting(store).apply([People().label(record)])
    assert {label.partition(":")[0] for label, _ in await counts(store, record)} == {"pair"}
    sibling = message(1, body="Buy now what others have: https://other.test-sale.net/ is open")
    state = await store.label_state(entities=[it.entity for it in sibling.touched])
    assert any(each.kind == "domain" and each.key in state.reports for each in sibling.touched)


async def test_a_label_counts_at_its_messages_time_and_is_no_sight_of_it(store):
    record = message()
    assert record.at == NOW.timestamp()
    content = next(each.entity for each in record.touched if each.kind == "content")
    arrived = Move(None, record.at, (Increment(content, counted(content.kind, "messages")),))
    await store.advance([arrived])
    label = People().label(record, at=record.at + 5 * DAY)
    await counting(store, **BELIEVED).apply([label])
    reading = await store.read(content, record.at)
    assert (reading.last, reading.total("spam")) == (record.at, 1)


async def test_one_person_counts_once_however_often_they_report_it(store):
    people, record = People(), message()
    batch = [people.label(record) for _ in range(3)]
    await counting(store).apply(batch)
    once = await counts(store, record)
    assert set(once.values()) == {1.0}


async def test_a_retraction_leaves_what_would_be_had_the_label_never_come(store):
    people, record, other = People(), message(), message(1, body="something else entirely, yes")
    teller = counting(store)
    await teller.apply([people.label(other, 1), people.label(record, 1)])
    before = (await standing(store, record, other))[0::2]
    await teller.apply([people.label(record, 0), people.label(record, source="analyst")])
    assert (await standing(store, record, other))[0::2] != before
    (gone, last) = await teller.apply(
        [
            people.label(record, 0, retract=True),
            people.label(record, source="analyst", retract=True),
        ]
    )
    assert (await standing(store, record, other))[0::2] == before
    assert (gone.after.source, last.after.source) == ("analyst", "report")


async def test_a_retraction_counts_by_the_record_alone(store):
    people, record = People(), message()
    await counting(store).apply([people.label(record)])
    (kept,) = (await store.label_state([record.message])).labelled.values()
    await counting(store).apply([people.label(kept, retract=True)])
    assert await counts(store, record) == {}


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 8))
async def test_a_batch_cut_short_anywhere_counts_once(store, at, done):
    record, other = message(), message(1)
    people = People()
    batch = [
        people.label(record, 0),
        people.label(other, 1),
        people.label(record, 2),
        people.label(record, source="analyst", truth="ham"),
        people.label(other, 1, retract=True),
        people.label(record, 0),
    ]
    undisturbed = MemoryStore()
    wanted = await counting(undisturbed).apply(batch)
    broken = Broken(store, at, done=done)
    found = await counting(broken).apply(batch[:3])
    found += await counting(broken).apply(batch[3:])
    again = await counting(store).apply(batch)
    assert broken.failures == 1
    assert [it._replace(again=False) for it in found] == wanted
    assert [it._replace(again=False) for it in again] == wanted
    assert await standing(store, record, other) == await standing(undisturbed, record, other)
    assert await counting(store).applied() == 5


async def test_a_store_that_went_back_is_not_counted_on(store):
    """Its labels are missing, and those that come would hide that."""
    people, record = People(), message()
    batch = [people.label(record, number) for number in range(4)]
    one = counting(store)
    await one.apply(batch[:2])
    before = (await store.label_state()).applied
    await one.apply(batch[2:3])
    later = (await store.label_state()).applied
    assert await store.keep_labels(LabelChange(expected=later, applied=before))
    with pytest.raises(LabelsLostError, match="up to 2, and it has those up to 1"):
        await one.apply(batch[3:])
    assert (await store.label_state()).applied == before
    assert await one.is_behind()
    assert await one.applied() == 1
    assert not await one.is_behind()
    one.expects(2)
    with pytest.raises(LabelsLostError):
        await one.apply(batch[3:])
    assert await one.applied() == 1
    outcomes = await one.apply(batch[2:])
    assert not any(it.again for it in outcomes)
    assert await one.applied() == 3


async def test_two_that_count_the_same_labels_at_once_count_them_once(store):
    people, record = People(), message()
    batch = [people.label(record, number) for number in range(6)]
    undisturbed = MemoryStore()
    await counting(undisturbed).apply(batch)
    await asyncio.gather(
        counting(store).apply(batch[:4]), counting(store).apply(batch), counting(store).apply(batch)
    )
    await counting(store).apply(batch)
    assert await standing(store, record) == await standing(undisturbed, record)


async def test_labels_of_a_topic_made_anew_count_again(store):
    people, record = People(), message()
    await counting(store).apply([people.label(record, 0), people.label(record, 1)])
    anew = Counting(store, "another", lambda _: Trust(), SECONDS)
    assert await anew.applied() == -1
    people = People()
    other = message(1, body="something else entirely, yes")
    await anew.apply([people.label(other, 0)])
    assert set((await counts(store, other)).values()) >= {1.0}
    assert await anew.applied() == 0


async def test_standing_reports_of_an_entity_are_capped_and_its_counts_are_not(store):
    people, teller = People(), counting(store, daily_cap=10_000, **BELIEVED)
    batch = []
    for number in range(MOST_REPORTS + 40):
        record = message(number)
        batch.append(
            people.task(record, hashed_id(str(number)), "spam", "report", f"1:{number:032x}")
        )
    for first in range(0, len(batch), 64):
        await teller.apply(batch[first : first + 64])
    domain = next(each.entity for each in record.touched if each.kind == "domain")
    reports = (await store.label_state(entities=[domain])).reports[domain.key]
    assert len(reports) == MOST_REPORTS
    assert (await store.read(domain)).total("spam") == MOST_REPORTS + 40


async def test_what_one_person_says_beyond_their_day_is_kept_and_counts_for_nothing(store):
    people, teller = People(), counting(store, daily_cap=2)
    records = [
        message(number, body=f"{number} is what this {number} says {number}") for number in range(3)
    ]
    outcomes = await teller.apply([people.label(record) for record in records])
    assert [bool(outcome.after.counts) for outcome in outcomes] == [True, True, False]
    (later,) = await teller.apply([people.label(records[2], 0, "phish", at=NOW.timestamp() + DAY)])
    assert later.after.counts


async def test_reputation_follows_what_trusted_labels_say_and_goes_with_them(store):
    people, record = People(), message()
    teller = counting(store)
    await teller.apply([people.label(record, 0), people.label(record, 1, "ham", "rescue")])
    await teller.apply([people.label(record, source="analyst")])
    whos = [heard.voice.given.reporter for heard in (await kept_of(store, record)).heard[:2]]

    async def reputations():
        keys = [who_is(who, "report") for who in whos]
        found = (await store.label_state(reporters=keys)).reporters
        return [(found[key].reputation.agreed, found[key].reputation.disagreed) for key in keys]

    assert await reputations() == [(1, 0), (0, 1)]
    await teller.apply([people.label(record, source="analyst", retract=True)])
    assert await reputations() == [(0, 0), (0, 0)]


async def kept_of(store, record):
    return (await store.label_state([record.message])).labelled[record.message]


async def test_a_bounce_counts_for_the_account_alone(store):
    people = People()
    record = message(direction="outbound", user="ann@ours.example")
    await counting(store).apply([people.label(record, source="bounce")])
    found = await counts(store, record)
    assert [label.partition(":")[0] for label, _ in found] == ["account"]


async def test_a_bare_message_counts_for_its_content_alone(store):
    raw = f"From: Jo <jo@d.example>\n\n{BODY}\n".encode()
    incoming = Incoming(Envelope(id="bare", received_at=NOW), raw)
    record = record_of(
        Found("bare", incoming=incoming), extract(incoming, CONTEXT), NOW.timestamp()
    )
    await counting(store).apply([People().label(record, source="analyst")])
    kinds = {label.partition(":")[0] for label, _ in await counts(store, record)}
    assert kinds == {"content", "link"}


async def test_what_a_message_is_told_beyond_its_bound_is_not_heard_but_analysts_are(store):
    people, record, teller = People(), message(), counting(store, daily_cap=10_000)
    batch = [
        people.task(record, hashed_id(str(number)), "ham", "rescue", f"1:{number:032x}")
        for number in range(MOST_HEARD + 8)
    ]
    outcomes = []
    for first in range(0, len(batch), 65):
        outcomes += await teller.apply(batch[first : first + 65])
    assert [outcome.voice is None for outcome in outcomes].count(True) == 8
    (last,) = await teller.apply([people.label(record, source="analyst")])
    assert last.after.abuse


async def test_who_says_the_same_or_takes_it_back_again_and_again_fills_no_memory(store):
    people, record, teller = People(), message(), counting(store, daily_cap=10_000)
    await teller.apply([people.label(record) for _ in range(200)])
    await teller.apply([people.label(record, retract=True) for _ in range(200)])
    await teller.apply([people.label(record, source="trap") for _ in range(200)])
    assert len((await kept_of(store, record)).heard) == 3
    strangers = [
        people.task(record, hashed_id("r", str(n)), None, "report", "", hashed_id("l", str(n)))
        for n in range(MOST_HEARD + 8)
    ]
    await teller.apply(strangers)
    assert len((await kept_of(store, record)).heard) == MOST_HEARD
    (gone,) = await teller.apply([people.label(record, source="trap", retract=True)])
    assert gone.after.abuse is None


async def test_what_was_taken_back_while_it_waited_for_its_message_never_counts(store):
    people, record, teller = People(), message(), counting(store)
    now = NOW.timestamp()
    await teller.apply(
        [
            people.label(record, retract=True, at=now + 1),
            people.label(record, at=now + 2, since=now),
            people.label(record, 1, truth="phish", at=now + 3),
            people.label(record, 1, at=now + 4, since=now + 2),
        ]
    )
    said = (await kept_of(store, record)).heard
    assert [heard.voice.given.truth for heard in said] == [None, "phish"]
    (late,) = await teller.apply([people.label(record, at=now + 6, since=now + 5)])
    assert late.voice is not None, "given anew after it was taken back"


async def test_a_label_of_the_log_before_is_taken_back_in_a_log_that_was_made_anew(store):
    people, record, teller = People(), message(), counting(store)
    people.offset = 700
    await teller.apply([people.label(record, source="analyst"), people.label(record, 1)])
    people.offset = -1
    anew = Counting(store, "another", lambda _: Trust(), SECONDS)
    (back, other) = await anew.apply(
        [
            people.label(record, source="analyst", retract=True),
            people.label(record, 1, retract=True),
        ]
    )
    assert (back.before.source, back.after.source) == ("analyst", "report")
    assert other.after.abuse is None
    assert await counts(store, record) == {}


async def test_what_another_tenants_analysts_say_vouches_for_no_sender_of_ours(store):
    people, teller = People(), counting(store)
    theirs = [message(number, tenant="theirs") for number in range(3)]
    ours = [message(number) for number in (7, 8)]
    await teller.apply([people.label(it, truth="ham", source="analyst") for it in theirs])
    (free,) = await teller.apply([people.label(ours[0])])
    assert (free.voice.reach, free.voice.vetoed) == ("all", False)
    await teller.apply(
        [
            people.label(replace(ours[1], message=f"own{number}"), truth="ham", source="analyst")
            for number in range(3)
        ]
    )
    (held,) = await teller.apply([people.label(ours[1], 1)])
    assert (held.voice.reach, held.voice.vetoed) == ("content", True)
