"""`weir data`: the knowledge that ships with Weir, listed, shown and checked."""

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from apps.cli.options import as_json, config, read_settings
from apps.cli.rendering import hanging, terminal_width

__all__ = ["data"]

_ABOUT = frozenset({"version", "date", "source", "read_by", "group", "what", "column"})
_WIDTH = 100


class _File(NamedTuple):
    """A data file: what it says of itself, and its entries by list."""

    name: str
    version: int
    date: str
    source: str
    read_by: str
    lists: Mapping[str, list[Any]]

    @property
    def entries(self) -> int:
        return sum(map(len, self.lists.values()))


@click.group()
def data() -> None:
    """See what Weir knows beforehand: brands, phrases, and hosts that anyone can use.

    The lists are data, each with its version, date and source; a change of them changes the
    engine's digest. What a policy adds (own_domains, brands) stands in docs/policy.md.

    \b
    Examples:
      weir data list
      weir data show brands --find paypal
      weir data check                          the shipped files and the policy in force
    """


@data.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the data files: entries, version, date, what reads them, and where they come from.

    \b
    Exit codes: 0 listed.
    """
    found = [_read(name) for name in _names()]
    if as_json:
        _print_json(
            [
                {
                    "name": file.name,
                    "entries": file.entries,
                    "version": file.version,
                    "date": file.date,
                    "read_by": file.read_by,
                    "source": file.source,
                }
                for file in found
            ]
        )
        return
    width = max(len(file.name) for file in found)
    for file in found:
        click.echo(
            f"{file.name:{width}}  {file.entries:6,} entries  version {file.version}  {file.date}"
        )
        source = hanging(f"{file.read_by}: {file.source}", width + 2, terminal_width())
        click.echo(f"{'':{width}}  {source}")


def _complete(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem | str]:
    del ctx, param
    return [name for name in _names() if name.startswith(incomplete)]


@data.command()
@click.argument("name", shell_complete=_complete)
@click.option("--find", default="", metavar="TEXT", help="Only entries that hold this text.")
@as_json
def show(name: str, find: str, as_json: bool) -> None:
    """Print the entries of the data file NAME, as `weir data list` names it.

    \b
    Exit codes: 0 printed, 1 nothing holds the text of --find, 2 no such file.
    """
    if name not in _names():
        raise click.UsageError(f"no data file {name!r}; there are: {', '.join(_names())}")
    wanted = find.casefold()
    lists = {
        key: kept
        for key, entries in _read(name).lists.items()
        if (kept := [entry for entry in entries if wanted in _line(entry).casefold()])
    }
    if as_json:
        _print_json(lists)
    elif list(lists) == ["brands"]:
        _print_brands(lists["brands"])
    else:
        for key, entries in lists.items():
            if len(lists) > 1:
                click.echo(f"{key} ({len(entries)})")
            for entry in entries:
                click.echo(_line(entry))
    if not lists:
        click.echo(f"Note: no entry of {name} holds {find!r}", err=True)
        sys.exit(1)


@data.command()
@click.argument("policy", type=click.Path(path_type=Path), required=False)
@as_json
@config
def check(policy: Path | None, config: Path | None, as_json: bool) -> None:
    """Check the shipped data files, and POLICY (default: the one in force) against them.

    What contradicts is named: an own domain where anyone may have an address, an allowed domain
    that is a free host, a brand's phrase that means another brand.

    \b
    Exit codes: 0 nothing contradicts, 1 something does, 2 wrong settings or policy,
    3 the policy file could not be read.
    """
    from apps.installation import read_policy_in_force
    from detectors.contradictions import policy_contradictions, shipped_contradictions

    policies = read_policy_in_force(policy, read_settings(config))
    found = {"shipped": shipped_contradictions(), "policy": policy_contradictions(policies.default)}
    for tenant, own in policies.tenants.items():
        news = set(policy_contradictions(own)) - set(found["policy"])
        found[f"tenant {tenant}"] = sorted(news)
    count = sum(map(len, found.values()))
    if as_json:
        _print_json({"ok": not count, "contradictions": found})
    else:
        for where, lines in found.items():
            for line in lines:
                click.echo(f"{where}: {line}")
        if not count:
            files_ = [_read(name) for name in _names()]
            entries = sum(file.entries for file in files_)
            click.echo(
                f"ok: {len(files_)} files, {entries:,} entries, and policy {policies.digest}"
            )
    if count:
        sys.exit(1)


def _names() -> list[str]:
    from features.data_files import data_names

    return sorted([*data_names(), "brands"])


def _read(name: str) -> _File:
    """Read a data file as the command shows it; tables are lists of "key = values" entries."""
    import tomllib

    from features.data_files import read_data

    if name == "brands":
        path = files("detectors") / "data" / "brands.toml"
        raw: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    else:
        raw = read_data(name)
    lists: dict[str, list[Any]] = {}
    for key, value in raw.items():
        if key in _ABOUT:
            continue
        if name.startswith("phrases/"):
            lists.update(value)
        elif isinstance(value, dict):
            lists[key] = [{"name": k, "values": v} for k, v in value.items()]
        else:
            lists[key] = value
    if name == "brands":
        lists = {"brands": lists["brands"], "generic": lists["generic"]}
    read_by = raw.get("read_by", "features/lexicon.py")
    return _File(name, raw["version"], str(raw["date"]), raw["source"], read_by, lists)


def _line(entry: Any) -> str:
    """Return an entry as one line of text."""
    if not isinstance(entry, dict):
        return str(entry)
    rest = (_line_of(value) for key, value in entry.items() if key != "name")
    return f"{entry['name']}  {'; '.join(rest)}"


def _line_of(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_brands(brands: list[dict[str, Any]]) -> None:
    """Print brands as a table: name, phrases (ambiguous ones marked), own domains."""
    width = max(len(brand["name"]) for brand in brands)
    for brand in brands:
        ambiguous = brand.get("ambiguous", ())
        called = ", ".join(f"{p} (ambiguous)" if p in ambiguous else p for p in brand["phrases"])
        note = "; others bear the name too" if brand.get("shared") else ""
        domains = ", ".join(brand["domains"])
        for head, said in ((brand["name"], called + note), ("", domains)):
            click.echo(f"{head:{width}}  {hanging(said, width + 2, terminal_width())}")


def _print_json(value: Any) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
