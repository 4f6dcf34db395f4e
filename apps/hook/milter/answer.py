"""What is answered at the end of a message: changes to it, and what the SMTP client hears."""

from typing import Literal, NamedTuple

__all__ = ["AddHeader", "Answer", "ChangeHeader", "Edit", "Final", "Quarantine", "SmtpReply"]


class AddHeader(NamedTuple):
    """Add a header field: below all others, or at place `at` (0 above all that the MTA has)."""

    name: str
    value: str
    at: int | None = None


class ChangeHeader(NamedTuple):
    """Replace the value of the `nth` field of a name, counted from 1; None removes it.

    The MTA counts again after each removal, so the highest goes first. A field that isn't there
    is added by some MTAs.
    """

    name: str
    nth: int
    value: str | bytes | None


class Quarantine(NamedTuple):
    """Accept the message into the hold queue, with a reason for the MTA's log."""

    reason: str


class SmtpReply(NamedTuple):
    """Refuse the message: a 4xx or 5xx code, an enhanced code (RFC 3463) and one line of text."""

    code: int
    enhanced: str
    text: str


Edit = AddHeader | ChangeHeader | Quarantine
Final = SmtpReply | Literal["accept", "discard"]


class Answer(NamedTuple):
    """Edits in their order, then the end. Values fold by LF and are without a leading space.

    Edits are made only with "accept".
    """

    final: Final = "accept"
    edits: tuple[Edit, ...] = ()
