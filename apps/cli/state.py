"""`weir state`: what is kept of senders; inspected, rebuilt from the log, forgotten."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from features.reported import Report
    from features.rolling import Entity, Reading
    from streams.settings import Settings
    from streams.stores.memory import MemoryStore
    from streams.stores.redis_store import RedisStore

__all__ = ["state"]

_TENANT = click.option(
    "--tenant",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Whose pairs and accounts.",
)


@click.group()
def state() -> None:
    """Look at what Weir keeps of senders in Redis, make it anew from the log, or forget somebody.

    \b
    Examples:
      weir state inspect dkim:example.org
      weir state inspect ip:192.0.2.7
      weir state inspect claimed:example.org@192.0.2.0/24
      weir state inspect pair:anna@our.example,mara@example.net
      weir state usage
    """


@state.command(short_help="What is known of an entity now.")
@click.argument("entities", nargs=-1, required=True, metavar="ENTITY...")
@_TENANT
@as_json
@config
def inspect(config: Path | None, entities: tuple[str, ...], tenant: str, as_json: bool) -> None:
    """Show what is known of an entity now: when it was seen, how often, with how many others.

    And of content, links, attachments, senders' domains and networks what people report of them.

    ENTITY is a sort and a name. Addresses are typed in clear and looked up by their keyed hash; a
    verdict's own labels and hashes are understood too.

    \b
      dkim:DOMAIN  spf:DOMAIN            a sender's domain, by how it was proven
      claimed:DOMAIN@NETWORK             the same unproven: each network has its own record
      address:dkim:ADDRESS               an author, under the proof of the domain
      ip:ADDRESS  network:NETWORK  helo:DOMAIN
      account:LOGIN  pair:OURS,THEIRS    of one tenant
      link:DOMAIN  content:FINGERPRINT  attachment:SHA256

    \b
    Exit codes: 0 shown, 1 nothing is known of one of them, 2 usage or settings,
    4 Redis could not be reached.
    """
    from apps.installation import read_context
    from apps.state.words import as_lines, as_object, reported_lines, reported_object
    from features.entity_labels import entity_of

    settings = read_settings(config)
    context = read_context(settings)
    try:
        wanted = [entity_of(text, context, tenant) for text in entities]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    now = time.time()
    found = run(_readings(settings, wanted, now))
    if as_json:
        import orjson

        for entity, (reading, reports) in zip(wanted, found, strict=True):
            known = as_object(reading) if reading else None
            said = reported_object(reports)
            click.echo(orjson.dumps({"entity": entity.label, "reading": known, "reports": said}))
    else:
        for text, entity, (reading, reports) in zip(entities, wanted, found, strict=True):
            named = "" if entity.label == text else f"  ({entity.label})"
            click.echo(click.style(text, bold=True) + named)
            lines = [*(as_lines(reading, now) if reading else ()), *reported_lines(reports, now)]
            for line in lines or ["nothing is known of it"]:
                click.echo(f"  {line}")
    if any(reading is None and not reports for reading, reports in found):
        raise click.exceptions.Exit(int(Code.NO))


@state.command(short_help="What each kind takes, beside its budget.")
@as_json
@config
def usage(config: Path | None, as_json: bool) -> None:
    """Count what is kept of each kind of entity, beside its budget (state.budgets).

    Entities seen once are kept small; the oldest are given up first when a budget is reached.

    \b
    Exit codes: 0 shown, 2 wrong settings, 4 Redis could not be reached.
    """
    settings = read_settings(config)
    held, lost = run(_usage(settings))
    budgets = settings.state.of_kinds()
    rows = {
        kind: {
            "entities": found.entities,
            "budget": budgets[kind].entities,
            "seen_once": found.sightings,
            "budget_once": budgets[kind].sightings,
            "bytes": found.bytes,
        }
        for kind, found in held.items()
    }
    if as_json:
        import orjson

        click.echo(
            orjson.dumps({"increments_lost": lost, "kinds": rows}, option=orjson.OPT_INDENT_2)
        )
        return
    click.echo(f"{'kind':12}{'entities':>12}{'of':>12}{'seen once':>12}{'of':>12}{'MiB':>8}")
    for kind, row in rows.items():
        numbers = "".join(f"{row[key]:>12,}" for key in list(row)[:4])
        click.echo(f"{kind:12}{numbers}{row['bytes'] / 1_048_576:>8.1f}")
    if lost:
        click.secho(
            "Increments were lost: `weir state rebuild` counts them from the log.", fg="yellow"
        )


@state.command(short_help="Make the state anew from the log.")
@config
def rebuild(config: Path | None) -> None:
    """Make the state anew from what the mail log and the verdicts still hold, then switch to it.

    Workers go on meanwhile, and lose nothing: for the switch, at the end, they wait a moment, and
    so does the learner. What is older than the mail log's retention is given up with the old
    state; labels are counted from what is kept of them (topics.labels_hours).

    \b
    Exit codes: 0 rebuilt, 2 wrong settings, 4 Kafka or Redis could not be reached, or another
    rebuild is under way (the old state stays in use).
    """
    from apps.cli.progress import bar_from_report
    from apps.installation import read_context
    from apps.state.rebuilding import rebuild as run_rebuild

    settings = read_settings(config)
    if settings.embedded.folder:
        from streams.stores.told_store import state_path

        raise Failure(
            f"embedded.folder = {settings.embedded.folder!r}: stop the hook, delete "
            f"{state_path(settings)}, and start it: it counts all that its log holds",
            Code.USAGE,
        )
    context = read_context(settings)
    with bar_from_report("rebuilding", "messages") as told:
        rebuilt = run(run_rebuild(settings, context, told))
    click.echo(
        f"{rebuilt.messages:,} messages counted, {rebuilt.judged:,} of them with their verdicts, "
        f"and the labels of {rebuilt.labelled:,}; "
        f"namespace {rebuilt.namespace} is in use"
    )


@state.command(short_help="Delete what is kept of a person.")
@click.argument("address", metavar="ADDRESS")
@config
def forget(config: Path | None, address: str) -> None:
    """Delete what is kept of a person's address: as sender, as account, in pairs, as reporter.

    Labels that they gave are taken back from all counts; what models have learned stays. All
    records of people are looked through, for every tenant. The mail log and verdicts have their
    own retention and are left alone; mail that comes later is counted anew.

    \b
    Exit codes: 0 done, 1 nothing was kept, 2 usage or settings, 4 Redis could not be reached.
    """
    from apps.installation import read_context
    from features.addresses import hash_address

    if "@" not in address:
        raise click.UsageError(f"{address!r} is no address; a domain's record isn't personal")
    settings = read_settings(config)
    if settings.embedded.folder:
        raise Failure(
            f"embedded.folder = {settings.embedded.folder!r}: only what is kept in Redis can be "
            "forgotten by person; an embedded state gives records up by age (state.budgets)",
            Code.USAGE,
        )
    person = hash_address(address, read_context(settings))
    count = run(_forget(settings, person))
    if not count:
        raise Failure(f"nothing is kept of {address}", Code.NO)
    click.echo(f"{count:,} records deleted")


async def _readings(
    settings: "Settings", entities: "list[Entity]", now: float
) -> "list[tuple[Reading | None, tuple[Report, ...]]]":
    async with _opened(settings) as store:
        reports = (await store.label_state(entities=entities)).reports
        return [(await store.read(it, now), reports.get(it.key, ())) for it in entities]


async def _usage(settings: "Settings") -> tuple[Any, bool]:
    async with _opened(settings) as store:
        return await store.usage(), await store.lost()


async def _forget(settings: "Settings", person: str) -> int:
    from streams.labels.forgetting import forget_labels
    from streams.stores.redis_store import RedisStore

    store = RedisStore(settings)
    try:
        return await forget_labels(store, person) + await store.forget_person(person)
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _opened(settings: "Settings") -> "AsyncIterator[RedisStore | MemoryStore]":
    """Open the store; of an embedded installation what its hook has last saved."""
    if settings.embedded.folder:
        from streams.stores.memory import MemoryStore
        from streams.stores.told_store import state_path

        path = state_path(settings)
        if not path.exists():
            raise Failure(f"{path}: nothing is saved yet; the hook saves it soon", Code.UNREACHABLE)
        saved = MemoryStore(
            path=path, shards=settings.state.shards, budgets=settings.state.of_kinds()
        )
        yield saved
        return
    from streams.stores.redis_store import RedisStore

    store = RedisStore(settings)
    try:
        yield store
    finally:
        await store.close()
