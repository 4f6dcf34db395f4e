"""An operator's rules in CEL (Common Expression Language), over a small context a message."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import cel

from detectors.nearest import meant
from detectors.policy import Rule

__all__ = [
    "VARIABLES",
    "Expression",
    "ExpressionError",
    "Outcome",
    "Rules",
    "Value",
    "Variable",
    "compile_condition",
]

Value = str | int | float | bool | datetime | list[str]


class Variable(NamedTuple):
    """What a rule may read: an example, which fixes the type, and what it says."""

    example: Value
    what: str


VARIABLES: Mapping[str, Variable] = {
    "score": Variable(0.5, "calibrated probability of abuse, 0 to 1"),
    "logit": Variable(0.0, "the same in logits"),
    "action": Variable("accept", "the action that thresholds alone give"),
    "class": Variable("spam", "spam, phish, malware, bulk or ham"),
    "signals": Variable(["name"], "names of the signals that fired"),
    "listed": Variable("", "`allow` or `deny` where a list entry matches, else empty"),
    "direction": Variable("inbound", "inbound or outbound"),
    "tenant": Variable("default", "the tenant's name"),
    "user": Variable("", "the submitting account (SASL), empty for inbound mail"),
    "from_domain": Variable("example.com", "registrable domain of From"),
    "from_host": Variable("mail.example.com", "host part of From's address"),
    "mail_from_domain": Variable("example.com", "registrable domain of MAIL FROM"),
    "proven_domain": Variable("example.com", "domain that DKIM or SPF proves, empty if none"),
    "proven_by": Variable("dkim", "dkim, spf or empty"),
    "spf": Variable("pass", "SPF's result, `missing` where nobody of ours looked"),
    "dkim": Variable("pass", "DKIM's result, `missing` where nobody of ours looked"),
    "dmarc": Variable("pass", "DMARC's result, `missing` where nobody of ours looked"),
    "arc_sealer": Variable("list.example", "the trusted sealer whose ARC chain passes, or empty"),
    "dmarc_policy": Variable(
        "reject", "none, quarantine or reject where the edge looked, or empty"
    ),
    "blocklists": Variable(["bl.example"], "blocklists of the edge that list the client"),
    "client_ip": Variable("192.0.2.1", "the client's address, empty if unknown"),
    "rcpt_count": Variable(1, "number of envelope recipients"),
    "recipients": Variable(["a@example.com"], "addresses of the envelope, in lower case"),
    "subject": Variable("subject", "the subject, decoded"),
    "url_domains": Variable(["example.com"], "registrable domains of all links"),
    "attachment_kinds": Variable(["pdf"], "what the attachments' bytes show them to be"),
    "message_bytes": Variable(1, "size of the message"),
    "flags": Variable(["truncated"], "what was odd about the message or its envelope"),
    "sender_age": Variable(0.5, "seconds since the sender was first seen, infinite if unknown"),
    "sender_messages": Variable(0.5, "messages of the sender with this one, 0 if unknown"),
    "first_contact": Variable(False, "whether the sender wrote to none of the recipients before"),
    "known_correspondent": Variable(
        False, "whether a recipient writes to the sender, who is proven"
    ),
}

_FUNCTIONS = frozenset(
    {"contains", "startsWith", "endsWith", "matches", "size", "dyn", "type"}
    | {"int", "uint", "double", "string", "bytes", "timestamp", "duration"}
)
_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "string", "uint"})
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): ([^\n]*)")
_NOTHING: Final[Mapping[str, bool | None]] = MappingProxyType({})
_EXPECTING = re.compile(r" expecting .*")


class ExpressionError(ValueError):
    """An expression can't be used; `line` and `column` count from 1 within it."""

    def __init__(self, what: str, line: int = 1, column: int = 1) -> None:
        super().__init__(what)
        self.line = line
        self.column = column


class Expression(NamedTuple):
    """A compiled condition and the variables that it reads."""

    program: cel.Program
    reads: frozenset[str]

    def holds(self, read: Callable[[str], Value]) -> bool | None:
        """Tell whether it holds where `read` gives a variable's value; None where it fails."""
        return _execute(
            self.program, cel.Context({name: _clean(read(name)) for name in self.reads})
        )


def compile_condition(when: str, variables: Mapping[str, Variable] = VARIABLES) -> Expression:
    """Compile a condition over variables and try it once on their examples.

    Raises ExpressionError for a syntax error (with its place), a name that isn't among them, a
    function that CEL here doesn't have, types that don't go together, a result other than bool.
    """
    try:
        program = cel.compile(when)
    except ValueError as error:
        raise _syntax(str(error)) from error
    reads = frozenset(program.variables()) - frozenset(_BOUND.findall(when)) - _TYPES
    for name in sorted(reads - variables.keys()):
        hint = meant(name, variables, "")
        said = f"unknown variable {name!r}{'; ' if hint else ''}{hint}"
        raise ExpressionError(said, *_find(when, name))
    for name in program.functions():
        if name[:1].isalpha() and name not in _FUNCTIONS:
            raise ExpressionError(f"unknown function {name!r}", *_find(when, name))
    examples = {name: variables[name].example for name in reads}
    try:
        result = program.execute(cel.Context(examples))
    except (ArithmeticError, LookupError):
        result = True  # a short list or a zero divisor in the examples says nothing of real mail
    except Exception as error:  # CEL raises TypeError, RuntimeError and ValueError alike
        raise ExpressionError(str(error).partition("\n")[0]) from error
    if not isinstance(result, bool):
        raise ExpressionError(f"gives {type(result).__name__}, allowed: a condition (bool)")
    return Expression(program, reads)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Live and shadow rules that matched, in the file's order, and those that failed to run."""

    live: tuple[Rule, ...] = ()
    shadow: tuple[Rule, ...] = ()
    failed: tuple[str, ...] = ()


class Rules:
    """A policy's rules, compiled; drafts are compiled and otherwise left alone.

    `reads` are the variables that those in force or in shadow read.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        compiled = [(rule, compile_condition(rule.when)) for rule in rules]
        self._rules = [(rule, made) for rule, made in compiled if rule.mode != "draft"]
        self.reads = frozenset[str]().union(*(made.reads for _, made in self._rules))

    def reading(self, names: Collection[str]) -> list[tuple[Rule, frozenset[str]]]:
        """Return the rules that read one of these variables, each with all that it reads."""
        return [(rule, made.reads) for rule, made in self._rules if made.reads.intersection(names)]

    def run(
        self, read: Callable[[str], Value], told: Mapping[str, bool | None] = _NOTHING
    ) -> Outcome:
        """Run all rules on one message; `read` gives a variable's value.

        Only variables that some rule reads are asked for, and none where there is no rule. A
        rule that fails, or gives no bool, didn't match. `told` has what is known of some rules
        by their names: whether they match, None where they fail. These aren't run.
        """
        if not self._rules:
            return Outcome()
        reads = self.reads
        if told:
            asked = (made.reads for rule, made in self._rules if rule.name not in told)
            reads = frozenset[str]().union(*asked)
        context = cel.Context({name: _clean(read(name)) for name in reads})
        live: list[Rule] = []
        shadow: list[Rule] = []
        failed: list[str] = []
        for rule, made in self._rules:
            matched = told[rule.name] if rule.name in told else _execute(made.program, context)
            if matched is None:
                failed.append(rule.name)
            elif matched:
                (live if rule.mode == "live" else shadow).append(rule)
        return Outcome(tuple(live), tuple(shadow), tuple(failed))


def _execute(program: cel.Program, context: cel.Context) -> bool | None:
    try:
        result: Any = program.execute(context)
    except Exception:  # noqa: BLE001  # whatever a rule does, the message gets its verdict
        return None
    return result if isinstance(result, bool) else None


def _clean(value: Value) -> Value:
    """Return text that Rust can hold: surrogates as backslash escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [item.encode("utf-8", "backslashreplace").decode("utf-8") for item in value]
    return value


def _syntax(message: str) -> ExpressionError:
    place = _PLACE.search(message)
    if place is None:
        return ExpressionError(message.partition("\n")[0])
    line, column, what = place.groups()
    return ExpressionError(_EXPECTING.sub("", what), int(line), int(column))


def _find(when: str, name: str) -> tuple[int, int]:
    """Return line and column of a name in an expression."""
    found = re.search(rf"\b{re.escape(name)}\b", when)
    before = when[: found.start()] if found else ""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
