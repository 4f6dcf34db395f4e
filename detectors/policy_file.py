"""A policy file (TOML) read into policies: all its mistakes at once, each with line and column."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from detectors.policy import PolicyError, PolicySet, Problem
from detectors.policy_part import Part
from detectors.policy_reader import Reader
from detectors.stack import Stack, shipped_stack
from detectors.thresholds import contradiction
from detectors.toml_places import Path, Places, dotted, locate, syntax_place
from models.trust import distrust

__all__ = ["read_policy", "shipped_policy", "shipped_policy_text"]

_TENANT_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def read_policy(text: str, file: str = "policy.toml", stack: Stack | None = None) -> PolicySet:
    """Read a policy file over the shipped policy; `file` is only its name in messages.

    What a file doesn't say is as shipped, what `[tenant.NAME]` doesn't say as in the file. Raises
    PolicyError with every mistake: line, column, key, what was given and what is allowed.
    """
    stack = stack or shipped_stack()
    return _read(text, file, stack, _shipped_part(stack))


def shipped_policy_text() -> str:
    """Return the text of the shipped policy, comments and all."""
    return (files("detectors") / "data" / "policy.toml").read_text("utf-8")


@cache
def shipped_policy() -> PolicySet:
    """Return the shipped policy; raises PolicyError where it has a mistake."""
    return _read(shipped_policy_text(), "policy.toml", shipped_stack(), Part())


@cache
def _shipped_part(stack: Stack) -> Part:
    text = shipped_policy_text()
    return Reader(locate(text), text, stack).part(tomllib.loads(text), ())


def _read(text: str, file: str, stack: Stack, base: Part) -> PolicySet:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = syntax_place(str(error), text)
        what = str(error).partition(" (at ")[0]
        raise PolicyError(file, [Problem(*place, "", f"no valid TOML: {what}")]) from error
    except RecursionError as error:
        raise PolicyError(file, [Problem(1, 1, "", "no valid TOML: nested too deep")]) from error
    places = locate(text)
    reader = Reader(places, text, stack)
    tenants = data.pop("tenant", {})
    part = base.under(reader.part(data, ()))
    parts = {"": part}
    if not isinstance(tenants, dict):
        reader.problem(("tenant",), "allowed: tables [tenant.NAME]")
        tenants = {}
    for name, table in tenants.items():
        path = ("tenant", name)
        if not name or not set(name) <= _TENANT_NAME:
            reader.problem(path, "a tenant's name is lower-case letters, digits, - _ and .")
        elif name:
            parts[name] = part.under(reader.part(table, path))
    problems = [*reader.problems, *_contradictions(parts, places)]
    if problems:
        raise PolicyError(file, problems)
    policies = {name: made.policy() for name, made in parts.items()}
    return PolicySet(policies.pop(""), policies)


def _contradictions(parts: Mapping[str, Part], places: Places) -> list[Problem]:
    """Return what each table may say by itself but not together with what it inherits."""
    problems = set()
    for name, part in parts.items():
        top: Path = ("tenant", name) if name else ()
        for direction, by_class in part.thresholds.items():
            if name and parts[""].thresholds.get(direction) == by_class:
                continue
            broken = contradiction(by_class.get("", {}))
            for class_, own in by_class.items():
                # What is wrong for any class isn't said again for each.
                found = broken if not class_ else ""
                if class_ and not broken:
                    found = contradiction({**by_class.get("", {}), **own})
                path = (*top, "thresholds", direction, *((class_,) if class_ else ()))
                if found:
                    problems.add(_problem(places, path, found))
        found = distrust(part.trust())
        if found and (not name or found != distrust(parts[""].trust())):
            problems.add(_problem(places, (*top, "labels"), found))
        if not part.settings["allow_discard"]:
            what = "discard is off; it loses mail without a trace; allow_discard = true allows it"
            problems.update(_problem(places, path, what) for path in part.discards)
    return list(problems)


def _problem(places: Places, path: Path, what: str) -> Problem:
    return Problem(*places.key(path), dotted(path), what)
