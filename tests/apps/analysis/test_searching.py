import asyncio
from datetime import timedelta
from itertools import islice

import pytest
from msgspec.structs import replace

from apps.analysis.searching import newest, search_archive
from apps.analysis.sought import Sought
from apps.analysis.tables import open_tables
from apps.quality.truths import Truths
from apps.subscriber.condition import Condition
from apps.subscriber.recorded import Recorded
from apps.subscriber.wanted import wanted
from detectors.record import encode
from models.label import Label, Place, Target
from streams.wire import read_head

from .conftest import SAMPLES, START, revised


def found_in(archive, sought):
    hits = search_archive(archive, open_tables(archive), sought)
    return [(verdict.id, verdict.revision) for verdict, _ in hits]


def in_topic(verdicts, sought, most=100):
    async def records():
        for verdict in verdicts:
            value = encode(verdict)
            yield Recorded(read_head(value).event_id, value, 0)

    return [
        (verdict.id, verdict.revision)
        for verdict, _ in asyncio.run(newest(records(), sought, most))
    ]


def said(number, truth, **of):
    """An analyst's label."""
    return Label(id=f"l-{number}", given_at=START, truth=truth, source="analyst", of=Target(**of))


def labelled(**truths):
    """What labels of analysts come to."""
    found = Truths()
    for number, (message, truth) in enumerate(truths.items()):
        found.add(said(number, truth, id=message.replace("_", "-")))
    return found


SPOKEN = sorted(path.parent.name for path in SAMPLES)[5]  # the second verdict is on its sample
SOUGHT = [
    Sought(),
    Sought(id="m-07"),
    Sought(id="m-99"),
    Sought(wanted=wanted(action=("reject", "quarantine"))),
    Sought(wanted=wanted(action="accept", class_="ham", tenant="other")),
    Sought(wanted=wanted(direction="outbound", kind="judged")),
    Sought(domains=("sender1.example",)),
    Sought(domains=("lists.sender1.example", "sender2.example")),
    Sought(domains=("ender1.example",)),
    Sought(signals=(SPOKEN,)),
    Sought(least=0.5),
    Sought(most=0.5),
    Sought(least=0.2, most=0.9),
    Sought(since=START + timedelta(days=1), until=START + timedelta(days=2)),
    Sought(until=START),
    Sought(where=Condition("size(signals) > 3 && score < 0.99")),
    Sought(where=Condition('action == "reject"'), wanted=wanted(tenant="default"), least=0.9),
    Sought(since=START + timedelta(minutes=1), until=START + timedelta(minutes=5)),
]


def test_labels_say_which_of_our_decisions_were_wrong(archive, verdicts):
    kept = archive(verdicts)
    truths = labelled(m_01="ham", m_02="phish", m_03="ham")
    for abuse, wanted_ids in ((False, {"m-01", "m-03"}), (True, {"m-02"})):
        sought = Sought(truths=truths, abuse=abuse)
        assert {ident for ident, _ in found_in(kept, sought)} == wanted_ids
        assert {ident for ident, _ in in_topic(verdicts, sought)} == wanted_ids


def test_a_label_may_name_a_place_in_the_log(archive, verdicts):
    (verdict, *_) = (it for it in verdicts if it.log is not None)
    log = verdict.log
    kept = archive(verdicts)
    truths = Truths()
    place = Place(log.epoch, log.partition, log.offset)
    truths.add(said(0, "ham", position=place))
    sought = Sought(truths=truths)
    assert verdict.id in {ident for ident, _ in found_in(kept, sought)}
    assert found_in(kept, sought) == in_topic(verdicts, sought)


@pytest.mark.parametrize("sought", SOUGHT, ids=range(len(SOUGHT)))
def test_archive_and_topic_find_the_same_the_newest_first(archive, verdicts, sought):
    expected = [
        (verdict.id, 0)
        for verdict in sorted(verdicts, key=lambda it: it.received_at, reverse=True)
        if sought.matches(verdict)
    ]
    assert found_in(archive(verdicts), sought) == expected
    assert in_topic(verdicts, sought) == expected


def test_what_is_sought_is_among_the_samples(verdicts):
    empty = [at for at, it in enumerate(SOUGHT) if not any(map(it.matches, verdicts))]
    assert empty == [2, 8, 14]  # an id, a domain and a time that none has


def test_each_signal_and_override_that_spoke_finds_its_verdicts(archive, verdicts):
    held = archive(verdicts)
    spoken = {s.name for v in verdicts[:5] for s in v.signals}
    assert spoken
    for name in spoken:
        ids = {v.id for v in verdicts if name in {s.name for s in v.signals}}
        assert {found for found, _ in found_in(held, Sought(signals=(name,)))} == ids


def test_a_fingerprint_finds_its_content(archive, verdicts):
    like = next(verdict for verdict in verdicts if verdict.fingerprint)
    found = found_in(archive(verdicts), Sought(fingerprint=like.fingerprint))
    assert (like.id, 0) in found


def test_a_score_that_is_missing_is_in_no_range(archive, verdicts):
    broken = replace(verdicts[0], score=None, logit=None)
    held = archive([broken])
    assert found_in(held, Sought()) == [(broken.id, 0)]
    assert found_in(held, Sought(least=0.0)) == in_topic([broken], Sought(least=0.0)) == []


def test_each_event_comes_once_and_each_revision_is_one(archive, verdicts):
    one = verdicts[0]
    lying = [one, one, revised(one)]
    assert found_in(archive(lying), Sought(id=one.id)) == [(one.id, 1), (one.id, 0)]
    assert sorted(in_topic(lying, Sought(id=one.id))) == [(one.id, 0), (one.id, 1)]


def test_the_bytes_are_those_that_lay_in_the_topic(archive, verdicts):
    held = archive(verdicts)
    hits = search_archive(held, open_tables(held), Sought())
    assert {recorded.value for _, recorded in hits} == set(map(encode, verdicts))


def test_no_day_is_read_before_the_caller_comes_to_it(archive, verdicts):
    held = archive(verdicts)
    for file in held.files("verdicts"):
        if file.date != "2025-11-22":
            held.storage.write(file.path, b"broken")
    hits = search_archive(held, open_tables(held), Sought())
    assert [verdict.id for verdict, _ in islice(hits, 2)] == ["m-29", "m-28"]


def test_of_a_topic_no_more_is_held_than_is_wanted(verdicts):
    assert in_topic(verdicts, Sought(), most=2) == [("m-29", 0), ("m-28", 0)]
    assert in_topic(verdicts[::-1], Sought(), most=2) == [("m-29", 0), ("m-28", 0)]
