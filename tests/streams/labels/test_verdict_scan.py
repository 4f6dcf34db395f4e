from dataclasses import replace as changed

import pytest
from aiokafka import ConsumerRecord
from msgspec.structs import replace

from detectors.record import encode
from detectors.verdict import LogPlace
from features.envelope import LogPosition
from streams.labels.verdict_scan import VerdictScan, Wanted
from tests.detectors.test_record import VERDICT

SECOND = 1_000


def record(offset, message, *, at=0, place=0):
    verdict = replace(VERDICT, id=message, log=LogPlace("e", 0, place))
    value = encode(verdict)
    return ConsumerRecord("v", 0, offset, at, 1, message.encode(), value, None, 1, 1, ())


def run(scan, records):
    """Hand over all records, scan after scan, as a log does; return how many were looked at."""
    looked = 0
    while scan.since_ms is not None:
        scan.starts()
        for one in [it for it in records if it.timestamp >= scan.since_ms]:
            looked += 1
            if scan.take(one) is None:
                break
        scan.ends()
    return looked


def test_all_that_lie_near_are_found_in_one_pass():
    records = [record(n, f"m{n}", at=n * 100) for n in range(20)]
    wanted = [Wanted(f"m{n}", n * 100) for n in (12, 3, 7)]
    scan = VerdictScan(wanted)
    assert run(scan, records) == 10, "from the first wanted to the last"
    assert {it: scan.found[it].id for it in wanted} == {it: it.message for it in wanted}


def test_what_lies_far_ahead_is_asked_for_by_its_time():
    records = [record(n, f"m{n}", at=n * SECOND) for n in range(1_000)]
    scan = VerdictScan([Wanted("m1", SECOND), Wanted("m900", 900 * SECOND)])
    assert run(scan, records) == 2
    assert len(scan.found) == 2


def test_a_message_that_was_judged_twice_is_told_by_its_place():
    records = [record(0, "m", place=5), record(1, "m", place=9)]
    second = Wanted("m", 0, LogPosition("e", 0, 9))
    first = Wanted("m", 0)
    scan = VerdictScan([second, first])
    run(scan, records)
    assert scan.found[second].log.offset == 9
    assert scan.found[first].log.offset == 5


def test_a_verdict_before_its_time_is_none():
    early = Wanted("m", 50)
    scan = VerdictScan([Wanted("other", 0), early])
    run(scan, [record(0, "m", at=10), record(1, "other", at=20), record(2, "m", at=60, place=3)])
    assert scan.found[early].log.offset == 3


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff"])
def test_what_is_missing_or_damaged_ends_the_search(value):
    damaged = changed(record(0, "m"), value=value)
    scan = VerdictScan([Wanted("m", 0), Wanted("absent", 0)])
    assert run(scan, [damaged]) == 1
    assert scan.found == {}


def test_one_that_is_missing_costs_a_bounded_search_and_hides_no_other():
    records = [record(n, f"m{n}", at=n) for n in range(30_000)]
    late = Wanted("m25000", 25_000)
    scan = VerdictScan([Wanted("absent", 0), late])
    assert run(scan, records) < 30_000
    assert scan.found.keys() == {late}
