from datetime import UTC, datetime

import pytest

from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.fingerprint import BANDS, near

ENVELOPE = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))
LETTER = (
    "Dear {name}, your parcel {number} could not be delivered because the customs fee was not paid "
    "in time. Please open the page below and settle the outstanding amount today, otherwise the "
    "parcel goes back to the sender. We thank you for your patience and wish you a pleasant day. "
    "Your delivery service, with all good wishes from the whole team in the sorting centre {token}"
)
OTHER = (
    "The committee meets on Tuesday at ten in the small hall. On the agenda are the minutes of the "
    "last meeting, the budget for the coming year, the election of two new members, and the repair "
    "of the roof. Whoever can't come may send a deputy with a written vote before Monday evening."
)


def print_of(body, kind="plain", extra=""):
    raw = f"From: a@example.com\r\nContent-Type: text/{kind}; charset=utf-8\r\n{extra}\r\n{body}"
    return extract(Incoming(ENVELOPE, raw.encode()), Context()).fingerprint


def letter(name="Erika", number="1234567", token="q9x8r7t6z5w4v3u2s1p0o9n8m7"):
    return LETTER.format(name=name, number=number, token=token)


def test_a_long_text_gives_six_bands():
    bands = print_of(letter()).split("-")

    assert len(bands) == BANDS
    assert {len(band) for band in bands} == {8}


def test_what_is_made_for_one_recipient_changes_little():
    one = print_of(letter())
    other = print_of(letter("Max", "7654321", "a1b2c3d4e5f6g7h8i9j0k1l2m3"))

    assert near(one, other)


def test_numbers_and_tokens_change_nothing():
    one = print_of(letter())

    assert print_of(letter(number="999", token="z0y9x8w7")) == one


def test_the_same_words_as_html_are_the_same_content():
    assert print_of(f"<p>{letter()}</p>", "html") == print_of(letter())


def test_another_text_is_not_near():
    assert not near(print_of(letter()), print_of(OTHER))


def test_a_short_text_is_known_by_its_words_links_and_attachments():
    one = print_of("Look: https://one.example.com/a1")

    assert one.startswith("=")
    assert print_of("look https://one.example.com/b2") == one
    assert print_of("Look: https://other.example.de/a1") != one


def test_a_message_without_content_has_no_fingerprint():
    assert print_of("") == ""
    assert print_of("<p> </p>", "html") == ""


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a-b-c-d-e-f", "a-b-x-x-x-x", True),
        ("a-b-c-d-e-f", "a-x-x-x-x-x", False),
        ("a-b-c-d-e-f", "b-a-d-c-f-e", False),
        ("=1", "=1", True),
        ("=1", "=2", False),
        ("", "", False),
        ("a-b-c-d-e-f", "", False),
    ],
)
def test_two_equal_bands_make_near_duplicates(one, other, expected):
    assert near(one, other) is expected


def test_the_fingerprint_is_the_same_on_every_machine():
    """Campaigns are compared across workers and over months."""
    assert print_of(letter()) == ("0192927b-61f8f79b-d414c944-fe2a3e95-f0e64a0e-499ab47d")


def test_one_changed_word_leaves_nearly_every_letter_near():
    words = letter().split()
    variants = [" ".join([*words[:n], "otherwise", *words[n + 1 :]]) for n in range(len(words))]
    original = print_of(letter())

    close = sum(near(original, print_of(variant)) for variant in variants)

    assert close >= 0.9 * len(variants)
