"""Reports kept with an entity: bounded, by time, and no number of voices hides an analyst's."""

import random

import msgspec
import pytest

from features.readings import read_history
from features.reported import (
    MOST_REPORTS,
    REPORTED,
    Report,
    decode_reports,
    encode_reports,
    heard_by,
    kept,
    tenant_mark,
    who_is,
)
from features.rolling import KINDS


def report(number, source="report", *, at=None, who=None, abuse=True):
    name = who or f"{source}{number}"
    return Report(f"{number:08x}", name.encode(), source, abuse, 0.5, at or float(number))


def test_reports_come_by_time_whatever_their_order():
    given = [report(number) for number in range(20)]
    shuffled = random.Random(3).sample(given, len(given))
    assert kept(shuffled, 0.0) == tuple(given)


def test_what_is_too_old_is_let_go_trusted_or_not():
    assert kept([report(5), report(3, "trap"), report(9)], 5.0) == (report(5), report(9))


def test_of_too_many_the_trusted_stay_and_then_the_newest():
    trusted = [report(1, "analyst", abuse=False), report(2, "trap")]
    left = kept([*trusted, *[report(number) for number in range(10, 1000)]], 0.0)
    assert len(left) == MOST_REPORTS
    assert list(left[:2]) == trusted
    assert [it.at for it in left[2:]] == [float(n) for n in range(1000 - 254, 1000)]


def test_who_writes_to_a_trap_pushes_no_analyst_out():
    said = report(1, "analyst", abuse=False)
    left = kept([said, *[report(number, "trap", who="") for number in range(10, 1000)]], 0.0)
    assert len(left) == MOST_REPORTS
    assert left[0] == said


def test_one_reporter_pushes_nobody_out():
    many = [report(number, who="loud") for number in range(1, 400)]
    left = kept([*many, report(500), report(600, who="loud", abuse=False)], 0.0)
    assert [it.who for it in left] == [b"loud"] * 4 + [b"report500", b"loud"]
    analysts = [report(number, "analyst", who="desk") for number in range(9)]
    assert len(kept(analysts, 0.0)) == 9


def test_reports_come_back_as_they_were_kept():
    given = (report(1), report(2, "analyst", abuse=False))
    assert decode_reports(encode_reports(given)) == given
    with pytest.raises(msgspec.DecodeError):
        decode_reports(b"\xc1 no record")


def test_256_reports_are_at_most_16_kilobytes():
    full = [report(number) for number in range(MOST_REPORTS)]
    long = [
        msgspec.structs.replace(it, label="0" * 16, who=b"01234567", tenant=b"0123") for it in full
    ]
    assert len(encode_reports(long)) < 16_384


def test_reporters_without_a_name_are_one_for_each_source():
    assert who_is("", "report") == who_is("", "report") != who_is("", "analyst")
    assert who_is("anna", "report") == who_is("anna", "rescue") != who_is("bert", "report")
    assert len(who_is("\udcff", "report")) == 8


def test_what_another_tenant_trusts_is_one_more_person_and_frees_nothing():
    def said(number, source, *, tenant, abuse=True):
        it = report(number, source, abuse=abuse)
        return msgspec.structs.replace(it, tenant=tenant_mark(tenant))

    sources = ("analyst", "trap", "report")
    own = tuple(said(number, source, tenant="ours") for number, source in enumerate(sources))
    freed = said(8, "analyst", tenant="ours", abuse=False)
    theirs = [said(number, it, tenant="theirs") for number, it in enumerate(sources, 20)]
    theirs += [said(30, it, tenant="theirs", abuse=False) for it in ("analyst", "rescue")]
    heard = heard_by([*own, freed, *theirs], "ours")
    assert heard[:4] == (*own, freed)
    assert [(it.source, it.trusted, it.abuse) for it in heard[4:]] == [("report", False, True)] * 3


def test_kinds_that_are_reported_have_what_tells_how_common_they_are():
    assert all("messages" in KINDS[kind].codes for kind in REPORTED)


def test_a_history_tells_of_reported_entities_and_how_common_they_are(letter, state):
    evidence = letter()
    touches = evidence.touches
    state.apply(touches.increments, touches.at - 3_600)
    readings = state.apply(touches.increments, touches.at)
    said = [(report(7),) if it.entity.kind.name == "network" else () for it in touches.increments]
    (found,) = read_history(touches, readings, (), touches.at, said).reported
    assert (found.kind, found.reports) == ("network", (report(7),))
    assert (found.messages, found.age) == (2.0, 3_600.0)
    assert read_history(touches, readings, (), touches.at).reported == ()
    with pytest.raises(ValueError, match="shorter"):
        read_history(touches, readings, (), touches.at, said[1:])
