"""Which attachments are worth opening: those for which cheaper signals ask, within a budget."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from features.attachments import Attachment, attached_parts
from features.context import Limits
from features.data_files import read_data
from features.evidence import Evidence
from features.hosts import is_freemail
from features.opened import BLOCKS, Kind, Request
from features.text import fold

__all__ = ["wanted"]

_FEW_WORDS = 60
_LURES: Final = (
    "invoice", "callback", "credentials", "suspension", "mailbox", "parcel", "legal", "wallet",
    "urgency",
)  # fmt: skip
_SCAN: Final = tuple(
    sorted(
        {
            fold(phrase)
            for phrases in read_data("scan_code").values()
            if isinstance(phrases, list)
            for phrase in phrases
        }
    )
)
_SMALLEST = 64  # bytes; nothing of use is smaller
_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {"pdf": "pdf", "ole": "office", "ooxml": "office", "rtf": "office", "image": "image"}
)
_ORDER: Final = ("text", "office", "pdf", "image")
_DRAWN = 120  # blocks: a third of the smallest code's modules
_SOURCE = 65_536  # characters
_IMAGES = 8  # a signature has a handful; a code is looked for in the first
_WEBP: Final = (b"RIFF", b"WEBP")


def wanted(evidence: Evidence, limits: Limits) -> tuple[Request, ...]:
    """Return what should be opened, at most Limits.opened files and Limits.opened_bytes.

    Documents come before images, each content once. A proven sender's own wordy mail with links
    and without any lure word isn't worth it; what can run by itself always is.
    """
    attached = evidence.attachments.all
    drawn = _drawn(evidence.content.text) if "█" in evidence.content.text else False
    if not (attached or drawn) or not limits.opened:
        return ()
    asks = _asks(evidence)
    found: dict[str, Request] = {}
    parts = attached_parts(evidence.message, limits)
    for place, (attachment, part) in enumerate(zip(attached, parts, strict=True)):
        kind = _kind(attachment, part.content)
        if kind is None or attachment.size < _SMALLEST or attachment.sha256 in found:
            continue
        if asks(kind) or "macro" in attachment.traits or attachment.kind == "rtf":
            found[attachment.sha256] = Request(kind, place, part.content)
    if drawn:
        source = evidence.message.html or evidence.message.text
        found[""] = Request("text", -1, source[:_SOURCE].encode("utf-8", "replace"))
    return _within(sorted(found.values(), key=lambda one: _ORDER.index(one.kind)), limits)


def _drawn(text: str) -> bool:
    return sum(text.count(block) for block in BLOCKS) >= _DRAWN


def _kind(attachment: Attachment, content: bytes) -> Kind | None:
    if content.startswith(_WEBP[0]) and content[8:12] == _WEBP[1]:
        return "image"
    return _KINDS.get(attachment.kind)


def _asks(evidence: Evidence) -> Callable[[Kind], bool]:
    """Return a test whether the message gives reason to open a kind; worked out once, if at all."""
    content = evidence.content
    few_words = len(content.words) < _FEW_WORDS
    no_links = not evidence.links.domains
    unproven = evidence.authentication.aligned is not True or is_freemail(
        evidence.headers.from_.host
    )
    lured = any(content.phrases.get(group) for group in _LURES)

    def asked(kind: Kind) -> bool:
        if kind != "image":
            return few_words or no_links or unproven or lured
        # A code is of use where it replaces the link.
        return few_words or (no_links and unproven) or _says_scan(evidence)

    return asked


def _says_scan(evidence: Evidence) -> bool:
    text = f"{evidence.headers.subject_folded}\n{evidence.content.folded}"
    return any(phrase in text for phrase in _SCAN)


def _within(requests: list[Request], limits: Limits) -> tuple[Request, ...]:
    left, images = limits.opened_bytes, 0
    chosen: list[Request] = []
    for request in requests:
        images += request.kind == "image"
        if len(chosen) == limits.opened or images > _IMAGES:
            break
        if len(request.content) <= left:
            left -= len(request.content)
            chosen.append(request)
    return tuple(chosen)
