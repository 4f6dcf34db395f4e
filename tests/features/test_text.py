"""What a reader takes a letter for is what it folds to."""
# ruff: noqa: RUF001, RUF003 - letters that are taken for others are what is tested

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from features.text import INVISIBLE, fold, words


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("PayPal", "paypal"),
        ("Pаypаl", "paypal"),  # Cyrillic а
        ("ΑΡΡLE", "apple"),  # Greek capitals
        ("Amazοn", "amazon"),  # Greek omicron
        ("ɑmɑzon", "amazon"),  # Latin alpha
        ("ѕесurіtу", "security"),
        ("ＰａｙＰａｌ", "paypal"),
        ("𝓟𝓪𝔂𝓹𝓪𝓵 𝟏", "paypal 1"),
        ("🅿🅰🆈 🅟", "pay p"),
        ("ʀᴇᴡᴀʀᴅ", "reward"),
        ("Čeština ÄRGER Ø ẞ ł", "cestina arger o ss l"),
        ("cafe\u0301", "cafe"),
        ("P\u200bay\u00adP\ufe0fal\u202e", "paypal"),
        ("a\0b\0", "ab"),
        ("İstanbul", "istanbul"),
        ("日本語 안녕", "日本語 안녕"),
        ("½ ™ …", "1⁄2 tm ..."),
    ],
)
def test_look_alikes_fold_to_what_they_look_like(written, folded):
    assert fold(written) == folded


def test_words_are_letters_and_digits_up_to_the_limit():
    assert words("your order-no. 12_34, ready!", 10) == ("your", "order", "no", "12", "34", "ready")
    assert words("a b c", 2) == ("a", "b")
    assert words("", 5) == ()


@given(text=st.text())
@hypothesis_settings(derandomize=True, deadline=None)
def test_folding_leaves_no_capitals_and_nothing_invisible(text):
    folded = fold(text)

    assert folded == folded.lower()
    assert not INVISIBLE & set(folded)
    assert fold(text) == folded


def test_a_text_of_every_character_keeps_the_table_bounded():
    every = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x20000)]))

    assert fold(every) == fold(every)
