"""Numbers about what a reader sees, and about what is hidden from them."""

import math

from features.columns.shares import beyond_ascii, count_kinds, currency_signs, ratio
from features.content import Content
from features.lexicon import COLUMN_GROUPS, GROUPS
from features.message import Message
from features.schema import Feature

__all__ = ["COLUMNS", "values"]

_SUBJECT_GROUPS = (
    "credentials", "suspension", "urgency", "prize", "parcel", "wallet", "mailbox", "invoice",
    "spam_goods",
)  # fmt: skip
_HEAD = 4_096  # characters that are enough for shares
_HEAD_WORDS = 500
_LONG = 20
_FLAGS = (
    "base64_malformed",
    "boundary_missing",
    "charset_missing",
    "charset_unknown",
    "charset_wrong",
)

_NO_FLAGS = [0.0] * len(_FLAGS)

COLUMNS = (
    Feature("message.bytes", "bytes, log", "size of the message"),
    Feature("message.parts", "count", "MIME entities"),
    Feature("message.depth", "count", "depth of the MIME tree"),
    Feature("message.nested", "count", "enclosed messages"),
    Feature("message.multipart", "flag", "the message has several parts", routing=True),
    Feature("message.odd", "count", "what was odd about the MIME structure"),
    *[Feature(f"message.{flag}", "flag", f"parsing found {flag}") for flag in _FLAGS],
    Feature("message.base64_ascii", "flag", "plain ASCII text is needlessly in base64"),
    Feature("content.html", "flag", "the body is HTML", routing=True),
    Feature("content.html_only", "flag", "HTML without a plain alternative", routing=True),
    Feature("content.chars", "count, log", "characters of visible text"),
    Feature("content.words", "count, log", "words of visible text"),
    Feature("content.distinct", "ratio", "distinct words of all words"),
    Feature("content.word_chars", "count", "mean length of a word"),
    Feature("content.long_words", "ratio", "words of more than 20 characters"),
    Feature("content.upper", "ratio", "characters that are capitals"),
    Feature("content.digits", "ratio", "characters that are digits"),
    Feature("content.non_ascii", "ratio", "characters beyond ASCII"),
    Feature("content.exclamations", "ratio", "exclamation marks a word"),
    Feature("content.currency", "count", "currency signs"),
    Feature("content.lines", "count, log", "line breaks in the visible text"),
    *[Feature(f"phrases.{group}", "count", f"phrases: {GROUPS[group]}") for group in COLUMN_GROUPS],
    *[
        Feature(f"subject_phrases.{group}", "count", f"phrases in the subject: {GROUPS[group]}")
        for group in _SUBJECT_GROUPS
    ],
    Feature("content.hidden_chars", "count, log", "characters that a style hides"),
    Feature("content.hidden", "ratio", "hidden text of all text"),
    Feature("content.faint_chars", "count, log", "characters in their background's colour"),
    Feature("content.style_junk", "count, log", "characters of style blocks that are no CSS"),
    Feature("content.comment_chars", "count, log", "characters in HTML comments"),
    Feature("content.anchors", "count, log", "clickable elements"),
    Feature("content.images", "count, log", "images"),
    Feature("content.linked_images", "ratio", "images inside links"),
    Feature("content.image_mostly", "flag", "a linked image and less than 300 characters of text"),
    Feature("content.forms", "count", "forms"),
    Feature("content.password_inputs", "count", "password fields"),
    Feature("content.scripts", "count", "scripts"),
    Feature("content.iframes", "count", "embedded pages"),
    Feature("content.meta_refresh", "flag", "the page moves on by itself"),
    Feature("content.nodes", "count, log", "nodes of the HTML tree"),
    Feature("content.markup", "ratio, log", "bytes of HTML a character of visible text"),
    Feature("content.title_chars", "count", "characters of the HTML title"),
    Feature("content.zero_width", "count, log", "characters that print nothing"),
    Feature("content.zero_width_in_word", "count, log", "the same, inside words"),
    Feature("content.mixed_script_words", "count", "words that mix scripts"),
    Feature("content.invisible_selectors", "count", "variation selectors or tags inside words"),
)


def values(message: Message, content: Content) -> list[float]:
    """Return the numbers of COLUMNS."""
    return [*_structure(message), *_text(message, content), *_shape(message, content)]


def _structure(message: Message) -> list[float]:
    needless = False
    for part in message.text_parts:
        if part.transfer_encoding == "base64" and part.content.isascii():
            needless = True
    flags = message.flags
    return [
        math.log1p(message.size),
        float(message.parts),
        float(message.depth),
        float(message.nested_messages),
        float(message.multipart),
        float(len(flags)),
        *([float(flag in flags) for flag in _FLAGS] if flags else _NO_FLAGS),
        float(needless),
    ]


def _text(message: Message, content: Content) -> list[float]:
    text = content.text
    words = content.words[:_HEAD_WORDS]
    lengths = list(map(len, words))
    long = max(lengths, default=0) > _LONG  # hardly ever
    capitals, digits = count_kinds(text[:_HEAD])
    head = min(len(text), _HEAD)
    count = len(content.words)
    phrases, in_subject = content.phrases, content.subject_phrases
    return [
        float(content.is_html),
        float(content.is_html and not message.text.strip()),
        math.log1p(len(text)),
        math.log1p(count),
        ratio(len(set(words)), len(words)),
        ratio(sum(lengths), len(words)),
        ratio(sum([length > _LONG for length in lengths]), len(words)) if long else 0.0,
        ratio(capitals, head),
        ratio(digits, head),
        beyond_ascii(text),
        ratio(text.count("!"), count),
        float(currency_signs(text)),
        math.log1p(text.count("\n")),
        *[float(phrases[group]) for group in COLUMN_GROUPS],
        *[float(in_subject[group]) for group in _SUBJECT_GROUPS],
    ]


def _shape(message: Message, content: Content) -> list[float]:
    chars = len(content.text)
    hidden = len(content.hidden)
    linked = sum([image.linked for image in content.images])
    return [
        math.log1p(hidden),
        ratio(hidden, hidden + chars),
        math.log1p(len(content.faint)),
        math.log1p(content.style_junk),
        math.log1p(content.comment_chars),
        math.log1p(len(content.anchors)),
        math.log1p(len(content.images)),
        ratio(linked, len(content.images)),
        float(linked > 0 and chars < 300),
        float(content.forms),
        float(content.password_inputs),
        float(content.scripts),
        float(content.iframes),
        float(content.meta_refresh),
        math.log1p(content.nodes),
        math.log1p(len(message.html) / (chars + 1)),
        float(len(content.title)),
        math.log1p(content.zero_width),
        math.log1p(content.zero_width_in_word),
        float(content.mixed_script_words),
        float(content.invisible_selectors),
    ]
