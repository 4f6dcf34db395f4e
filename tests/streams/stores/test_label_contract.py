"""What both stores promise of labels, in memory and in Redis."""

import uuid

import pytest

from features.envelope import LogPosition
from features.reported import Report
from features.rolling import KINDS, Entity, Increment, counted
from models.hearing import MessageFacts, Voice
from models.label import Given
from models.trust import Reputation
from streams.stores.label_state import (
    Campaign,
    Heard,
    LabelChange,
    LabelRecord,
    Reporter,
    Touched,
)
from streams.stores.protocol import Keeping, Move, Query

NOW = 1_700_000_000.0
CONTENT = Entity(KINDS["content"], b"c" * 12, "content:0.ab")
PAIR = Entity(KINDS["pair"], b"p" * 9 + b"\x01\x02\x03", "pair:1:ab,1:cd")
FIRST, SECOND = LogPosition("e", 0, 7), LogPosition("e", 0, 8)


@pytest.fixture
def store_settings():
    """A prefix of keys with characters that mean something in a pattern."""
    return {"WEIR_REDIS__KEY_PREFIX": f"[{uuid.uuid4()}]*:"}


@pytest.fixture
def store(either_store):
    return either_store


def report(label="a", who=b"w" * 8, at=NOW):
    return Report(label, who, "report", abuse=True, weight=0.5, at=at)


def record(message="m", reporter="1:ab", touched=(CONTENT, PAIR)):
    given = Given(7, f"label-{message}", "spam", "report", reporter, NOW)
    return LabelRecord(
        message,
        "default",
        "inbound",
        NOW,
        LogPosition("log", 1, 2),
        tuple(Touched(it.kind.name, it.key, it.label) for it in touched),
        MessageFacts(proven=True),
        (Heard(Voice(given, 0.5, "all", teaches=True), 2),),
    )


async def keep(store, **given):
    return await store.keep_labels(LabelChange(**{"expected": None, "applied": FIRST, **given}))


async def test_nothing_is_kept_before_the_first_label(store):
    state = await store.label_state(["m"], [b"w" * 8], [CONTENT])
    assert state == (None, {}, {}, {}, {})
    assert await store.messages_of(["label-m"]) == [None]


async def test_what_is_kept_is_read_as_it_was(store):
    kept = record()
    who = Reporter(Reputation(3, 1), 19_675, 4)
    change = {
        "labelled": [kept],
        "reporters": {b"w" * 8: who},
        "reports": {CONTENT: (report("a"), report("b"))},
        "campaigns": {CONTENT: Campaign(19_675, 2, 1)},
        "labels": {"label-m": "m"},
    }
    assert await keep(store, **change)
    state = await store.label_state(["x", "m"], [b"w" * 8, b"x" * 8], [PAIR, CONTENT])
    assert state.applied == FIRST
    assert state.labelled == {"m": kept}
    assert state.reporters == {b"w" * 8: who}
    assert state.reports == {CONTENT.key: (report("a"), report("b"))}
    assert state.campaigns == {CONTENT.key: Campaign(19_675, 2, 1)}
    assert await store.messages_of(["x", "label-m"]) == [None, "m"]


async def test_a_change_worked_out_from_another_state_changes_nothing(store):
    assert await keep(store, labelled=[record()])
    assert not await keep(store, labelled=[record("other")], reports={CONTENT: (report(),)})
    state = await store.label_state(["m", "other"], entities=[CONTENT])
    assert (list(state.labelled), state.reports, state.applied) == (["m"], {}, FIRST)
    assert await keep(store, expected=FIRST, applied=SECOND)
    assert (await store.label_state()).applied == SECOND


async def test_reports_and_reporters_are_taken_away(store):
    who = b"w" * 8
    await keep(store, reports={CONTENT: (report(),)}, reporters={who: Reporter()})
    await keep(store, expected=FIRST, applied=None, reports={CONTENT: ()}, reporters={who: None})
    state = await store.label_state([], [who], [CONTENT])
    assert (state.applied, state.reporters, state.reports) == (FIRST, {}, {})


async def test_a_message_reads_the_reports_on_its_entities_with_its_own_arrival(store):
    link = Entity(KINDS["link"], b"l" * 12, "link:a.example")
    helo = Entity(KINDS["helo"], b"h" * 12, "helo:a.example")
    increments = tuple(
        Increment(each, counted(each.kind, "messages")) for each in (helo, CONTENT, link)
    )
    (before,) = await store.advance([Move(None, NOW, increments)])
    assert before.reports == ()
    await keep(store, reports={CONTENT: (report("a"), report("b"))})
    first, second = await store.advance(
        [Move(None, NOW, increments), Move(None, NOW, increments[:1])]
    )
    assert first.reports == ((), (report("a"), report("b")), ())
    assert second.reports == ()
    assert first.readings[1].total("messages") == 2


async def test_the_first_report_ever_is_seen_by_who_looked_when_there_was_none(store):
    query = Query(LogPosition("log", 0, 1), "id", "key")
    move = Move(None, NOW, (Increment(CONTENT),))
    await store.look_up([query])
    (nothing,) = await store.advance([move])
    await keep(store, reports={CONTENT: (report(),)})
    await store.look_up([query])
    (something,) = await store.advance([move])
    assert (nothing.reports, something.reports) == ((), ((report(),),))


async def test_reports_are_read_beside_mentions(store):
    place = LogPosition("log", 0, 1)
    await store.advance([Move(place, NOW, (Increment(CONTENT, counted(CONTENT.kind, "ham")),))])
    await store.record([Keeping(place, b"{}", b"h" * 16, "first")])
    await keep(store, reports={CONTENT: (report(),)})
    (found,) = await store.advance(
        [Move(None, NOW, (Increment(CONTENT),), mentions=(b"x" * 16, b"h" * 16))]
    )
    assert [mention and mention.id for mention in found.mentions] == [None, "first"]
    assert found.reports == ((report(),),)


async def test_counts_sent_again_count_once_and_none_is_taken_for_lost(store):
    move = Move(SECOND, NOW, (Increment(PAIR, counted(PAIR.kind, "spam")),))
    await store.count([move])
    await store.count([move])
    assert (await store.read(PAIR)).total("spam") == 1
    assert not await store.lost()
