"""Files become a stream in the index's order, whose time never goes back."""

from datetime import UTC, datetime, timedelta

from apps.evaluation.index import Entry
from apps.evaluation.stream import Clock, read_stream
from features.context import Limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at(day):
    return datetime(2007, 4, day, tzinfo=UTC)


def received(day):
    return (
        f"Received: from mx.example.org (mx.example.org [192.0.2.7]) by us; {day} Apr 2007 "
        "00:00:00 +0000\nSubject: x\n\ny\n"
    ).encode()


def read(tmp_path, *raws, limits=None):
    entries = []
    for number, raw in enumerate(raws):
        file = tmp_path / str(number)
        file.write_bytes(raw)
        entries.append(Entry(str(number), file, spam=False, taught=True))
    return [it.incoming for it in read_stream(entries, limits or Limits(), NOW)]


def test_a_time_before_an_earlier_messages_is_that_ones(tmp_path):
    stream = read(tmp_path, received(8), received(3), received(9))
    assert [it.envelope.received_at for it in stream] == [at(8), at(8), at(9)]


def test_a_message_without_a_time_comes_when_the_one_before_it_came(tmp_path):
    stream = read(tmp_path, received(8), b"Subject: x\n\ny\n")
    assert stream[1].envelope.received_at == at(8)


def test_a_time_in_the_future_holds_no_later_message_there():
    clock = Clock(NOW)
    assert clock.next(at(8)) == at(8)
    assert clock.next(NOW + timedelta(days=1)) == at(8)
    assert clock.next(at(9)) == at(9)


def test_one_message_from_years_ahead_holds_no_later_message_there():
    clock = Clock(NOW)
    forged = datetime(2019, 1, 1, tzinfo=UTC)
    assert [clock.next(told) for told in (at(8), forged, at(9), forged, at(10))] == [
        *(at(8), at(8), at(9), at(9), at(10)),
    ]


def test_a_gap_of_years_is_believed_with_its_second_message():
    clock = Clock(NOW)
    later, next_day = datetime(2012, 1, 1, tzinfo=UTC), datetime(2012, 1, 2, tzinfo=UTC)
    assert [clock.next(told) for told in (at(8), later, next_day)] == [at(8), at(8), next_day]


def test_the_first_message_may_be_older_than_the_time_of_undated_ones():
    clock = Clock(NOW)
    clock.next(clock.fallback)
    long_ago = datetime(1995, 1, 1, tzinfo=UTC)
    assert clock.next(long_ago) == long_ago


def test_an_mbox_line_before_a_message_is_left_out(tmp_path):
    (incoming,) = read(tmp_path, b"From a@example.org Sun Apr  8 13:07:32 2007\n" + received(8))
    assert incoming.raw == received(8)


def test_a_separator_inside_a_message_doesnt_split_it(tmp_path):
    raw = received(8) + b"\nFrom b@example.org Sun Apr  8 13:07:32 2007\nSubject: z\n\nmore\n"
    (incoming,) = read(tmp_path, b"From a@example.org Sun Apr  8 13:07:32 2007\n" + raw)
    assert incoming.raw == raw


def test_a_message_over_the_limit_is_cut_and_says_so(tmp_path):
    (incoming,) = read(tmp_path, received(8) + b"x" * 500, limits=Limits(message_bytes=200))
    assert len(incoming.raw) == 200
    assert incoming.envelope.truncated.size == len(received(8)) + 500
