"""The keys of a policy file: what each may hold. docs/policy.md says what each means."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_network
from typing import Any, NamedTuple, get_args

from detectors.actions import ACTIONS
from detectors.limits import Counted, Whose
from detectors.lists import ALLOW_KINDS, DENY_KINDS
from detectors.policy import Mode
from detectors.signals import AbuseClass
from features.domains import split_host
from features.envelope import Direction
from features.text import fold, words

__all__ = [
    "BRAND_FIELDS",
    "CLASSES",
    "DIRECTIONS",
    "ENTRY_FIELDS",
    "KEYS",
    "LABEL_FIELDS",
    "LABEL_WEIGHTS",
    "LIMIT_FIELDS",
    "POLICY_FIELDS",
    "RULE_FIELDS",
    "SIGNAL_FIELDS",
    "THRESHOLD",
    "THRESHOLD_ACTIONS",
    "Field",
    "instant",
    "shown",
]


class Field(NamedTuple):
    """What a key may hold, in words and as a test; `each` where it is an array of such values."""

    allowed: str
    holds: Callable[[Any], bool]
    each: bool = False

    def fault(self, value: Any) -> str:
        """Return what is wrong with a value as a message's first words show it, '' if nothing."""
        if not self.each:
            return "" if self.holds(value) else shown(value)
        if not isinstance(value, list):
            return shown(value)
        return next((shown(item) for item in value if not self.holds(item)), "")


DIRECTIONS: tuple[str, ...] = get_args(Direction)
CLASSES: tuple[str, ...] = get_args(AbuseClass)
THRESHOLD_ACTIONS = ACTIONS[1:]  # accept is what remains below every threshold
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_SAID = re.compile(r"[!-~]([ -~]{0,148}[!-~])?")  # what SMTP can carry in one line (RFC 5321)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _one_of(*words: str) -> Field:
    return Field("one of " + ", ".join(words), lambda value: value in words)


def _number(low: float, high: float, what: str) -> Field:
    return Field(what, lambda value: type(value) in (int, float) and low <= value <= high)


def _whole(low: int, high: int) -> Field:
    return Field(
        f"a whole number from {low:,} to {high:,}",
        lambda value: type(value) is int and low <= value <= high,
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_host(value: Any) -> bool:
    return _is_text(value) and all(
        label and set(label) <= _HOST for label in value.lower().split(".")
    )


def _is_address(value: Any) -> bool:
    if not _is_text(value):
        return False
    local, _, host = value.rpartition("@")
    return local != "" and "." in host and _is_host(host)


def _is_own_domain(value: Any) -> bool:
    return isinstance(value, str) and value != "" and split_host(value).registrable == value


def _is_phrase(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(words(fold(value), 6)) <= 5


def _is_network(value: Any) -> bool:
    try:
        return isinstance(value, str) and ip_network(value) is not None
    except ValueError:
        return False


def instant(value: Any) -> datetime | None:
    """Return the first moment at which an `expires` is past, in UTC; None where it isn't a date.

    A date holds to its end; a time needs its offset from UTC.
    """
    if isinstance(value, datetime):
        try:
            return None if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:  # the first or last day that there is, and an offset
            return None
    if isinstance(value, date) and value < date.max:
        return datetime.combine(value + timedelta(days=1), time(), UTC)
    return None


_ACTION = _one_of(*ACTIONS)
_MODE = _one_of(*get_args(Mode))
_TEXT = Field("a text that isn't empty", _is_text)
_BOOL = Field("true or false", lambda value: isinstance(value, bool))
THRESHOLD = Field(
    "a probability above 0 and below 1, or false for never",
    lambda value: value is False or (type(value) is float and 0.0 < value < 1.0),
)
_DOMAINS = Field(
    'domains as registered, in lower case and ASCII, such as ["example.org"]',
    _is_own_domain,
    each=True,
)
_SMTP_TEXT = Field(
    "up to 150 printable ASCII characters, not empty",
    lambda value: isinstance(value, str) and _SAID.fullmatch(value) is not None,
)
_PHRASES = Field("texts of one to five words", _is_phrase, each=True)
POLICY_FIELDS: Mapping[str, Field] = {
    "shadow": _BOOL,
    "on_failure": _one_of("accept", "add_header", "quarantine", "defer"),
    "allow_discard": _BOOL,
    "reject_needs_groups": _whole(1, 9),
    "class_threshold": _number(0, 100, "a number of logits from 0 to 100"),
    "own_domains": _DOMAINS,
    "refusal": _SMTP_TEXT,
    "appeal": _SMTP_TEXT,
    "subject_tag": _SMTP_TEXT,
}
BRAND_FIELDS: Mapping[str, Field] = {
    "name": _TEXT,
    "phrases": _PHRASES,
    "domains": _DOMAINS,
    "ambiguous": _PHRASES,
}
SIGNAL_FIELDS: Mapping[str, Field] = {
    "weight": _number(-50, 50, "a number of logits from -50 to 50"),
    "mode": _MODE,
}
RULE_FIELDS: Mapping[str, Field] = {
    "name": Field(
        "up to 64 lower-case letters, digits, - and _",
        lambda value: isinstance(value, str) and _NAME.fullmatch(value) is not None,
    ),
    "when": _TEXT,
    "action": _ACTION,
    "reason": _TEXT,
    "mode": _MODE,
}
ENTRY_FIELDS: Mapping[str, Field] = {
    "domain": Field("a domain in ASCII (xn-- where it isn't)", _is_host),
    "address": Field("an address such as name@example.com", _is_address),
    "network": Field("a network such as 192.0.2.0/24, host bits zero", _is_network),
    "url_domain": Field("a domain in ASCII (xn-- where it isn't)", _is_host),
    "fingerprint": _TEXT,
    "action": _ACTION,
    "reason": _TEXT,
    "expires": Field(
        "a date, or a time with its offset from UTC", lambda value: instant(value) is not None
    ),
}
LIMIT_FIELDS: Mapping[str, Field] = {
    "name": RULE_FIELDS["name"],
    "counts": _one_of(*get_args(Counted)),
    "by": _one_of(*get_args(Whose)),
    "over": _whole(0, 10_000_000),
    "minutes": _number(1, 10_080, "a number of minutes from 1 to 10,080"),
    "action": _one_of("defer", "hold"),
    "reason": _SMTP_TEXT,
    "mode": _MODE,
}
_SHARE = _number(0, 1, "a number from 0 to 1")
LABEL_FIELDS: Mapping[str, Field] = {
    "reporters": _whole(1, 100),
    "recent_days": _number(0.01, 365, "a number of days from 0.01 to 365"),
    "complaint_rate": _SHARE,
    "freeing_analysts": _whole(1, 100),
    "daily_cap": _whole(1, 100_000),
    "campaign_cap": _whole(0, 1_000),
    "veto_ham": _whole(1, 1_000),
    "reputation_prior": _SHARE,
    "reputation_cases": _number(0.1, 1_000, "a number of labels from 0.1 to 1,000"),
    "reputation_heard": _SHARE,
    "reputation_earned": _number(0.01, 1, "a number from 0.01 to 1"),
    "traps": Field('addresses such as ["name@example.com"]', _is_address, each=True),
}
LABEL_WEIGHTS: Mapping[str, Field] = dict.fromkeys(("analyst", "trap", "user", "automatic"), _SHARE)
_TOP = (
    *POLICY_FIELDS,
    "thresholds.DIRECTION.ACTION",
    "thresholds.DIRECTION.CLASS.ACTION",
    *(f"labels.{key}" for key in LABEL_FIELDS),
    *(f"labels.weights.{key}" for key in LABEL_WEIGHTS),
    *(f"signals.NAME.{key}" for key in SIGNAL_FIELDS),
    *(f"rules.{key}" for key in RULE_FIELDS),
    *(f"brands.{key}" for key in BRAND_FIELDS),
    *(f"limits.{key}" for key in LIMIT_FIELDS),
    *(f"allow.{key}" for key in (*ALLOW_KINDS, "reason", "expires")),
    *(f"deny.{key}" for key in (*DENY_KINDS, "action", "reason", "expires")),
)
KEYS: tuple[str, ...] = (*_TOP, "tenant.NAME")


def shown(value: Any) -> str:
    """Return a value as TOML writes it, cut to 60 characters."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        printed = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
        text = f'"{"".join(printed)}"'
    elif isinstance(value, dict):
        text = "a table"
    elif isinstance(value, list):
        text = "an array"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
