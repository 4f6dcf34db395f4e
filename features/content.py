"""What a reader sees, and what is hidden from them: visible text, words, phrases, HTML's shape."""

from collections.abc import Mapping

import msgspec

from features.context import Limits
from features.headers import Headers
from features.lexicon import count_phrases, find_phrases, find_unspaced
from features.markup import Anchor, Image, Markup, read_markup
from features.message import Message
from features.obfuscation import read_obfuscation
from features.text import fold, words

__all__ = ["Anchor", "Content", "Image", "read_content"]

_CHARS_PER_WORD = 8
# Lures stand at the beginning; longer, a newsletter gathers phrases by its length alone.
_PHRASE_WORDS = 1_000
_PHRASE_CHARS = 4_000  # of text without blanks between its words


class Content(msgspec.Struct, frozen=True, gc=False):
    """The body as read. `text` is the visible text (of the HTML if there is any, else plain).

    `folded` is the beginning of `text`, lower-cased with confusables folded
    (features.text.fold); `words` its words, at most Limits.tokens. `phrases` counts distinct
    lexicon phrases by group (features.lexicon.GROUPS) in the subject and the first 1,000 words,
    `subject_phrases` in the subject alone. `hidden` is text that a style hides, `faint` the part
    of `text` coloured like its background. `base` is the address that relative links start from.
    `style_junk` and `comment_chars` are characters. `zero_width` counts characters of the body,
    `mixed_script_words` its distinct words; `zero_width_in_word` and `invisible_selectors` count
    in subject and display name too (features.obfuscation). `flags` are explained in
    features.markup.FLAGS.
    """

    is_html: bool
    text: str
    folded: str
    words: tuple[str, ...]
    phrases: Mapping[str, int]
    subject_phrases: Mapping[str, int]
    title: str
    base: str
    hidden: str
    faint: str
    style_junk: int
    comment_chars: int
    anchors: tuple[Anchor, ...]
    images: tuple[Image, ...]
    forms: int
    password_inputs: int
    scripts: int
    iframes: int
    meta_refresh: bool
    nodes: int
    zero_width: int
    zero_width_in_word: int
    mixed_script_words: int
    invisible_selectors: int
    flags: tuple[str, ...]


def read_content(message: Message, headers: Headers, limits: Limits) -> Content:
    """Read the body; hostile HTML is bounded by nodes and bytes, never by time. Never raises."""
    is_html = bool(message.html) and not message.html.isspace()
    markup = (
        read_markup(message.html[: limits.text_bytes], limits.html_nodes) if is_html else Markup()
    )
    text = markup.text if is_html else message.text
    folded = fold(text[: limits.tokens * _CHARS_PER_WORD])
    body_words = words(folded, limits.tokens)
    subject_words = headers.subject_words
    in_subject = (find_phrases(subject_words), find_unspaced("".join(subject_words)))
    obfuscation = read_obfuscation(text, f"{headers.subject}\n{headers.from_.display}")
    return Content(
        is_html=is_html,
        text=text,
        folded=folded,
        words=body_words,
        phrases=count_phrases(
            *in_subject,
            find_phrases(body_words[:_PHRASE_WORDS]),
            find_unspaced(folded[:_PHRASE_CHARS]),
        ),
        subject_phrases=count_phrases(*in_subject),
        title=markup.title,
        base=markup.base,
        hidden=markup.hidden,
        faint=markup.faint,
        style_junk=markup.style_junk,
        comment_chars=markup.comment_chars,
        anchors=tuple(markup.anchors),
        images=tuple(markup.images),
        forms=markup.forms,
        password_inputs=markup.password_inputs,
        scripts=markup.scripts,
        iframes=markup.iframes,
        meta_refresh=markup.meta_refresh,
        nodes=markup.nodes,
        zero_width=obfuscation.zero_width,
        zero_width_in_word=obfuscation.zero_width_in_word,
        mixed_script_words=obfuscation.mixed_script_words,
        invisible_selectors=obfuscation.invisible_selectors,
        flags=tuple(markup.flags),
    )
