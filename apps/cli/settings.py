"""`weir settings`: what is in force, and where each value came from."""

from pathlib import Path

import click

from apps.cli.options import as_json, config, read_settings

__all__ = ["settings"]


@click.command()
@click.option("--changed", is_flag=True, help="Leave out what is at its default.")
@as_json
@config
def settings(config: Path | None, as_json: bool, changed: bool) -> None:
    """Print every setting in force: key, value, and where it came from. Secrets are masked.

    A value comes from the environment (WEIR_SECTION__KEY), else from the file, else it is the
    default. docs/settings.md says what each key means.

    \b
    Examples:
      weir settings --changed
      WEIR_KAFKA__BROKERS=kafka1:9092,kafka2:9092 weir settings --json

    \b
    Exit codes: 0 settings are valid, 2 they are not (one line says which, and what is allowed).
    """
    from streams.settings import in_force

    rows = [row for row in in_force(read_settings(config)) if not changed or row[2] != "default"]
    if as_json:
        import orjson

        found = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    key_width = max((len(key) for key, _, _ in rows), default=0)
    value_width = min(40, max((len(value) for _, value, _ in rows), default=0))
    for key, value, origin in rows:
        faint = origin == "default"
        click.secho(f"{key:{key_width}}  {value:{value_width}}  {origin}", dim=faint)
    if not rows:
        click.echo("Every setting is at its default.")
