"""Answers as frames: nothing in a value can be more than a value, and nothing is done unasked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.hook.milter.answer import AddHeader, Answer, ChangeHeader, Quarantine, SmtpReply
from apps.hook.milter.frames import Frames
from apps.hook.milter.replies import encode
from apps.hook.milter.transaction import Offered

ALL = Offered()
NONE = Offered(add_headers=False, change_headers=False, quarantine=False)


def frames(answer, offered=ALL, *, leading_space=True):
    read = Frames(1_000_000)
    read.feed(encode(answer, offered, leading_space=leading_space))
    return list(iter(read.take, None))


def test_edits_come_in_their_order_and_the_end_last():
    edits = (
        ChangeHeader("X-Spam-Flag", 2, None),
        ChangeHeader("Subject", 1, b"[spam] \xff"),
        AddHeader("X-Id", "abc\n def", 1),
        AddHeader("X-End", "z"),
        Quarantine("no thanks"),
    )
    assert frames(Answer(edits=edits)) == [
        (b"m", b"\0\0\0\2X-Spam-Flag\0\0"),
        (b"m", b"\0\0\0\1Subject\0 [spam] \xff\0"),
        (b"i", b"\0\0\0\1X-Id\0 abc\n def\0"),
        (b"h", b"X-End\0 z\0"),
        (b"q", b"no thanks\0"),
        (b"a", b""),
    ]


def test_an_mta_that_adds_the_space_itself_gets_none():
    assert frames(Answer(edits=(AddHeader("X", "z"),)), leading_space=False)[0] == (b"h", b"X\0z\0")


def test_edits_that_were_not_offered_are_left_out():
    edits = (AddHeader("X", "z"), ChangeHeader("X", 1, None), Quarantine("q"))
    assert frames(Answer(edits=edits), NONE) == [(b"a", b"")]


def test_a_refused_or_discarded_message_is_not_edited():
    edits = (AddHeader("X", "z"),)
    assert frames(Answer("discard", edits)) == [(b"d", b"")]
    assert frames(Answer(SmtpReply(451, "4.7.1", "Later"), edits)) == [(b"y", b"451 4.7.1 Later\0")]


def test_a_replys_percent_signs_are_doubled_and_it_stays_one_line():
    text = "100% \r\n250 Ok\0"
    assert frames(Answer(SmtpReply(550, "5.7.1", text))) == [(b"y", b"550 5.7.1 100%%  250 Ok \0")]


def test_a_reply_is_no_longer_than_smtp_allows():
    [(_, line)] = frames(Answer(SmtpReply(550, "5.7.1", "x" * 2_000)))
    assert len(line.rstrip(b"\0")) == 510


@pytest.mark.parametrize("code", [250, 354, 600])
def test_a_reply_that_refuses_nothing_is_an_error(code):
    with pytest.raises(ValueError, match=f"an SMTP reply {code}"):
        encode(Answer(SmtpReply(code, "2.0.0", "Ok")), ALL, leading_space=True)


HOSTILE = st.one_of(st.text(max_size=60), st.text(st.sampled_from("aZ: \t\r\n\0é"), max_size=60))


@given(HOSTILE, st.one_of(HOSTILE, HOSTILE.map(str.encode), st.binary(max_size=60)))
def test_no_name_or_value_begins_another_field_or_frame(name, value):
    for edit in (AddHeader(name, str(value), 1), ChangeHeader(name, 1, value)):
        [(_, payload), end] = frames(Answer(edits=(edit,)))
        assert end == (b"a", b"")
        said, got, nothing = payload[4:].split(b"\0")
        assert nothing == b""
        assert all(33 <= byte <= 126 and byte != 58 for byte in said)
        assert b"\r" not in got
        assert all(line[:1] in {b" ", b"\t"} for line in got.split(b"\n")[1:])
