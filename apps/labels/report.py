"""What a report says, whichever form it came in."""

from typing import Literal, NamedTuple

from models.label import Truth

__all__ = ["Form", "NoReport", "Report", "Returned"]

Form = Literal["arf", "bounce", "forward"]


class Returned(NamedTuple):
    """A message as a report brings it back: what leads to it, and its bytes.

    `tokens` are the values of its X-Weir-Id fields, topmost first, signed by us or not;
    `message_id` is without brackets. `raw` is None where only headers came back.
    """

    tokens: tuple[str, ...]
    message_id: str
    raw: bytes | None


class Report(NamedTuple):
    """A report that was read.

    `truth` is what its form says the message was, None where the one who hands it on must say.
    `sender` is the address it came from. `returned` are the messages it brings back, never none;
    `dropped` counts those beyond the limit.
    """

    form: Form
    truth: Truth | None
    sender: str
    returned: tuple[Returned, ...]
    dropped: int = 0


class NoReport(NamedTuple):
    """Why a mail is no report that can be used; `form` is what it looks like, None for none."""

    reason: str
    form: Form | None = None
