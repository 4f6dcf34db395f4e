"""What a reader sees, and what is hidden from them: visible text, words, phrases, HTML's shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from features.context import Limits
from features.headers import Headers
from features.message import Message

__all__ = ["Anchor", "Content", "Image", "read_content"]


class Anchor(NamedTuple):
    """A clickable element: target as written (trimmed), visible text, alt text of images in it."""

    href: str
    text: str
    alt: str
    kind: str  # "a", "area", "form"


class Image(NamedTuple):
    """An image of the HTML: source, alternative text, and whether it is inside a link."""

    src: str
    alt: str
    linked: bool


@dataclass(frozen=True, slots=True)
class Content:
    """The body as read. `text` is the visible text (of the HTML if there is any, else plain).

    `folded` is `text` lower-cased with confusables folded (features.text.fold), bounded;
    `words` its words. `phrases` counts distinct lexicon phrases by group in subject and body,
    `subject_phrases` in the subject alone. `hidden` is text that a style hides, `faint` text
    coloured like its background. Counts of characters: `zero_width`, `zero_width_in_word`,
    `mixed_script_words`, `invisible_selectors`.
    """

    is_html: bool
    text: str
    folded: str
    words: tuple[str, ...]
    phrases: Mapping[str, int]
    subject_phrases: Mapping[str, int]
    title: str
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
    """Read the body; hostile HTML is bounded by nodes and bytes, never by time."""
    raise NotImplementedError
