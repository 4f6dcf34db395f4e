"""`weir models rebuild`: the models made anew from the learning steps."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli.failures import Code
from apps.cli.options import as_json, config, read_settings, run

if TYPE_CHECKING:
    from streams.learning.rebuilding import Rebuilt, Told
    from streams.settings import Settings

__all__ = ["rebuild"]


@click.command()
@click.option(
    "--from-nothing",
    is_flag=True,
    help="Begin with models that have learned nothing, not with the oldest snapshot.",
)
@as_json
@config
def rebuild(config: Path | None, from_nothing: bool, as_json: bool) -> None:
    """Make the online models anew from all learning steps, and compare them with the published.

    Begins with the oldest snapshot in models.snapshots, else with nothing, applies every published
    step that the topic of models holds, and prints the digest of what came out: always the same,
    and the one of the last publish marker. It changes nothing.

    \b
    Examples:
      weir models rebuild
      weir models rebuild --from-nothing --json

    \b
    Exit codes: 0 the digests agree, 1 they don't or steps are missing, 2 wrong settings,
    4 Kafka or Redis could not be reached.
    """
    from apps.cli.progress import bar_from_report

    settings = read_settings(config)
    with bar_from_report("rebuilding", "records") as told:
        found = run(_rebuild(settings, told, from_nothing=from_nothing))
    if as_json:
        import orjson

        click.echo(orjson.dumps({**found._asdict(), "agrees": found.agrees}))
    else:
        click.echo(
            f"{found.steps:,} steps from sequence {found.start} on; published up to "
            f"{found.sequence}\ndigest {found.digest}"
        )
        if found.missing:
            click.secho(f"incomplete: {found.missing}", fg="yellow")
        elif not found.wanted:
            click.echo("no marker to compare with: nothing was published yet")
        elif found.agrees:
            click.echo("the same as the last marker says")
        else:
            click.secho(f"the last marker says {found.wanted}", fg="red")
    if not found.agrees:
        raise click.exceptions.Exit(int(Code.NO))


async def _rebuild(settings: "Settings", told: "Told", *, from_nothing: bool) -> "Rebuilt":
    from streams.learning.metrics import LearnerMetrics
    from streams.learning.opening import Parts
    from streams.learning.rebuilding import rebuild as run_rebuild
    from streams.registry import Registry
    from streams.topics import check

    if not settings.models.snapshots:
        raise click.UsageError("models.snapshots is empty: there are no online models here")
    await check(settings)
    parts = Parts(settings, LearnerMetrics())
    registry = Registry.of(settings)
    try:
        epoch = await _epoch(settings)
        return await run_rebuild(
            settings, parts.snapshots, registry, epoch, told, from_nothing=from_nothing
        )
    finally:
        await registry.close()


async def _epoch(settings: "Settings") -> str:
    """Return the epoch of the topic of models, as Redis or the local log keeps it."""
    import secrets

    from streams.local_log.administration import topics
    from streams.stores.redis_store import RedisStore
    from streams.topics import name

    topic = name(settings, "models")
    if settings.embedded.folder:
        return topics(settings.embedded.folder)[topic].epoch
    store = RedisStore(settings)
    try:
        return await store.epoch(topic, secrets.token_hex(4))
    finally:
        await store.close()
