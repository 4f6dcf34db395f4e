"""rspamd's replies: JSON for HTTP, lines for the older protocol that Exim speaks."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from apps.hook.api.scale import ADD_HEADER, REJECT, in_band
from apps.hook.api.symbols import score_and_symbols
from apps.hook.forged import is_forged
from apps.hook.outcome import Outcome
from detectors.actions import Action
from features.header_block import read_header, unfold

__all__ = ["RSPAMD_ACTIONS", "as_lines", "reply"]

_FIELDS: Final = 1_000
_HEADER_BYTES: Final = 262_144
_SUBJECT: Final = 900  # characters
_RESULTS: Final = "Authentication-Results"
# Of a header like these, others may see other fields, or more of them, than are seen here.
_UNSURE: Final = frozenset({"bare_cr", "nul", "header_broken", "headers_over_limit"})
_LINES_BYTES: Final = 24_000  # Exim reads 32,600 at most

RSPAMD_ACTIONS: Final[Mapping[Action, str]] = MappingProxyType(
    {
        "accept": "no action",
        "add_header": "add header",
        "rewrite_subject": "rewrite subject",
        # rspamd's clients don't hold mail: marked, it goes to the recipient's own spam folder
        "quarantine": "add header",
        "defer": "soft reject",
        "reject": "reject",
        # none of them drops mail in silence
        "discard": "reject",
    }
)
"""What rspamd calls each of our actions; its clients know no others."""


def reply(outcome: Outcome, raw: bytes, seconds: float) -> dict[str, Any]:
    """Return rspamd's reply to /checkv2 about a message; `weir` has what rspamd has no word for.

    The clients put header fields in as they are given, so they are folded as the message is.
    """
    first = next(iter(outcome.verdicts), None)
    action = outcome.action
    score = in_band(0.0, action)
    symbols: dict[str, dict[str, Any]] = {}
    if first is not None:
        score, symbols = score_and_symbols(first, action)
    _, block, odd = read_header(raw, _FIELDS, _HEADER_BYTES)
    fields = block.fields
    said: dict[str, Any] = {
        "is_skipped": False,
        "score": score,
        "required_score": REJECT,
        "action": RSPAMD_ACTIONS[action],
        "thresholds": {"reject": REJECT, "add header": ADD_HEADER},
        "symbols": symbols,
        "messages": {},
        "urls": [],
        "emails": [],
        "message-id": _message_id(fields),
        "time_real": round(seconds, 6),
        "milter": {
            "add_headers": _added(outcome, "\r\n" if b"\r\n" in raw[:_FIELDS] else "\n"),
            "remove_headers": _removed(outcome, fields, sure=not odd & _UNSURE),
        },
        "weir": {
            "id": first.id if first else "",
            "action": action,
            "kind": first.kind if first else "",
            "class": first.class_ if first else "",
            "probability": first.score if first else None,
        },
    }
    if outcome.reply is not None:
        said["messages"]["smtp_message"] = f"{outcome.reply.enhanced} {outcome.reply.text}"
    if outcome.subject:
        said["subject"] = outcome.subject + _subject(fields)
    return said


def as_lines(said: Mapping[str, Any]) -> bytes:
    """Return a reply in the older protocol's lines, as rspamd writes them for RSPAMC/1.3.

    The fields to add and to remove are lines, too, as rspamd writes them since 2026, so that an
    ACL can act on them. What has no room is left out: Exim reads no more.
    """
    flagged = said["score"] >= ADD_HEADER
    required = f"{said['required_score']:.2f}"
    lines = [
        "RSPAMD/1.3 0 EX_OK",
        f"Metric: default; {flagged}; {said['score']:.2f} / {required} / {required}",
        f"Action: {said['action']}",
    ]
    if "subject" in said:
        lines.append(f"Subject: {_one_line(said['subject'])}")
    lines += [f"Message: {name}: {_one_line(text)}" for name, text in said["messages"].items()]
    lines.append(f"Message-ID: {_one_line(said['message-id'])}")
    for name, values in said["milter"]["add_headers"].items():
        for value in [values] if isinstance(values, str) else values:
            lines.append(f"X-Milter-Add: {name}: {_one_line(value)}")
    lines += [
        f"X-Milter-Del: {name}" if not number else f"X-Milter-Del: {name}[{number}]"
        for name, number in said["milter"]["remove_headers"].items()
    ]
    strongest = sorted(said["symbols"].values(), key=lambda one: -abs(one["score"]))
    lines += [f"Symbol: {one['name']}({one['score']:.2f})" for one in strongest]
    return b"".join(_within(lines))


def _within(lines: Iterable[str]) -> Iterable[bytes]:
    size = 0
    for line in lines:
        encoded = line.encode("utf-8", "replace") + b"\r\n"
        size += len(encoded)
        if size > _LINES_BYTES:
            return
        yield encoded


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _first(fields: list[tuple[str, str]], wanted: str) -> str:
    return next((_plain(value) for name, value in fields if name == wanted), "")


def _plain(value: str) -> str:
    """Return a raw value as one line of Unicode, its encoded words as they are."""
    text = unfold(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _one_line(text)


def _message_id(fields: list[tuple[str, str]]) -> str:
    found = _first(fields, "message-id").removeprefix("<").removesuffix(">")
    return found[:_SUBJECT] or "undef"  # rspamd's word for none


def _subject(fields: list[tuple[str, str]]) -> str:
    return _first(fields, "subject")[:_SUBJECT]


def _added(outcome: Outcome, line_end: str) -> dict[str, str | list[str]]:
    """Return what is added: a text, or a list where a name comes more than once."""
    added: dict[str, list[str]] = {}
    for field in outcome.add:
        added.setdefault(field.name, []).append(field.value.replace("\n", line_end))
    return {name: values[0] if len(values) == 1 else values for name, values in added.items()}


def _removed(outcome: Outcome, fields: list[tuple[str, str]], *, sure: bool) -> dict[str, int]:
    """Return what is removed: 0 for every copy, else the number of the one, from 1.

    rspamd's clients take one number for a name: where some of several Authentication-Results are
    forged, or not all of them may have been seen, all go.
    """
    removed = dict.fromkeys(outcome.remove, 0)
    ours = {each.lower() for each in outcome.authserv_ids}
    if ours and not sure:
        return removed | {_RESULTS: 0}
    found = [value for name, value in fields if name == _RESULTS.lower()] if ours else []
    forged = [
        number
        for number, value in enumerate(found, 1)
        if is_forged(value.encode("utf-8", "surrogateescape"), ours)
    ]
    if forged:
        removed[_RESULTS] = forged[0] if len(forged) == 1 else 0
    return removed
