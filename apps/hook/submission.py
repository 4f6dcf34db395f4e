"""One message as an MTA hands it over, whichever protocol the MTA speaks."""

import re
from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple

from apps.hook.outcome import Outcome
from features.envelope import Client, Truncated

__all__ = ["TENANT", "TENANT_FORM", "Check", "Listener", "Submission"]

TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")  # as workers read it, and no upper case
TENANT_FORM: Final = "at most 64 lower-case letters, digits, - _ and ., the first a letter or digit"


class Listener(NamedTuple):
    """What the operator said of all mail that comes over one address.

    `tenant` "" leaves it to the recipients' domains. `direction` "auto" takes mail of
    authenticated users and of our own networks for outbound.
    """

    name: str = ""
    tenant: str = ""
    direction: Literal["auto", "inbound", "outbound"] = "auto"


class Submission(NamedTuple):
    """What SMTP said, and the message, RFC 5322 bytes with CRLF or LF line ends.

    Addresses are without angle brackets; the null sender is "", an unknown one None. Bytes that
    aren't UTF-8 are backslash escapes, as in features.envelope. `truncated` says what an adapter
    with a limit of its own has cut already. `deadline` is of the event loop's clock (seconds),
    None for the setting's.
    """

    raw: bytes
    listener: Listener = Listener()
    client: Client = Client()
    mail_from: str | None = None
    rcpt_to: tuple[str, ...] = ()
    user: str | None = None
    queue_id: str | None = None
    tls: str | None = None
    truncated: Truncated | None = None
    deadline: float | None = None


# Adapters know nothing else of what lies behind them. It always answers, and never raises.
Check = Callable[[Submission], Awaitable[Outcome]]
