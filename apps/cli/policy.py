"""`weir policy`: check and try a policy file before it is put in force, show what is in force."""

import sys
from pathlib import Path
from typing import Any

import click

from apps.cli.options import as_json, config, read_settings
from apps.cli.policy_test import test
from detectors.policy import ListEntry, OwnBrand, Policy, PolicyError

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """Check a policy file and try it on mail; show the policy in force.

    A policy says what is done about a verdict: thresholds by class and direction, rules in CEL,
    lists, and tenants that differ. docs/policy.md explains every key.

    \b
    Examples:
      weir policy show --shipped > policy.toml     start from the shipped one
      weir policy check policy.toml
      weir policy test policy.toml ~/Maildir       what would it change?
      weir policy test policy.toml --against last:7d
      weir policy show --tenant acme
    """


policy.add_command(test)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@as_json
@config
def check(file: Path | None, config: Path | None, as_json: bool) -> None:
    """Check FILE (default: the policy in force) and print its digest, or every mistake in it.

    \b
    Exit codes: 0 it may be put in force, 2 it has mistakes (one a line, as FILE:LINE:COLUMN),
    3 it could not be read.
    """
    from apps.installation import read_policy_in_force

    try:
        found = read_policy_in_force(file, read_settings(config))
    except PolicyError as error:
        if as_json:
            import orjson

            problems = [
                {"line": p.line, "column": p.column, "key": p.key, "what": p.what}
                for p in error.problems
            ]
            click.echo(orjson.dumps({"ok": False, "file": error.file, "problems": problems}))
            sys.exit(2)
        raise
    if as_json:
        import orjson

        click.echo(
            orjson.dumps({"ok": True, "digest": found.digest, "tenants": sorted(found.tenants)})
        )
        return
    tenants = f", tenants: {', '.join(sorted(found.tenants))}" if found.tenants else ""
    click.echo(f"ok: policy {found.digest}, {_counts(found.default)}{tenants}")


@policy.command()
@click.option("--tenant", default="", metavar="NAME", help="Show this tenant's policy.")
@click.option("--shipped", is_flag=True, help="Print the shipped policy file, comments and all.")
@as_json
@config
def show(config: Path | None, tenant: str, shipped: bool, as_json: bool) -> None:
    """Print the policy in force, complete: what the file doesn't say is as shipped.

    \b
    Exit codes: 0 printed, 2 wrong settings or policy, 3 the file could not be read.
    """
    if shipped:
        from detectors.policy_file import shipped_policy_text

        click.echo(shipped_policy_text(), nl=False)
        return
    from apps.installation import read_policy_in_force

    found = read_policy_in_force(None, read_settings(config))
    if tenant and tenant not in found.tenants:
        known = ", ".join(sorted(found.tenants)) or "none"
        raise click.UsageError(
            f"tenant {tenant!r} has no policy of its own; those that do: {known}"
        )
    chosen = found.for_tenant(tenant)
    if as_json:
        import msgspec
        import orjson

        shown: dict[str, Any] = {"digest": found.digest, **msgspec.to_builtins(chosen)}
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
        return
    click.echo(f"policy {found.digest}" + (f", tenant {tenant}" if tenant else ""))
    for line in _lines(chosen):
        click.echo(line)


def _counts(policy: Policy) -> str:
    live = sum(rule.mode == "live" for rule in policy.rules)
    return (
        f"{len(policy.rules)} rules ({live} live), {len(policy.allow)} allowed, "
        f"{len(policy.deny)} denied"
    )


def _lines(policy: Policy) -> list[str]:
    lines = [
        f"shadow               {str(policy.shadow).lower()}",
        f"on_failure           {policy.on_failure}",
        f"reject_needs_groups  {policy.reject_needs_groups}",
        f"class_threshold      {policy.class_threshold:g} (logits)",
        f"own_domains          {', '.join(policy.own_domains) or 'none'}",
        "labels (who may teach)",
        *_trust(policy),
        "thresholds (probability of abuse)",
    ]
    for direction, classes in policy.thresholds.items():
        for class_, actions in classes.items():
            said = ", ".join(f"{action} {score:g}" for action, score in actions.items())
            lines.append(f"  {direction:8} {class_ or 'any class':9}  {said}")
    lines += [
        f"signal {name}: weight {'as shipped' if s.weight is None else f'{s.weight:+g}'}, {s.mode}"
        for name, s in policy.signals.items()
    ]
    lines += [_brand(brand) for brand in policy.brands]
    lines += [
        f"rule {rule.name} ({rule.mode}): {rule.action} if {rule.when}  # {rule.reason}"
        for rule in policy.rules
    ]
    lines += [_entry("allow", entry) for entry in policy.allow]
    lines += [_entry("deny", entry) for entry in policy.deny]
    return lines


def _trust(policy: Policy) -> list[str]:
    trust = policy.labels
    shown = {
        key: f"{getattr(trust, key):g}"
        for key in trust.__struct_fields__
        if key not in {"weights", "traps"}
    }
    weights = trust.weights
    each = (f"{who} {getattr(weights, who):g}" for who in weights.__struct_fields__)
    shown["weights"] = ", ".join(each)
    shown["traps"] = ", ".join(sorted(trust.traps)) or "none"
    return [f"  {key:17}  {value}" for key, value in shown.items()]


def _brand(brand: OwnBrand) -> str:
    ambiguous = f"; only among generic words: {', '.join(brand.ambiguous)}"
    called = f"called {', '.join(brand.phrases)}" if brand.phrases else "called as shipped"
    domains = ", ".join(brand.domains) or "no domains"
    return f"brand {brand.name}: {called}; {domains}{ambiguous if brand.ambiguous else ''}"


def _entry(list_: str, entry: ListEntry) -> str:
    until = f" until {entry.expires:%Y-%m-%d}" if entry.expires else ""
    return f"{list_} {entry.kind} {entry.value}{until}: {entry.action}  # {entry.reason}"
