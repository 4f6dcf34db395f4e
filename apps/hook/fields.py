"""The header fields that go into a message: marks for mail readers, its token, what was checked.

All are printable ASCII, folded by LF and a space, well under 998 octets a line (RFC 5322, 2.1.1).
"""

import textwrap
from collections.abc import Mapping
from itertools import islice
from typing import Final

from apps.hook.outcome import Field
from apps.hook.plain_text import plain
from apps.hook.points import points, required
from detectors.verdict import Verdict
from features.authentication_results import as_result
from features.envelope import Fact
from streams.tokens import HEADER

__all__ = ["CHECKED_BY_HOOK", "OWN_NAMES", "authentication_results", "folded", "spam_fields"]

CHECKED_BY_HOOK: Final = "hook"  # the source of a fact that this process looked up itself
# Of these, every copy that came with a message goes: a sender mustn't speak for us.
_MARKS: Final = ("X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status")
OWN_NAMES: Final = (*_MARKS, HEADER, "X-Weir-Status")

_WIDTH: Final = 78
_STARS: Final = 50  # as many as SpamAssassin writes at most
_LONGEST: Final = 900  # characters of one value's word: it can't be folded
_DOMAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
_DOMAINS: Final = 10  # signatures that are named


def folded(name: str, value: str) -> Field:
    """Return a field, its value printable ASCII and folded where it has blanks."""
    text = plain(value)
    if text is value and len(name) + 2 + len(value) <= _WIDTH:
        return Field(name, value)
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=" " * (len(name) + 2),
        subsequent_indent=" ",
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return Field(name, "\n ".join(line.strip()[:_LONGEST] for line in lines))


def spam_fields(verdict: Verdict) -> tuple[Field, ...]:
    """Return the marks that mail readers and sieve scripts know, as SpamAssassin writes them.

    A verdict without a score says no number.
    """
    marked = verdict.action != "accept"
    flag = folded("X-Spam-Flag", "YES" if marked else "NO")
    if verdict.logit is None:
        return (flag,)
    total = points(verdict.logit)
    score = f"{total:.3f}"
    level = "*" * min(int(total), _STARS)
    status = f"{'Yes' if marked else 'No'}, score={score} required={required(verdict):.3f}"
    stars = (Field("X-Spam-Level", level),) if level else ()
    return flag, folded("X-Spam-Score", score), *stars, folded("X-Spam-Status", status)


def authentication_results(authserv_id: str, facts: Mapping[str, Fact]) -> tuple[Field, ...]:
    """Return the Authentication-Results (RFC 8601) of what the hook checked; none for nothing.

    What others looked up isn't vouched for. Domains come from the message, and a domain that
    isn't written in letters, digits, dots, hyphens and underscores is left out.
    """
    if not authserv_id or not facts:
        return ()
    own = {
        name: str(fact.value).lower()
        for name, fact in facts.items()
        if fact.source == CHECKED_BY_HOOK and isinstance(fact.value, str)
    }
    results = []
    for method in ("spf", "dkim", "dmarc", "arc"):
        result = as_result(own.get(method, ""))
        if result == "missing":
            continue
        properties = _PROPERTIES[method]
        named = _domains(own.get(properties[0], ""))
        said = [f"{method}={result}", *(f"{properties[1]}={domain}" for domain in named[:1])]
        results.append(" ".join(said))
        results += [f"{method}={result} {properties[1]}={domain}" for domain in named[1:]]
    if not results:
        return ()
    return (folded("Authentication-Results", "; ".join((authserv_id, *results))),)


# The fact that names a method's domain, and the property that carries it (RFC 8601, 2.7).
_PROPERTIES: Final = {
    "spf": ("spf.domain", "smtp.mailfrom"),
    "dkim": ("dkim.domains", "header.d"),
    "dmarc": ("dmarc.domain", "header.from"),
    "arc": ("arc.sealer", "header.d"),
}


def _domains(text: str) -> list[str]:
    """Return the domains of a fact that may stand in a header, each once."""
    words = dict.fromkeys(text.replace(",", " ").split())
    fit = (word for word in words if "." in word and len(word) <= 255 and set(word) <= _DOMAIN)
    return list(islice(fit, _DOMAINS))
