"""What MTAs say: negotiated by what they offer, read without complaint whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.hook.milter import commands
from apps.hook.milter.commands import Negotiated, negotiate
from apps.hook.milter.frames import FrameError
from apps.hook.milter.transaction import Offered, Path, Peer

NO_REPLY_DATA, NO_DATA, NO_REPLY_BODY, SKIP = 0x10000, 0x200, 0x80000, 0x400


def offered(version, actions, steps):
    return negotiate(b"".join(n.to_bytes(4, "big") for n in (version, actions, steps)))


@given(st.integers(2, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_nothing_is_taken_that_was_not_offered(version, actions, steps):
    agreed = offered(version, actions, steps)
    assert agreed.version == min(version, 6)
    assert agreed.actions & ~actions == 0
    assert agreed.steps & ~steps == 0


def test_postfix_waits_for_no_reply_but_those_to_data_and_body():
    agreed = offered(6, 0x1FF, 0x1FFFFF)
    assert agreed.silent == frozenset({b"L", b"C", b"H", b"M", b"R", b"U", b"N"})
    assert not agreed.steps & (NO_REPLY_DATA | NO_DATA | NO_REPLY_BODY)
    assert (agreed.spaced, agreed.skips, agreed.offered) == (True, True, Offered())


def test_no_reply_to_body_is_awaited_where_it_could_not_be_skip():
    assert b"B" in offered(6, 0x1FF, 0x1FFFFF & ~SKIP).silent


def test_an_offer_of_nothing_gets_every_reply_and_no_change():
    agreed = offered(6, 0, 0)
    assert agreed == Negotiated(6, 0, 0)
    assert agreed.offered == Offered(add_headers=False, change_headers=False, quarantine=False)


def test_a_version_2_mta_is_answered_in_version_2():
    assert offered(2, 0x0F, 0x7F).payload() == bytes([0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0])


@pytest.mark.parametrize(
    "payload", [b"", b"\0\0\0\6", bytes(11), bytes(12), b"\0\0\0\1" + bytes(8)]
)
def test_an_offer_that_is_too_short_or_too_old_is_refused(payload):
    with pytest.raises(FrameError):
        negotiate(payload)


@pytest.mark.parametrize(
    ("payload", "peer"),
    [
        (b"mx.test\x004\x00\x19192.0.2.7\0", Peer(b"mx.test", "192.0.2.7", 25)),
        (b"mx.test\x006\x00\x192001:db8::1\0", Peer(b"mx.test", "2001:db8::1", 25)),
        (b"mx.test\x006\x00\x19IPv6:2001:DB8::1\0", Peer(b"mx.test", "2001:db8::1", 25)),
        (b"localhost\x00L\0\0/run/x\0", Peer(b"localhost")),
        (b"unknown\x00U", Peer(b"unknown")),
        (b"mx.test\x004\x00\x19999.0.2.7\0", Peer(b"mx.test")),
        (b"mx.test\x004", Peer(b"mx.test")),
        (b"m\xff", Peer(b"m\xff")),
        (b"", Peer()),
    ],
)
def test_a_client_is_read_in_every_family(payload, peer):
    assert commands.read_peer(payload) == peer


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (b"<a@b.test>\0", Path(b"a@b.test")),
        (b"<>\0", Path(b"")),
        (b"a@b.test\0", Path(b"a@b.test")),
        (
            b"<\xc3\xa4@b.test>\0SMTPUTF8\0SIZE=9\0",
            Path(b"\xc3\xa4@b.test", (b"SMTPUTF8", b"SIZE=9")),
        ),
        (b"<\xff@b>", Path(b"\xff@b")),
        (b"", Path(b"")),
    ],
)
def test_a_path_is_read_without_brackets_with_its_parameters(payload, path):
    assert commands.read_path(payload) == path


def test_no_end_of_parameters_is_a_bounded_number_of_them():
    assert len(commands.read_path(b"<a@b.test>" + b"\0" * 1_000_000).parameters) == 100


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"Subject\0 \xff\xfe\0", (b"Subject", b" \xff\xfe")),
        (b"X\0a\n\tb\0", (b"X", b"a\n\tb")),
        (b"X\0\0", (b"X", b"")),
        (b"X\0cut\0here\0", (b"X", b"cut")),
        (b"X", (b"X", b"")),
    ],
)
def test_a_header_field_is_bytes_up_to_the_first_nul(payload, field):
    assert commands.read_header(payload) == field


def test_macros_lose_their_braces_and_later_stages_win():
    macros = commands.read_macros([b"i\0Q1\0{auth_authen}\0ann\0", b"i\0Q2\0", b"odd"])
    assert macros == {"i": b"Q2", "auth_authen": b"ann"}


@given(st.binary(max_size=60))
def test_no_payload_of_any_form_raises(payload):
    commands.read_peer(payload)
    commands.read_path(payload)
    commands.read_header(payload)
    commands.read_macros([payload])
