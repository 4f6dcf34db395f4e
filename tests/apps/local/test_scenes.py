"""What `weir up` publishes: its order, and a burst that is new each time."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.local import layout
from apps.local.scenes import BURST, acts
from features.context import Limits
from features.headers import read_headers
from features.message import parse

NOW = datetime(2026, 11, 21, 9, 15, 30, tzinfo=UTC)


@pytest.fixture(name="played")
def _played():
    return list(acts(layout.CHECKOUT / "examples", Limits(), NOW))


def test_our_users_mail_comes_first_and_the_burst_last(played):
    ours, theirs, burst = played
    assert {example.envelope.direction for example in ours} == {"outbound"}
    assert {example.envelope.direction for example in (*theirs, *burst)} == {"inbound"}
    assert [example.scene for example in burst] == ["burst"] * BURST


def test_the_correspondent_and_the_lookalike_play_their_scenes_once(played):
    scenes = [example.scene for example in played[1] if example.scene]
    assert sorted(scenes) == ["correspondent", "lookalike"]


def test_before_the_burst_the_state_has_watched_for_long_enough_to_know_what_is_new(played):
    ages = [example.age for act in played[:2] for example in act]
    assert timedelta(days=3) < max(ages) < timedelta(days=7)


def test_every_message_of_the_burst_has_a_recipient_and_an_id_of_its_own(played):
    burst = played[2]
    assert len({example.envelope.rcpt_to for example in burst}) == BURST
    assert len({example.envelope.id for example in burst}) == BURST
    found = [_headers(example) for example in burst]
    assert len({headers.message_id for headers in found}) == BURST
    assert {headers.from_.host for headers in found} == {"example-office-21091530.eu"}


def _headers(example):
    return read_headers(parse(example.mail.raw, Limits()), example.envelope, None)


def test_the_next_burst_comes_from_another_domain():
    later = list(acts(layout.CHECKOUT / "examples", Limits(), NOW.replace(minute=16)))[2]
    assert _headers(later[0]).from_.host == "example-office-21091630.eu"


def test_a_folder_without_a_burst_has_none(tmp_path):
    (tmp_path / "inbound").mkdir()
    (tmp_path / "inbound" / "one.eml").write_bytes(b"From: a@example.org\n\nx\n")
    assert [len(act) for act in acts(tmp_path, Limits(), NOW)] == [0, 1, 0]
