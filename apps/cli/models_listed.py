"""`weir models list` and `show`: what there is, and what is known of it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli.options import as_json, config, read_settings, run

if TYPE_CHECKING:
    from apps.models.commanding import Known
    from apps.models.rows import Row
    from streams.settings import Settings

__all__ = ["list_", "show"]

_EARLIER = 10  # shown of each model


@click.command(name="list")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="All that was live earlier, for which the whole topic of models is read.",
)
@as_json
@config
def list_(config: Path | None, everything: bool, as_json: bool) -> None:
    """List the models: what is live, what is a shadow, what was live earlier, what is only stored.

    `state` is live (it acts), shadow (it scores all and acts on nothing), earlier (it was live: a
    rollback can go back to it), retired, or stored (nothing was said of it since the last snapshot:
    --all tells whether it was live before). `step` and `label` are the last learning step and the
    offset of the last label that a snapshot holds. `version` is what verdicts name it by.

    \b
    Exit codes: 0 listed, 2 wrong settings, 4 Kafka could not be reached or a topic is missing.
    """
    known, rows = run(_read(read_settings(config), whole=everything))
    from apps.cli.rendering import terminal_width
    from apps.models.words import learner_as_object, learner_lines, table

    if as_json:
        import orjson

        found = {
            **learner_as_object(known.listing, known.labels),
            "models": [row.as_object() for row in rows],
        }
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for line in learner_lines(known.listing, known.labels):
        click.echo(line)
    click.echo()
    for line in table(rows, None if everything else _EARLIER, width=terminal_width()):
        click.echo(line)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--card", is_flag=True, help="Print the classifier's model card and nothing else.")
@as_json
@config
def show(config: Path | None, name: str, card: bool, as_json: bool) -> None:
    """Show one artifact: where it is, what it holds, the figures and gates of its manifest.

    NAME is an id of `weir models list` (or more of its digest), a version as verdicts have it,
    `live` or `shipped`; `live` needs online or classifier before it, as in `live:classifier`.

    \b
    Examples:
      weir models show live:classifier
      weir models show 3f9a1c27d0b4 --card | less

    \b
    Exit codes: 0 shown, 1 there is no such artifact, 2 wrong settings, 4 Kafka could not be
    reached or a topic is missing.
    """
    settings = read_settings(config)
    known, row = run(_find(settings, name))
    from apps.cli.failures import Code, Failure
    from apps.cli.rendering import terminal_width
    from apps.models.rows import bundles_at_start
    from apps.models.words import bundle_lines, learner_lines, table
    from models.bundle import Bundle
    from streams.registry import identify

    if row.fault:
        raise Failure(row.fault, Code.NO)
    at_start = bundles_at_start(settings).get(row.place)
    content = at_start.dump() if at_start else run(_content(settings, row))
    identify(content)
    bundle = Bundle.load(content) if row.artifact.model == "classifier" else None
    if card:
        if bundle is None or not bundle.card:
            raise Failure(f"{row.ident} has no model card", Code.NO)
        click.echo(bundle.card.decode("utf-8", "replace"), nl=False)
        return
    if as_json:
        import msgspec
        import orjson

        manifest = msgspec.to_builtins(bundle.known) if bundle else None
        click.echo(
            orjson.dumps({**row.as_object(), "manifest": manifest}, option=orjson.OPT_INDENT_2)
        )
        return
    for line in table([row], width=terminal_width()):
        click.echo(line)
    click.echo(f"\ndigest {row.artifact.digest}\nin {row.place}")
    for line in bundle_lines(bundle) if bundle else learner_lines(known.listing, known.labels):
        click.echo(line)


async def _read(settings: "Settings", *, whole: bool = False) -> "tuple[Known, list[Row]]":
    from apps.cli.models_opened import opened

    async with opened(settings, whole=whole) as (known, _, rows):
        return known, rows


async def _find(settings: "Settings", name: str) -> "tuple[Known, Row]":
    from apps.cli.models_opened import opened_for
    from apps.models.rows import find

    async with opened_for(settings, partial(find, text=name)) as (known, _, row):
        return known, row


async def _content(settings: "Settings", row: "Row") -> bytes:
    from streams.registry import Registry

    registry = Registry.of(settings)
    try:
        return await registry.get(row.artifact)
    finally:
        await registry.close()
