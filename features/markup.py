"""HTML as a mail reader shows it: visible, hidden and faint text, links, images, forms."""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import ClassVar, Final

import msgspec
from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode

from features.nesting import bound_nesting
from features.styles import BLACK, UNKNOWN, WHITE, Color, alike, parse_color, read_style
from features.text import INVISIBLE

__all__ = ["FLAGS", "Anchor", "Image", "Markup", "read_markup"]

FLAGS: Final = MappingProxyType(
    {
        "html_nesting": "HTML nests too deep, or has too many attributes, to be parsed as it is",
        "html_nodes_over_limit": "more elements and texts in the HTML than are read",
    }
)

_OPTIONS = LexborDocumentOptions.WO_EVENTS.value  # the source as it is, nothing mirrored
_UNPRINTED: Final = dict.fromkeys(map(ord, INVISIBLE))
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_REFRESH_TARGET = re.compile(r"(?i)url\s{0,16}=")  # white space may stand before the sign
_JUNK_STYLE = 2_000  # characters of style without a rule in the first 400
_RULE_WITHIN = 400
_INLINE: Final = frozenset(
    (
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em",
        "font", "i", "ins", "kbd", "label", "mark", "nobr", "o:p", "q", "s", "samp", "small",
        "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr",
    )
)  # fmt: skip
# Text runs on through these; every other element starts and ends a word.
_SIGHT: Final = frozenset(("background", "bgcolor", "color", "hidden", "style"))


class Anchor(msgspec.Struct, frozen=True, gc=False):
    """A clickable element: target as written (trimmed), visible text, alt text of images in it."""

    href: str
    text: str
    alt: str
    kind: str  # "a", "area", "form", "refresh"


class Image(msgspec.Struct, frozen=True, gc=False):
    """An image of the HTML: source, alternative text, and whether it is inside a link."""

    src: str
    alt: str
    linked: bool


class Markup(msgspec.Struct):
    """What was found in HTML; counts of elements, texts with white space collapsed."""

    text: str = ""
    hidden: str = ""
    faint: str = ""
    title: str = ""
    base: str = ""
    style_junk: int = 0
    comment_chars: int = 0
    anchors: list[Anchor] = []
    images: list[Image] = []
    forms: int = 0
    password_inputs: int = 0
    scripts: int = 0
    iframes: int = 0
    meta_refresh: bool = False
    nodes: int = 0
    flags: list[str] = []


class _Click(msgspec.Struct, frozen=True):
    href: str
    kind: str
    texts: list[str]
    alts: list[str]


class _State(msgspec.Struct, frozen=True, gc=False):
    """What an element hands down to those in it; `plain` text is seen, and in no link."""

    plain: bool
    hidden: bool
    faint: bool
    color: Color
    background: Color
    click: _Click | None


_START = _State(plain=True, hidden=False, faint=False, color=BLACK, background=WHITE, click=None)
_Attributes = dict[str, str | None]


def read_markup(html: str, max_nodes: int) -> Markup:
    """Walk the tree of the HTML once, at most `max_nodes` nodes of it; never raises."""
    harmless, bounded = bound_nesting(html)
    parser = LexborHTMLParser(harmless.encode("utf-8", "replace"), options=_OPTIONS)
    reader = _Reader()
    if bounded:
        reader.found.flags.append("html_nesting")
    root = parser.root
    if root is not None:
        reader.walk(root.parent or root, max_nodes)
    return reader.finish()


class _Reader:
    """One walk in document order, with a stack of what each open element hands down."""

    def __init__(self) -> None:
        self.found = Markup()
        self._visible: list[str] = []
        self._hidden: list[str] = []
        self._faint: list[str] = []
        self._clicks: list[_Click] = []

    def walk(self, start: LexborNode, max_nodes: int) -> None:
        """Visit the tree below a node, depth first."""
        inside: list[tuple[_State, bool, LexborNode]] = []
        state = _START
        visible = self._visible
        node: LexborNode | None = start.first_child
        nodes = 0
        while node is not None:
            nodes += 1
            if nodes > max_nodes:
                self.found.flags.append("html_nodes_over_limit")
                break
            tag = node.tag
            if tag == "-text":
                if state.plain:
                    visible.append(node.text_content or "")
                else:
                    self._text(node.text_content or "", state)
            else:
                inline = tag in _INLINE
                if not inline:
                    (self._hidden if state.hidden else visible).append(" ")
                attributes = node.attributes
                inner: _State | None = state
                if attributes or tag in _ELEMENTS:  # most have nothing to say
                    inner = self._enter(node, tag or "", attributes, state)
                if inner is not None and (child := node.first_child) is not None:
                    inside.append((state, inline, node))
                    state, node = inner, child
                    continue
            after = node.next
            while after is None and inside:
                state, inline, node = inside.pop()
                if not inline:
                    visible.append(" ")
                after = node.next
            node = after
        self.found.nodes = min(nodes, max_nodes)

    def finish(self) -> Markup:
        """Join what was gathered."""
        found = self.found
        found.text = _collapse(self._visible)
        # A preheader is padded with characters that print nothing; they hide no text.
        found.hidden = _collapse([_printed("".join(self._hidden))])
        found.faint = _collapse(self._faint)
        found.anchors = [
            Anchor(click.href, _collapse(click.texts), _collapse(click.alts), click.kind)
            for click in self._clicks
        ]
        return found

    def _text(self, text: str, state: _State) -> None:
        if state.hidden:
            self._hidden.append(text)
            return
        self._visible.append(text)
        if state.faint and not text.isspace():
            self._faint.append(text + " ")
        if state.click is not None:
            state.click.texts.append(text)

    def _enter(
        self, node: LexborNode, tag: str, attributes: _Attributes, state: _State
    ) -> _State | None:
        """Take an element in; return what it hands down, None where nothing in it is read."""
        reads = _ELEMENTS.get(tag)
        if reads is not None and not reads(self, node, attributes, state):
            return None
        if not _SIGHT.isdisjoint(attributes):
            state = _restyled(attributes, state)
        if tag in ("a", "area"):
            return self._click(tag, attributes, state)
        return state

    def _click(self, tag: str, attributes: _Attributes, state: _State) -> _State:
        href = attributes.get("href") or attributes.get("xlink:href")
        if href is None:
            return state
        click = _Click(href.strip(), tag, [], [attributes.get("alt") or ""])
        self._clicks.append(click)
        return _State(
            plain=False,
            hidden=state.hidden,
            faint=state.faint,
            color=state.color,
            background=state.background,
            click=click,
        )

    def _image(self, _node: LexborNode, attributes: _Attributes, state: _State) -> bool:
        alt = attributes.get("alt") or ""
        self.found.images.append(
            Image(attributes.get("src") or "", alt, linked=state.click is not None)
        )
        if state.click is not None:
            state.click.alts.append(alt + " ")
        return False

    def _form(self, _node: LexborNode, attributes: _Attributes, _state: _State) -> bool:
        self.found.forms += 1
        self._target(attributes.get("action"), "form")
        return True

    def _input(self, _node: LexborNode, attributes: _Attributes, _state: _State) -> bool:
        if (attributes.get("type") or "").strip().lower() == "password":
            self.found.password_inputs += 1
        self._target(attributes.get("formaction"), "form")
        return True

    def _target(self, href: str | None, kind: str) -> None:
        if href and href.strip():
            self._clicks.append(_Click(href.strip(), kind, [], []))

    def _skip(self, _node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        return False

    def _script(self, _node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        self.found.scripts += 1
        return False

    def _iframe(self, _node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        self.found.iframes += 1
        return False

    def _meta(self, _node: LexborNode, attributes: _Attributes, _state: _State) -> bool:
        if (attributes.get("http-equiv") or "").strip().lower() == "refresh":
            content = attributes.get("content") or ""
            url = _REFRESH_TARGET.search(content)
            if url is not None:
                self.found.meta_refresh = True
                self._target(content[url.end() :].strip().strip("'\""), "refresh")
        return False

    def _base(self, _node: LexborNode, attributes: _Attributes, _state: _State) -> bool:
        self.found.base = self.found.base or (attributes.get("href") or "").strip()
        return False

    def _title(self, node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        self.found.title = self.found.title or _collapse([_inner(node)])
        return False

    def _style(self, node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        css = _inner(node).lstrip()
        if css.startswith("/*"):
            css = css.partition("*/")[2]
        if len(css) >= _JUNK_STYLE and "{" not in css[:_RULE_WITHIN]:
            self.found.style_junk += len(css)
        return False

    def _comment(self, node: LexborNode, _attributes: _Attributes, _state: _State) -> bool:
        text = (node.comment_content or "").strip()
        if not text.startswith(("[if", "<![", "[endif")):  # conditional comments of Outlook
            self.found.comment_chars += len(text)
        return False

    elements: ClassVar[dict[str, Callable[["_Reader", LexborNode, _Attributes, _State], bool]]] = {
        "-comment": _comment,
        "base": _base,
        "button": _input,
        "form": _form,
        "iframe": _iframe,
        "image": _image,
        "img": _image,
        "input": _input,
        "meta": _meta,
        "noembed": _skip,
        "noframes": _skip,
        "object": _skip,
        "script": _script,
        "style": _style,
        "template": _skip,
        "title": _title,
    }


_ELEMENTS: Final = _Reader.elements


def _inner(node: LexborNode) -> str:
    child = node.first_child
    return (child.text_content or "") if child is not None and child.is_text_node else ""


def _printed(text: str) -> str:
    """Drop characters that print nothing; only NUL is one of them in ASCII."""
    if not text.isascii():
        text = _NOT_ASCII.sub(lambda run: run[0].translate(_UNPRINTED), text)
    return text.replace("\0", "")


def _collapse(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split()) if pieces else ""


def _restyled(attributes: _Attributes, state: _State) -> _State:
    """Return the state with what the element's attributes say about sight and colours."""
    css = read_style(attributes.get("style") or "")
    hidden = state.hidden or css.hides or "hidden" in attributes
    color, background = css.color, css.background
    if color is None and attributes.get("color"):
        color = parse_color(attributes["color"] or "")
    if background is None:
        if attributes.get("background"):
            background = UNKNOWN
        elif attributes.get("bgcolor"):
            background = parse_color(attributes["bgcolor"] or "")
    if hidden == state.hidden and color is None and background is None:
        return state
    color, background = color or state.color, background or state.background
    faint = alike(color, background)
    plain = not hidden and not faint and state.click is None
    return _State(plain, hidden, faint, color, background, state.click)
