"""`weir models freeze|thaw|shadow|promote|retire|rollback`: commands that the learner executes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings, run

if TYPE_CHECKING:
    from apps.models.commanding import Known
    from apps.models.rows import Row
    from models.command import Act
    from streams.registry import Artifact, Registry
    from streams.settings import Settings

__all__ = ["freeze", "need_folder", "promote", "retire", "rollback", "shadow", "thaw"]

_F = TypeVar("_F", bound=Callable[..., Any])
_MODELS = click.Choice(["online", "classifier"])


def _commanded(command: _F) -> _F:
    """Add the options that all commands have."""
    for option in (
        click.option("--reason", default="", metavar="TEXT", help="Why, for the record."),
        click.option(
            "--wait",
            type=click.FloatRange(0),
            default=30.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait until the learner has executed it.",
        ),
    ):
        command = option(command)
    return as_json(config(command))


@click.command()
@_commanded
def freeze(config: Path | None, wait: float, reason: str, as_json: bool) -> None:
    """Stop learning: labels still count at once, and nothing moves the models any more.

    \b
    Exit codes: 0 frozen, 1 no learner executed it in time (it stays on the topic of labels, and
    one that starts executes it) or it refused, 2 wrong settings, 4 Kafka could not be reached.
    """
    run(_act(read_settings(config), "freeze", wait, reason, as_json))


@click.command()
@_commanded
def thaw(config: Path | None, wait: float, reason: str, as_json: bool) -> None:
    """Learn again, from the labels that come from now on.

    \b
    Exit codes: as of `weir models freeze`.
    """
    run(_act(read_settings(config), "thaw", wait, reason, as_json))


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), metavar="FOLDER|FILE")
@_commanded
def shadow(config: Path | None, path: Path, wait: float, reason: str, as_json: bool) -> None:
    """Let an artifact score all mail beside what is live; it acts on nothing.

    FOLDER is one that `weir train` wrote, FILE a snapshot or a bundle of the registry. It is
    copied into the folder models.snapshots, where all workers find it.

    \b
    Example:
      weir train --mail ~/Maildir --out model && weir models shadow model

    \b
    Exit codes: 0 it scores, 1 the learner refused or didn't answer, 2 wrong settings or no
    artifact that fits this release, 4 Kafka could not be reached.
    """
    run(_shadow(read_settings(config), path, wait, reason, as_json))


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--force", is_flag=True, help="Promote it though a release gate doesn't hold.")
@_commanded
def promote(
    config: Path | None, name: str, force: bool, wait: float, reason: str, as_json: bool
) -> None:
    """Make an artifact live on all workers, without a restart; what was live can come back.

    NAME is an id of `weir models list`. A classifier that `weir train` published as a shadow only
    is refused, with the gate that it doesn't pass: look at `weir models compare` before --force.

    \b
    Examples:
      weir models promote 3f9a1c27d0b4
      weir models promote 3f9a1c27d0b4 --force --reason "two weeks of shadow, no ham lost"

    \b
    Exit codes: 0 live, 1 a gate doesn't hold, the learner refused or didn't answer, or there is no
    such artifact, 2 wrong settings, 4 Kafka could not be reached.
    """
    run(_promote(read_settings(config), name, wait, reason, force=force, as_json=as_json))


@click.command()
@click.argument("name", metavar="NAME")
@_commanded
def retire(config: Path | None, name: str, wait: float, reason: str, as_json: bool) -> None:
    """Let a shadow go: workers stop scoring with it. Its file stays.

    \b
    Exit codes: 0 gone, 1 it is live, the learner refused or didn't answer, or there is no such
    artifact, 2 wrong settings, 4 Kafka could not be reached.
    """
    run(_retire(read_settings(config), name, wait, reason, as_json))


@click.command()
@click.argument("to", metavar="[NAME]", required=False)
@click.option(
    "--model",
    type=_MODELS,
    help="Which model goes back, where NAME doesn't say.  [default: online]",
)
@_commanded
def rollback(
    config: Path | None,
    to: str | None,
    model: str | None,
    wait: float,
    reason: str,
    as_json: bool,
) -> None:
    """Go back to an earlier snapshot or classifier, without a restart.

    Without NAME it is the one that was live last. Online models learn on after their last snapshot:
    naming that one drops what they learned since. `shipped` is the classifier that comes with Weir.
    Labels and counts stay as they are.

    \b
    Examples:
      weir models rollback
      weir models rollback --model classifier
      weir models rollback shipped

    \b
    Exit codes: 0 done, 1 there is nothing to go back to, the learner refused or didn't answer,
    2 wrong settings, 4 Kafka could not be reached.
    """
    run(_rollback(read_settings(config), to, model, wait, reason, as_json))


async def _act(settings: "Settings", act: "Act", wait: float, reason: str, as_json: bool) -> None:
    from apps.cli.models_opened import opened

    async with opened(settings) as (known, _, _rows):
        await _send(settings, known, act, None, wait, reason, as_json)


async def _shadow(
    settings: "Settings", path: Path, wait: float, reason: str, as_json: bool
) -> None:
    from apps.cli.models_opened import opened
    from apps.models.candidate import candidate
    from streams.registry import identify

    need_folder(settings)
    content = candidate(settings, path)
    async with opened(settings) as (known, registry, rows):
        artifact = identify(content)
        if any(row.state == "live" and row.artifact.digest == artifact.digest for row in rows):
            raise Failure(f"{artifact.digest[:12]} is live already", Code.NO)
        await registry.put(content, candidate=True)
        await _send(settings, known, "shadow", artifact, wait, reason, as_json)


async def _promote(
    settings: "Settings", name: str, wait: float, reason: str, *, force: bool, as_json: bool
) -> None:
    from apps.cli.models_opened import opened_for
    from apps.models.rows import find

    need_folder(settings)
    async with opened_for(settings, partial(find, text=name)) as (known, registry, row):
        if row.fault:
            raise Failure(row.fault, Code.NO)
        if row.state == "live":
            raise Failure(f"{row.ident} is live already", Code.NO)
        if row.shadow_only and not force:
            raise Failure(
                f"{row.ident} may not act: {'; '.join(row.shadow_only)}. Compare it on labelled "
                "traffic (weir models compare), or train on more mail; --force promotes it",
                Code.NO,
            )
        artifact = await _kept(settings, registry, row)
        await _send(settings, known, "promote", artifact, wait, reason, as_json)


async def _retire(settings: "Settings", name: str, wait: float, reason: str, as_json: bool) -> None:
    from apps.cli.models_opened import opened_for
    from apps.models.rows import find

    async with opened_for(settings, partial(find, text=name)) as (known, _, row):
        if row.state != "shadow":
            raise Failure(f"{row.ident} is {row.state}, no shadow", Code.NO)
        await _send(settings, known, "retire", row.artifact, wait, reason, as_json)


async def _rollback(
    settings: "Settings", to: str | None, model: str | None, wait: float, reason: str, as_json: bool
) -> None:
    from apps.cli.models_opened import opened_for
    from apps.models.rows import before, find

    need_folder(settings)
    choose = partial(find, text=to, model=model) if to else partial(before, model=model or "online")
    async with opened_for(settings, choose, whole=not to) as (known, registry, row):
        if row.fault:
            raise Failure(row.fault, Code.NO)
        marker = known.listing.marker
        learned_on = (
            row.artifact.model == "online"
            and marker is not None
            and marker.published > row.artifact.sequence
        )
        if row.state == "live" and not learned_on:
            raise Failure(f"{row.ident} is live already, and nothing was learned since", Code.NO)
        artifact = await _kept(settings, registry, row)
        await _send(settings, known, "rollback", artifact, wait, reason, as_json)


async def _kept(settings: "Settings", registry: "Registry", row: "Row") -> "Artifact":
    """Make sure that the artifact lies in the folder before the learner hears of it."""
    from apps.models.rows import bundles_at_start

    bundle = bundles_at_start(settings).get(row.place)
    if bundle is not None:
        return await registry.put(bundle.dump())
    await registry.get(row.artifact)
    return row.artifact


async def _send(
    settings: "Settings",
    known: "Known",
    act: "Act",
    artifact: "Artifact | None",
    wait: float,
    reason: str,
    as_json: bool,
) -> None:
    from apps.models.commanding import Unanswered, command

    told = False

    def waiting(seconds: float) -> None:
        nonlocal told
        if not told and seconds > 1:
            told = True
            click.echo(f"waiting for the learner, {wait:g} s at most ...", err=True)

    answer = await command(
        settings, known, act, artifact, reason=reason, seconds=wait, told=waiting
    )
    if isinstance(answer, Unanswered):
        raise Failure(
            f"{act}: no learner has executed it within {wait:g} s. It stays on {answer.topic} at "
            f"offset {answer.offset}, and a learner that starts (`weir learner`) executes it",
            Code.NO,
        )
    if answer.refused:
        raise Failure(f"{act}: the learner refused: {answer.refused}", Code.NO)
    if as_json:
        import orjson

        done = {"command": answer.command, "act": act, "digest": artifact and artifact.digest}
        click.echo(orjson.dumps(done))
        return
    click.echo(_done(act, artifact))


def _done(act: "Act", artifact: "Artifact | None") -> str:
    named = f"{artifact.model} {artifact.digest[:12]}" if artifact else ""
    return {
        "freeze": "Frozen: labels count, and nothing moves the models until `weir models thaw`.",
        "thaw": "Learning again.",
        "shadow": f"{named} scores all mail from now on and acts on nothing; compare it with "
        f"`weir models compare live {named[-12:]}`.",
        "promote": f"{named} is live.",
        "retire": f"{named} is let go.",
        "rollback": f"{named} is live again.",
    }[act]


def need_folder(settings: "Settings") -> None:
    """Raise Failure where there is no folder for artifacts."""
    if not settings.models.snapshots:
        raise Failure(
            "models.snapshots = ''; wanted: the folder where learner and workers find artifacts "
            "(WEIR_MODELS__SNAPSHOTS)",
            Code.USAGE,
        )
