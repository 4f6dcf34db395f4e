# ruff: noqa: RUF001 - look-alike letters are what is tested
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from features.content import read_content
from features.context import Context, Limits
from features.envelope import Envelope
from features.headers import read_headers
from features.lexicon import GROUPS
from features.message import parse


def content_of(body, kind="html", subject="Hello", limits=None):
    context = Context(limits=limits or Limits())
    envelope = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))
    head = f"From: a@example.com\r\nSubject: {subject}\r\nContent-Type: text/{kind}; charset=utf-8"
    message = parse(f"{head}\r\n\r\n{body}".encode("utf-8", "replace"), context.limits)
    return read_content(message, read_headers(message, envelope, context), context.limits)


def test_the_text_of_html_is_what_is_visible():
    content = content_of("<p>Visible<span style='display:none'>not</span></p>")

    assert content.is_html
    assert (content.text, content.hidden) == ("Visible", "not")


def test_plain_text_is_read_as_it_is():
    content = content_of("Two words\r\nand <b>no</b> tags", "plain")

    assert not content.is_html
    assert content.words == ("two", "words", "and", "b", "no", "b", "tags")
    assert content.anchors == ()


def test_folded_text_undoes_lookalike_letters():
    assert content_of("<p>Ρаураl</p>").words == ("paypal",)


def test_phrases_of_subject_and_body_are_counted_once_each():
    content = content_of(
        "<p>Verify your account. Verify your identity.", subject="Verify your account"
    )

    assert content.phrases["credentials"] == 2
    assert content.subject_phrases["credentials"] == 1
    assert set(content.phrases) == set(GROUPS)


def test_phrases_far_down_a_long_text_do_not_count():
    content = content_of("word " * 1_500 + "verify your account", "plain")

    assert content.phrases["credentials"] == 0


def test_words_are_bounded():
    assert len(content_of("word " * 500, "plain", limits=Limits(tokens=100)).words) == 100


def test_an_empty_body_has_empty_content():
    content = content_of("", "plain")

    assert (content.text, content.words, content.nodes) == ("", (), 0)


def test_letters_hidden_in_words_are_counted():
    content = content_of("<p>Pay\u200bPal a\u200bccount pаypal")

    assert content.zero_width == 2
    assert content.zero_width_in_word == 2
    assert content.mixed_script_words == 1


@given(st.text(), st.text(max_size=30))
@settings(derandomize=True)
def test_no_body_raises(body, subject):
    for kind in ("html", "plain"):
        content_of(body, kind, subject.replace("\r", "").replace("\n", ""))
