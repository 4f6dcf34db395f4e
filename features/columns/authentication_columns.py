"""Numbers about proof: every one is missing where nobody of ours looked."""

import math

from features.authentication import Authentication
from features.schema import Feature

__all__ = ["COLUMNS", "values"]

_METHODS = ("spf", "dkim", "dmarc", "arc")
_FAILURES = frozenset({"fail", "softfail", "permerror", "policy"})

COLUMNS = (
    *[
        Feature(f"authentication.{method}_{state}", "flag", f"{method} says {state}", routing=True)
        for method in _METHODS
        for state in ("pass", "fail")
    ],
    Feature("authentication.aligned", "flag", "a proven domain is aligned with From", routing=True),
    Feature("authentication.proven", "flag", "some identity is proven", routing=True),
    Feature(
        "authentication.forged", "count", "results forged in our verifier's name", routing=True
    ),
)


def values(authentication: Authentication) -> list[float]:
    """Return the numbers of COLUMNS, NaN where missing."""
    numbers = []
    for result in (
        authentication.spf,
        authentication.dkim,
        authentication.dmarc,
        authentication.arc,
    ):
        known = result != "missing"
        numbers.append(float(result == "pass") if known else math.nan)
        numbers.append(float(result in _FAILURES) if known else math.nan)
    aligned = authentication.aligned
    return [
        *numbers,
        math.nan if aligned is None else float(aligned),
        float(bool(authentication.proven)) if authentication.source else math.nan,
        float(authentication.forged),
    ]
