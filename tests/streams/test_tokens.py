"""A token leads back to its message, and only one that we signed does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.envelope import LogPosition
from streams.tokens import Token, id_in, read_token, sign_token
from streams.wire import new_id

KEY = b"k" * 32
PLACE = LogPosition("4f1c9a2e", 2, 184_467)


def test_a_token_says_id_and_place():
    ident = new_id()
    assert read_token(KEY, sign_token(KEY, ident, PLACE)) == Token(ident, PLACE)


def test_a_message_that_never_reached_the_log_has_a_token_too():
    token = sign_token(KEY, "abc", None)
    assert ".-.-.-." in token
    assert read_token(KEY, token) == Token("abc", None)


def test_an_id_may_have_dots():
    ident = "made.up_by:a-publisher@host+1"
    assert read_token(KEY, sign_token(KEY, ident, PLACE)) == Token(ident, PLACE)


def test_the_form_is_frozen():
    """Other programs write and read it (docs/topics/label.md)."""
    assert (
        sign_token(b"0" * 32, "01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11", PLACE)
        == "v1.01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11.4f1c9a2e.2.184467.162011ff2a4ab704586e2401"
    )


@pytest.mark.parametrize("at", range(len("v1.abc.4f1c9a2e.2.184467.") + 24))
def test_a_token_that_was_changed_anywhere_is_refused(at):
    token = sign_token(KEY, "abc", PLACE)
    changed = token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1 :]
    assert read_token(KEY, changed) is None


def test_a_token_of_another_installation_is_refused_and_names_its_message_all_the_same():
    token = sign_token(b"j" * 32, "abc", PLACE)
    assert read_token(KEY, token) is None
    assert id_in(token) == "abc"


def test_a_key_that_is_empty_signs_for_nobody():
    assert read_token(b"", sign_token(b"", "abc", PLACE)) is None


def test_white_space_around_it_is_off():
    assert read_token(KEY, f" {sign_token(KEY, 'abc', PLACE)}\r\n") == Token("abc", PLACE)


@pytest.mark.parametrize(
    ("ident", "place"),
    [
        ("", PLACE),
        ("a b", PLACE),
        ("x" * 129, PLACE),
        ("abc", LogPosition("no.t", 1, 1)),
        ("abc", LogPosition("e", -1, 1)),
        ("abc", LogPosition("e", 1, 2**63)),
    ],
)
def test_what_no_token_can_carry_is_not_signed(ident, place):
    with pytest.raises(ValueError, match="doesn't fit a token"):
        sign_token(KEY, ident, place)


@given(st.text(max_size=400))
def test_any_text_is_read_without_an_error(text):
    assert read_token(KEY, text) is None
    assert isinstance(id_in(text), str)
