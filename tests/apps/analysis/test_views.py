from datetime import timedelta

import pytest
from msgspec.structs import replace

from apps.analysis.sql import ask
from apps.analysis.tables import open_tables
from apps.analysis.views import VIEWS
from detectors.verdict import MICRO
from models.label import Place, Target
from streams.label_records import new_label, retraction

from .conftest import START, revised


@pytest.fixture
def answered(archive):
    """Write verdicts and labels; return what questions to them answer."""

    def asked(verdicts=(), labels=()):
        tables = open_tables(archive(verdicts, labels)).duckdb
        return lambda question: list(ask(tables, question).rows)

    return asked


def label(of, truth="spam", **more):
    return new_label(Target(id=of), truth, "analyst", given_at=START, **more)


def test_every_verdict_is_a_row_with_its_day_and_tenant(answered, verdicts):
    asked = answered(verdicts)
    rows = asked("SELECT id, received_at, date, tenant, logit, signals FROM verdicts ORDER BY id")
    assert rows == [
        (
            verdict.id,
            verdict.received_at,
            verdict.received_at.date(),
            verdict.tenant,
            verdict.logit / MICRO,
            [signal.name for signal in verdict.signals],
        )
        for verdict in verdicts
    ]


def test_of_a_message_the_highest_revision_is_in_force(answered, verdicts):
    one, other = verdicts[:2]
    asked = answered([one, revised(one, 2, action="discard"), revised(one, 1), other])
    assert asked("SELECT id, revision, action FROM verdicts ORDER BY id") == [
        (one.id, 2, "discard"),
        (other.id, 0, other.action),
    ]
    assert asked("SELECT count(*) FROM records") == [(4,)]


def test_what_lay_twice_in_the_topic_counts_once(answered, verdicts):
    asked = answered([verdicts[0], verdicts[0]])
    assert asked("SELECT sum(messages) FROM daily") == [(1,)]


def test_what_the_hook_enforced_stands_before_what_came_too_late(answered, verdicts):
    late = verdicts[0]
    fallback = replace(late, kind="fallback", action="defer")
    asked = answered([late, fallback])
    assert asked("SELECT kind, action FROM verdicts") == [("fallback", "defer")]


def test_signals_have_their_contribution_in_logits(answered, verdicts):
    asked = answered(verdicts[:3])
    assert asked("SELECT id, signal, contribution FROM signals ORDER BY ALL") == sorted(
        (verdict.id, signal.name, signal.contribution / MICRO)
        for verdict in verdicts[:3]
        for signal in verdict.signals
    )


def test_a_record_can_be_asked_as_json_for_what_is_no_column(answered, verdicts):
    asked = answered(verdicts[:1])
    (reason,) = asked("SELECT record->>'$.signals[0].reason' FROM records")[0]
    assert reason == verdicts[0].signals[0].reason


def test_a_label_stands_until_it_is_taken_back_or_given_anew(answered):
    taken_back, changed = label("m-00"), label("m-01")
    asked = answered(
        (),
        [
            taken_back,
            changed,
            label("m-02", "ham"),
            retraction(taken_back, START + timedelta(hours=1)),
            replace(changed, truth="phish"),
        ],
    )
    assert asked("SELECT id, truth FROM labels ORDER BY id") == [
        ("m-01", "phish"),
        ("m-02", "ham"),
    ]


def test_a_label_finds_its_message_by_id_and_by_position_within_its_tenant(answered, verdicts):
    by_place = new_label(
        Target(position=Place("e", 0, 1)), "ham", "rescue", tenant="default", given_at=START
    )
    foreign = label("m-02", tenant="other")
    asked = answered(verdicts[:3], [label("m-00"), by_place, foreign])
    assert asked("SELECT id, truth, source FROM labelled ORDER BY id") == [
        ("m-00", "spam", "analyst"),
        ("m-01", "ham", "rescue"),
    ]


def test_a_question_about_a_day_opens_that_days_files_alone(archive, verdicts):
    held = archive(verdicts)
    for file in held.files("verdicts"):
        if file.date != "2025-11-21":
            held.storage.write(file.path, b"broken")
    tables = open_tables(held).duckdb
    for view in ("records", "verdicts", "signals", "daily"):
        rows = list(ask(tables, f"SELECT DISTINCT date FROM {view} WHERE date = '2025-11-21'").rows)
        assert [str(date) for (date,) in rows] == ["2025-11-21"], view


@pytest.mark.parametrize("view", VIEWS)
def test_an_archive_that_holds_nothing_answers_with_no_rows(answered, view):
    assert answered()(f"FROM {view}") == []
