"""Tables of a policy file read part by part: values checked, mistakes noted."""

from collections.abc import Iterable, Mapping
from typing import Any

from detectors.limits import Limit
from detectors.lists import ALLOW_KINDS, DENY_KINDS
from detectors.nearest import meant
from detectors.own_brands import SHIPPED_NAMES
from detectors.policy import ListEntry, OwnBrand, Problem, Rule, SignalSetting
from detectors.policy_keys import (
    BRAND_FIELDS,
    CLASSES,
    DIRECTIONS,
    ENTRY_FIELDS,
    LABEL_FIELDS,
    LABEL_WEIGHTS,
    LIMIT_FIELDS,
    POLICY_FIELDS,
    RULE_FIELDS,
    SIGNAL_FIELDS,
    THRESHOLD,
    THRESHOLD_ACTIONS,
    Field,
    instant,
    shown,
)
from detectors.policy_part import Part
from detectors.rules import ExpressionError, compile_condition
from detectors.stack import Stack
from detectors.toml_places import Path, Place, Places, dotted

__all__ = ["Reader"]

_TABLES = (
    "thresholds",
    "labels",
    "signals",
    "rules",
    "brands",
    "limits",
    "allow",
    "deny",
    "tenant",
)


class Reader:
    """Reads tables of one file; `problems` collects what is wrong with them."""

    def __init__(self, places: Places, text: str, stack: Stack) -> None:
        self._places = places
        self._lines = text.split("\n")
        self._speaks_for = stack.speaks_for
        self.problems: list[Problem] = []

    def problem(self, path: Path, what: str, place: Place | None = None) -> None:
        """Note a mistake at a key, or at a place of its own."""
        found = place or self._places.key(path)
        self.problems.append(Problem(*found, dotted(path), what))

    def part(self, table: Any, path: Path) -> Part:
        """Read the top table or a tenant's; what is wrong is noted and left out."""
        if not self._is_table(table, path):
            return Part()
        known = {*POLICY_FIELDS, *(_TABLES if not path else _TABLES[:-1])}
        self._only(table, path, known)
        thresholds, discards = self._thresholds(table.get("thresholds", {}), (*path, "thresholds"))
        rules = self._rules(table.get("rules", []), (*path, "rules"))
        brands = self._brands(table.get("brands", []), (*path, "brands"))
        limits = self._limits(table.get("limits", []), (*path, "limits"))
        deny = self._entries(table.get("deny", []), (*path, "deny"), DENY_KINDS)
        discards += [at for at, rule in rules.items() if rule.action == "discard"]
        discards += [at for at, entry in deny.items() if entry.action == "discard"]
        allow = self._entries(table.get("allow", []), (*path, "allow"), ALLOW_KINDS)
        return Part(
            self._values(
                {k: v for k, v in table.items() if k in POLICY_FIELDS}, path, POLICY_FIELDS
            ),
            thresholds,
            self._signals(table.get("signals", {}), (*path, "signals")),
            {rule.name: rule for rule in rules.values()},
            {brand.name.casefold(): brand for brand in brands},
            {limit.name: limit for limit in limits},
            *self._labels(table.get("labels", {}), (*path, "labels")),
            tuple(allow.values()),
            tuple(deny.values()),
            tuple(discards),
        )

    def _is_table(self, value: Any, path: Path) -> bool:
        if not isinstance(value, dict):
            self.problem(path, f"{shown(value)} given, allowed: a table")
        return isinstance(value, dict)

    def _tables(self, value: Any, path: Path) -> list[tuple[Path, dict[str, Any]]]:
        """Return the tables of an array with their paths."""
        if not isinstance(value, list):
            self.problem(path, f"{shown(value)} given, allowed: tables [[{path[-1]}]]")
            return []
        return [
            ((*path, at), item)
            for at, item in enumerate(value)
            if self._is_table(item, (*path, at))
        ]

    def _only(self, table: Mapping[str, Any], path: Path, known: Iterable[str]) -> None:
        allowed = sorted(known)
        for key in table:
            if key not in allowed:
                hint = meant(key, allowed, f"allowed: {', '.join(allowed)}")
                self.problem((*path, key), f"unknown key; {hint}")

    def _values(
        self, table: Mapping[str, Any], path: Path, fields: Mapping[str, Field]
    ) -> dict[str, Any]:
        """Return the values that hold; the others are noted."""
        self._only(table, path, fields)
        good = {}
        for key, value in table.items():
            wanted = fields.get(key)
            if wanted is None:
                continue
            fault = wanted.fault(value)
            if not fault:
                good[key] = value
            else:
                what = f"{fault} given, allowed: {wanted.allowed}"
                self.problem((*path, key), what, self._places.value((*path, key)))
        return good

    def _required(self, table: Mapping[str, Any], path: Path, keys: Iterable[str]) -> None:
        missing = [key for key in keys if key not in table]
        if missing:
            self.problem(path, "missing: " + ", ".join(missing))

    def _thresholds(
        self, table: Any, path: Path
    ) -> tuple[dict[str, dict[str, dict[str, float]]], list[Path]]:
        """Return thresholds by direction, class and action, and where `discard` has one."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        discards: list[Path] = []
        if not self._is_table(table, path):
            return found, discards
        self._only(table, path, DIRECTIONS)
        actions: dict[str, Field] = dict.fromkeys(THRESHOLD_ACTIONS, THRESHOLD)
        for direction in (d for d in DIRECTIONS if d in table):
            at = (*path, direction)
            if not self._is_table(table[direction], at):
                continue
            classes = {k: v for k, v in table[direction].items() if k in CLASSES}
            rest = {k: v for k, v in table[direction].items() if k not in CLASSES}
            found[direction] = {"": self._values(rest, at, actions)}
            for class_, values in classes.items():
                if self._is_table(values, (*at, class_)):
                    found[direction][class_] = self._values(values, (*at, class_), actions)
            for class_, values in found[direction].items():
                if values.get("discard"):
                    discards.append((*at, *((class_,) if class_ else ()), "discard"))
        return found, discards

    def _labels(self, table: Any, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a table says of labels, and of what they weigh."""
        if not self._is_table(table, path):
            return {}, {}
        own = {key: value for key, value in table.items() if key != "weights"}
        weights, at = table.get("weights", {}), (*path, "weights")
        return (
            self._values(own, path, LABEL_FIELDS),
            self._values(weights, at, LABEL_WEIGHTS) if self._is_table(weights, at) else {},
        )

    def _signals(self, table: Any, path: Path) -> dict[str, SignalSetting]:
        if not self._is_table(table, path):
            return {}
        settings = {}
        for name, value in table.items():
            at = (*path, name)
            speaks_for = self._speaks_for.get(name)
            if speaks_for is None:
                hint = meant(name, self._speaks_for, "docs/detectors.md names them")
                self.problem(at, f"no such signal; {hint}")
            elif self._is_table(value, at):
                good = self._values(value, at, SIGNAL_FIELDS)
                weight = good.get("weight")
                sign = -1 if speaks_for == "ham" else 1
                if weight is not None and weight * sign < 0:
                    allowed = "at most 0" if sign < 0 else "at least 0"
                    what = f"{weight} given, allowed: {allowed}, as it speaks for {speaks_for}"
                    self.problem((*at, "weight"), what, self._places.value((*at, "weight")))
                settings[name] = SignalSetting(
                    None if weight is None else float(weight), good.get("mode", "live")
                )
        return settings

    def _rules(self, value: Any, path: Path) -> dict[Path, Rule]:
        rules: dict[Path, Rule] = {}
        names: dict[str, Path] = {}
        for at, table in self._tables(value, path):
            good = self._values(table, at, RULE_FIELDS)
            self._required(table, at, ("name", "when", "action", "reason"))
            if "when" in good:
                self._condition(good["when"], (*at, "when"))
            self._named_once(good.get("name"), at, names, "rule")
            if {"name", "when", "action", "reason"} <= good.keys():
                rules[at] = Rule(**good)
        return rules

    def _named_once(self, name: str | None, at: Path, names: dict[str, Path], what: str) -> None:
        if name is None:
            return
        first = names.setdefault(name.casefold(), at)
        if first != at:
            line = self._places.key(first).line
            self.problem((*at, "name"), f'"{name}" is also the name of the {what} in line {line}')

    def _limits(self, value: Any, path: Path) -> list[Limit]:
        limits = []
        names: dict[str, Path] = {}
        wanted = ("name", "counts", "over", "minutes", "reason")
        for at, table in self._tables(value, path):
            good = self._values(table, at, LIMIT_FIELDS)
            self._required(table, at, wanted)
            self._named_once(good.get("name"), at, names, "limit")
            if good.keys() >= set(wanted):
                limits.append(Limit(**{**good, "minutes": float(good["minutes"])}))
        return limits

    def _brands(self, value: Any, path: Path) -> list[OwnBrand]:
        brands = []
        names: dict[str, Path] = {}
        for at, table in self._tables(value, path):
            good = self._values(table, at, BRAND_FIELDS)
            known = str(good.get("name", "")).casefold() in SHIPPED_NAMES
            wanted = ("name", "domains") if known else ("name", "phrases", "domains")
            self._required(table, at, wanted)
            self._named_once(good.get("name"), at, names, "brand")
            strange = set(good.get("ambiguous", ())) - set(good.get("phrases", ()))
            if strange and not known:
                given, where = min(strange), (*at, "ambiguous")
                what = f'"{given}" given, allowed: phrases of this brand'
                self.problem(where, what, self._places.value(where))
            if "name" in good and (known or good.get("phrases")):
                lists = {key: tuple(good.get(key, ())) for key in BRAND_FIELDS if key != "name"}
                brands.append(OwnBrand(good["name"], **lists))
        return brands

    def _condition(self, when: str, path: Path) -> None:
        try:
            compile_condition(when)
        except ExpressionError as error:
            start = self._places.value(path)
            place = _within(self._lines, start, error.line, error.column)
            self.problem(path, str(error), place)

    def _entries(self, value: Any, path: Path, kinds: tuple[str, ...]) -> dict[Path, ListEntry]:
        entries: dict[Path, ListEntry] = {}
        denies = path[-1] == "deny"
        fields = (*kinds, "reason", "expires", *(("action",) if denies else ()))
        allowed = {name: ENTRY_FIELDS[name] for name in fields}
        for at, table in self._tables(value, path):
            good = self._values(table, at, allowed)
            self._required(table, at, ("reason",))
            given = [kind for kind in kinds if kind in table]
            if len(given) != 1:
                self.problem(at, f"{len(given)} of {', '.join(kinds)} given, allowed: one")
            elif {given[0], "reason"} <= good.keys():
                entries[at] = ListEntry(
                    given[0],  # type: ignore[arg-type]  # one of ListKind, as `kinds` is
                    good[given[0]],
                    good.get("action", "reject") if denies else "accept",
                    good["reason"],
                    instant(good["expires"]) if "expires" in good else None,
                )
        return entries


def _within(lines: list[str], start: Place, line: int, column: int) -> Place:
    """Return a place of a TOML string's text, counted from 1, as a place of the file.

    `start` is where the string opens. Escapes make the file's column larger than the text's.
    """
    opening = lines[start.line - 1][start.column - 1 :]
    quotes = opening[:3] if opening[:3] in ('"""', "'''") else opening[:1]
    at, first = start.line - 1, start.column - 1 + len(quotes)
    if len(quotes) == 3 and not lines[at][first:].strip():
        at, first = at + 1, 0  # TOML drops a line end that follows the opening
    if line > 1:
        at, first = at + line - 1, 0
    text = lines[at] if at < len(lines) else ""
    for _ in range(column - 1):
        first += 2 if quotes[0] == '"' and text[first : first + 1] == "\\" else 1
    return Place(at + 1, first + 1)
