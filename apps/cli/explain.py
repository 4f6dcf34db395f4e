"""`weir explain`: why a message was judged as it was, and what would have changed it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from apps.cli.failures import Code
from apps.cli.options import as_json, config, read_settings, run, tenant
from apps.cli.rendering import clean, terminal_width

if TYPE_CHECKING:  # heavy: loaded where the message is looked for
    from collections.abc import Sequence

    from apps.analysis.finding import Dossier
    from apps.analysis.naming import Named
    from apps.analysis.story import Story
    from apps.replay.sources import Source
    from apps.subscriber.archive.reading import Told
    from apps.subscriber.recorded import Unread
    from streams.settings import Settings

__all__ = ["explain"]

_UNWATCHED = 100  # columns where no terminal is


@click.command()
@click.argument("message", metavar="ID")
@click.option(
    "--source",
    default="",
    metavar="SOURCE",
    help="Look here alone: archive:URL, an archive's folder, last:7d, topic[:P,P][@FROM..TO].",
)
@tenant
@as_json
@config
def explain(*, config: Path | None, message: str, source: str, tenant: str, as_json: bool) -> None:
    """Tell the story of a verdict: why, on what, what was missing, what would have changed it.

    ID is a message's id, a token (X-Weir-Id), the event of a verdict (ce_id), or the Message-ID of
    a message of --tenant that was judged in the last days, or whose mail is archived. It is looked
    for in the archive of the settings, else in the topic of verdicts.

    The verdict is weighed once more by the policy and the models of its time. So each signal's
    weight is told, and the smallest changes that would have changed the action are found by
    judging anew: other readings, signals that hadn't spoken or had, another threshold, rule or
    list entry. Where what it was judged by isn't kept any more, what was recorded is told.

    \b
    Examples:
      weir explain 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11
      weir explain '<20251120.1234@mail.example.com>'
      weir explain v1.01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11.5f3a.0.1234.8f2e6c0b1d4a7e9f5c3b2a10
      weir explain 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11 --json | jq .counterfactual.milder

    \b
    Exit codes: 0 told, 1 no verdict on it is found, 2 usage or settings, 3 the archive or a file of
    it can't be read and there is no verdict elsewhere, 4 Kafka or Redis could not be reached, 130
    Ctrl-C.
    """
    from apps.analysis.naming import named

    settings = read_settings(config)
    try:
        wanted = named(message)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    unread: list[Unread] = []
    with TemporaryDirectory(prefix="weir-explain-") as folder:
        story = _story(settings, wanted, source, tenant, Path(folder), unread.append)
    for place, reason in dict.fromkeys(unread):
        click.echo(f"passed over {clean(place)}: {clean(reason)}", err=True)
    if story is None:
        click.echo(
            f"no verdict that is kept is on {clean(message, 100)}; `weir search` finds messages "
            "by sender, time and more",
            err=True,
        )
        sys.exit(Code.INPUT if unread else Code.NO)
    if as_json:
        from detectors.record import encode

        click.echo(encode(story))
    else:
        from apps.cli.told_story import story_page

        click.echo(story_page(story, terminal_width() or _UNWATCHED))


def _story(
    settings: "Settings", wanted: "Named", source: str, tenant: str, folder: Path, told: "Told"
) -> "Story | None":
    from apps.analysis.labels_given import labels_given
    from apps.analysis.story import tell
    from apps.analysis.terms_then import terms_then
    from apps.installation import read_policy_in_force
    from apps.replay.model_history import ModelHistory

    dossier = run(_found(settings, wanted, source, tenant, folder, told))
    if dossier is None:
        return None
    _, verdict = dossier.in_force
    history = dossier.history or ModelHistory(folder)
    terms, engine = terms_then(settings, dossier, history, verdict)
    labels, unknown = run(labels_given(settings, verdict.id, dossier.kept))
    return tell(
        dossier,
        terms,
        policy_now=read_policy_in_force(None, settings).digest,
        engine_now=engine,
        labels=labels,
        labels_unknown=unknown,
    )


async def _found(
    settings: "Settings", wanted: "Named", source: str, tenant: str, folder: Path, told: "Told"
) -> "Dossier | None":
    """Look for the message where it was asked for, else in the archive and then in the topic."""
    from apps.analysis.message_ids import id_of
    from apps.installation import read_context
    from apps.replay.sources import ArchiveSource, TopicSource, parse_source

    places = [parse_source(source, settings)]
    if not source and isinstance(places[0], ArchiveSource):
        places.append(TopicSource())
    if wanted.id and (dossier := await _first(settings, places, wanted.id, folder, told)):
        return dossier
    if not wanted.message_id:
        return None
    context = read_context(settings)
    ident = await id_of(settings, context, places[0], wanted.message_id, tenant)
    return await _first(settings, places, ident, folder, told) if ident else None


async def _first(
    settings: "Settings", places: "Sequence[Source]", ident: str, folder: Path, told: "Told"
) -> "Dossier | None":
    """Return what the first place has that knows the message; an archive may not be there yet."""
    from apps.analysis.finding import find
    from apps.subscriber.archive.reading import ArchiveError

    for place in places:
        try:
            dossier = await find(settings, place, ident, folder, told)
        except ArchiveError as error:
            if place is places[-1]:
                raise
            click.echo(f"{clean(str(error))}: looking in the topic", err=True)
            continue
        if dossier:
            return dossier
    return None
