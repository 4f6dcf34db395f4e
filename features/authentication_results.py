"""Authentication-Results fields (RFC 8601), read leniently and in linear time."""

from typing import Literal, NamedTuple, cast

__all__ = ["MethodResult", "Result", "as_result", "parse_authentication_results"]

Result = Literal[
    "pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror", "missing"
]

_LONGEST_FIELD = 16_384  # characters of one field that are read
_RESULTS = frozenset(
    ("pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror")
)
_OTHER_WORDS = {
    "hardfail": "fail",  # RFC 7001 and before
    "error": "temperror",
    "unknown": "permerror",
    "bestguesspass": "neutral",  # a guess without a record proves nothing
    "bypass": "none",
    "skipped": "none",
}


class MethodResult(NamedTuple):
    """One method's result with its properties (`header.d`, `smtp.mailfrom`, ...), lower-case."""

    method: str
    result: Result
    properties: dict[str, str]


def as_result(word: str) -> Result:
    """Return the result that a word stands for, `missing` for what is none."""
    lower = word.strip().lower()
    known = _OTHER_WORDS.get(lower, lower)
    return cast("Result", known) if known in _RESULTS else "missing"


def parse_authentication_results(value: str) -> tuple[str, list[MethodResult]]:
    """Read an unfolded field: the authserv-id, lower-case, and each method's result in order.

    Comments and quotes are removed, the methods' versions ignored; a result of an unknown word
    is `missing`. Both are empty where the field can't be read.
    """
    identifier, *statements = _plain(value[:_LONGEST_FIELD]).lower().split(";")
    words = identifier.split()
    if not words:
        return "", []
    results: list[MethodResult] = []
    for statement in statements:
        tokens = statement.replace(" =", "=").replace("= ", "=").split()
        if not tokens:
            continue
        method, equals, result = tokens[0].partition("=")
        if not equals:
            continue
        properties: dict[str, str] = {}
        for token in tokens[1:]:
            name, _, given = token.partition("=")
            properties.setdefault(name, given)
        results.append(MethodResult(method.partition("/")[0], as_result(result), properties))
    return words[0], results


def _plain(value: str) -> str:
    """Remove comments, which nest, and quotes; what is quoted can't separate statements."""
    if "(" not in value and '"' not in value:
        return value
    out: list[str] = []
    depth = 0
    quoted = escaped = False
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
            continue
        elif char == '"' and not depth:
            quoted = not quoted
            continue
        elif char == "(" and not quoted:
            depth += 1
            continue
        elif char == ")" and not quoted and depth:
            depth -= 1
            out.append(" ")
            continue
        if not depth:
            out.append("_" if quoted and (char == ";" or char.isspace()) else char)
    return "".join(out)
