# ruff: noqa: RUF001 - look-alike letters are what is tested
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.obfuscation import count_mixed_words, read_obfuscation


def test_zero_width_characters_count_and_those_inside_latin_words_apart():
    found = read_obfuscation("pay\u200bpal and \u200c\u200c padding", "")

    assert found.zero_width == 3
    assert found.zero_width_in_word == 1


def test_the_subject_and_display_name_count_for_words_only():
    found = read_obfuscation("plain", "Pay\u200bPal\nNet\u2060flix")

    assert found.zero_width == 0
    assert found.zero_width_in_word == 2


def test_joiners_of_arabic_and_indic_scripts_are_orthography():
    assert read_obfuscation("می\u200cخواهم", "").zero_width_in_word == 0


def test_variation_selectors_and_tags_are_counted():
    assert read_obfuscation("a\U000e0101b", "c\U000e0041").invisible_selectors == 2


@pytest.mark.parametrize("word", ["Раypal", "pаypal", "Αmazon", "\U0001d5e3\U0001d5ee\U0001d606"])
def test_a_word_of_several_alphabets_is_mixed(word):
    assert count_mixed_words(f"the {word} word") == 1


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Grüße aus Köln",
        "Москва говорит",
        "Москва/Paris",
        "ΑΘΗΝΑ",
        "東京ＡＢＣ店",
        "naïve café",
        "Wi-Fi™ и почта",
    ],
)
def test_honest_text_has_no_mixed_words(text):
    assert count_mixed_words(text) == 0


def test_the_same_word_counts_once():
    assert count_mixed_words("pаypal pаypal") == 1


@given(st.text(), st.text())
@settings(derandomize=True)
def test_counts_are_never_negative_and_nothing_raises(body, line):
    assert all(count >= 0 for count in read_obfuscation(body, line))
