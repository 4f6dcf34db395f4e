"""Text of mail is shown, never obeyed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from apps.cli.failures import Code, Failure
from apps.cli.rendering import clean, column, hanging


@settings(derandomize=True)
@given(st.text())
def test_cleaned_text_is_printable_whatever_it_was(text):
    assert clean(text).isprintable()


@settings(derandomize=True)
@given(st.text(), st.integers(min_value=1, max_value=60))
def test_cleaned_text_fits_its_width(text, width):
    assert len(clean(text, width)) <= width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\r\n b", "a   b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_not_printable_is_an_escape(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize("text", ["三井住友カード <notice@example.cn>", "Grüße, 世界", "plain", ""])
@pytest.mark.parametrize("width", [1, 2, 7, 28])
def test_a_column_is_as_wide_as_asked_whatever_the_script(text, width):
    assert cell_len(column(text, width)) == width


@settings(derandomize=True)
@given(st.text(st.characters(codec="ascii", categories=("L", "N", "Zs"))), st.integers(40, 90))
def test_hanging_text_keeps_its_words_and_is_left_alone_where_no_terminal_is(text, width):
    shown = hanging(text, 10, width)

    assert shown.split() == text.split()
    assert hanging(text, 10, 0) == text
    assert all(line.startswith(" " * 10) for line in shown.splitlines()[1:])


def test_a_failure_moves_no_cursor():
    given = Failure("a file named\x1b[2J\nand\u202e another", Code.INPUT)
    assert given.message == "a file named\\x1b[2J\nand\\u202e another"
