"""Labels and commands survive the wire; what isn't one is refused with its reason."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.envelope import LogPosition
from models.command import Command
from models.label import SOURCES, TRUTHS, Label, Place, Target
from streams.label_records import (
    COMMAND,
    GIVEN,
    RETRACTED,
    Refusal,
    canonical,
    command_record,
    label_id,
    label_record,
    new_label,
    read_record,
    retraction,
)
from streams.tokens import sign_token

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
LATER = NOW + timedelta(hours=1)
WHO = "1:" + "0a" * 16
TOKEN = sign_token(b"k", "m-1", LogPosition("e", 0, 7))
TARGETS = [
    Target(id="m-1"),
    Target(token=TOKEN),
    Target(rfc5322_message_id="a.b@c.example"),
    Target(position=Place("e", 0, 7)),
    Target(raw=b"From: a@b.example\r\n\r\n\xff"),
]


def label(target=TARGETS[0], truth="spam", source="report", **fields):
    return new_label(target, truth, source, reporter=WHO, given_at=NOW, **fields)


def read(value, kind="", appended=LATER):
    headers = [("ce_type", kind.encode())] if kind else []
    return read_record(value, headers, appended)


def changed(**fields):
    """A valid label as JSON, with fields replaced; None leaves one out."""
    given = json.loads(msgspec.json.encode(label())) | fields
    return json.dumps({name: value for name, value in given.items() if value is not ...}).encode()


@pytest.mark.parametrize("target", TARGETS, ids=canonical)
@pytest.mark.parametrize("truth", TRUTHS)
def test_a_label_is_read_back_as_it_was_written(target, truth):
    given = label(target, truth, tenant="acme")
    record = label_record("mail.labels", given, source="/test")
    assert read_record(record.value, record.headers, LATER) == given
    assert dict(record.headers)["ce_type"] == GIVEN.encode()


def test_a_retraction_names_the_label_and_has_no_truth():
    given = label()
    back = retraction(given, LATER)
    record = label_record("mail.labels", back, source="/test")
    assert read_record(record.value, record.headers, LATER) == back
    assert (back.retracts, back.truth, back.of) == (given.id, None, given.of)
    assert back.id != given.id
    assert dict(record.headers)["ce_type"] == RETRACTED.encode()


def test_a_command_is_read_back_as_it_was_written():
    given = Command(
        id="c-1", act="promote", model="classifier", digest="0f" * 32, sequence=3, given_at=NOW
    )
    record = command_record("mail.labels", given, source="/test")
    assert read_record(record.value, record.headers, LATER) == given
    assert dict(record.headers)["ce_type"] == COMMAND.encode()


def test_a_record_without_a_type_is_told_by_what_it_holds():
    assert isinstance(read(msgspec.json.encode(label())), Label)
    assert isinstance(read(b'{"id":"c","act":"freeze"}'), Command)


def test_records_are_keyed_by_the_message_where_it_is_known():
    keys = [label_record("t", label(target), source="/test").key for target in TARGETS]
    assert keys[:4] == [b"m-1", b"m-1", b"message-id:a.b@c.example", b"position:e:0:7"]


def test_who_says_the_same_again_gives_the_same_label():
    first = label_id("acme", Target(id="m-1"), "report", WHO)
    assert first == label_id("acme", Target(token=TOKEN), "report", WHO)
    others = {
        label_id("other", Target(id="m-1"), "report", WHO),
        label_id("acme", Target(id="m-2"), "report", WHO),
        label_id("acme", Target(id="m-1"), "rescue", WHO),
        label_id("acme", Target(id="m-1"), "report", WHO[:-1] + "b"),
    }
    assert len(others | {first}) == 5


def test_an_event_repeated_has_the_same_id_and_a_change_of_mind_another():
    def event(given):
        return dict(label_record("t", given, source="/test").headers)["ce_id"]

    assert event(label()) == event(label())
    assert event(label()) != event(label(truth="ham"))
    assert event(label()) != event(msgspec.structs.replace(label(), given_at=LATER))


@pytest.mark.parametrize(
    "said",
    [..., None, 5, "yesterday", [], "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_a_clock_that_makes_no_sense_is_no_reason_to_refuse(said):
    assert read(changed(given_at=said)).given_at == LATER


def test_a_time_without_a_zone_is_utc():
    assert read(changed(given_at="2026-03-01T12:00:00.25")).given_at == NOW


def test_unknown_fields_are_passed_over():
    assert read(changed(weight=1e9, comment={"a": [1]})) == label()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "truncated"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "object"),
        (b"[" * 100_000, "object"),
        (b'{"of":' * 5_000, ""),
        (changed(schema=2), "schema 2"),
        (changed(schema={}), "schema"),
        (changed(truth="boring"), "truth"),
        (changed(truth=...), "truth is missing"),
        (changed(source="model"), "source"),
        (changed(source=...), "source"),
        (changed(id="has blanks"), "id"),
        (changed(id="x" * 200), "id"),
        (changed(reporter="anna@our.example"), "keyed hash"),
        (changed(tenant="../other"), "tenant"),
        (changed(retracts="abc"), "no truth"),
        (changed(of={}), "none given"),
        (changed(of={"id": "m", "token": TOKEN}), "exactly one"),
        (changed(of={"nobody": 1}), "nobody"),
        (changed(of={"id": ""}), "of.id"),
        (changed(of={"token": "x" * 600}), "of.token"),
        (changed(of={"raw": ""}), "of.raw"),
        (changed(of={"raw": "?"}), "raw"),
        (changed(of={"rfc5322_message_id": "<a@b>"}), "of.rfc5322_message_id"),
        (changed(of={"position": {"epoch": "e", "partition": -1, "offset": 1}}), "of.position"),
        (changed(of={"position": {"epoch": "e", "partition": 1, "offset": 2**63}}), ""),
        (b'{"id":"c","act":"sing"}', "known: freeze"),
        (b'{"id":"c","act":["freeze"]}', "known: freeze"),
        (b'{"id":"c","act":"promote","digest":"../../etc"}', "digest"),
        (b'{"id":"c","act":"promote","name":"../x"}', "name"),
        (b'{"act":"freeze"}', "id"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused_in_one_line_that_says_why(value, reason):
    refusal = read(value)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert refusal.reason
    assert "\n" not in refusal.reason
    assert len(refusal.reason) <= 300


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("weir.verdict.judged", changed()),
        (RETRACTED, changed()),
        (GIVEN, changed(truth=..., retracts="abc")),
        (COMMAND, changed()),
    ],
)
def test_a_record_of_another_type_than_it_says_is_refused(kind, value):
    assert isinstance(read(value, kind), Refusal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*Label.__struct_fields__, *Target.__struct_fields__, "act", "x"]),
            inner | st.sampled_from([*TRUTHS, *SOURCES, "m-1", TOKEN]),
            max_size=8,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read_without_an_error(value):
    assert isinstance(read(json.dumps(value).encode()), Label | Command | Refusal)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_bytes_are_read_without_an_error(value, kind):
    assert isinstance(read_record(value, [("ce_type", kind)], LATER), Refusal)
