"""What is attached: real type against the declared one, names, archives; bounded unpacking."""

from dataclasses import dataclass

from features.context import Limits
from features.message import Message

__all__ = ["Attachment", "Attachments", "read_attachments"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment. `kind` is the type its bytes show (magic numbers), `declared` the claimed.

    Kinds: pdf, zip, rar, 7z, gzip, ole, ooxml, html, svg, image, executable, script, iso, lnk,
    rtf, calendar, message, text, other. `traits`: type_mismatch, double_extension, executable,
    script, html, svg, archive, archive_encrypted, archive_executable, macro, nested_message,
    right_to_left_name, html_smuggling.
    """

    name: str
    declared: str
    kind: str
    size: int
    sha256: str
    traits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attachments:
    """All attachments, at most `Limits.attachments`."""

    all: tuple[Attachment, ...]
    traits: frozenset[str]
    dropped: int


def read_attachments(message: Message, limits: Limits) -> Attachments:
    """Identify each attachment by its bytes; archives are listed, unpacked only within bounds."""
    raise NotImplementedError
