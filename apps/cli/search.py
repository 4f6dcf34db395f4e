"""`weir search`: recorded verdicts by what is known of them."""

import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from apps.cli.failures import Code
from apps.cli.moment import Moment
from apps.cli.options import as_json, config, read_settings, run
from apps.cli.rendering import Shown, clean, one_line
from apps.cli.where import condition
from detectors.actions import ACTIONS
from detectors.signals import AbuseClass
from features.envelope import Direction

if TYPE_CHECKING:
    from apps.analysis.searching import Hit
    from apps.analysis.sought import Sought
    from apps.replay.sources import Source
    from apps.subscriber.recorded import Unread
    from streams.settings import Settings

__all__ = ["search"]

_MOST: Final = 10_000  # hits that are held at a time
_LATEST_MS: Final = 4_000_000_000_000  # of an id that somebody typed: what a date can hold
_SCORES: Final = re.compile(r"(?P<least>[01]?\.?\d*)\.\.(?P<most>[01]?\.?\d*)", re.ASCII)


class _Scores(click.ParamType):
    """A range of scores, LEAST..MOST; either may be left out."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float | None, float | None]:
        """Return both ends, None where open; fails with what is allowed."""
        if isinstance(value, tuple):
            return value
        found = _SCORES.fullmatch(value)
        try:
            ends = [float(found[name]) if found[name] else None for name in ("least", "most")]  # type: ignore[index]  # None raises
        except (TypeError, ValueError):
            ends = []
        if not ends or not all(end is None or 0 <= end <= 1 for end in ends):
            self.fail(f"{value!r}; allowed: LEAST..MOST, from 0 to 1 (0.5..0.9, 0.9..)", param, ctx)
        return ends[0], ends[1]


def _several(flag: str, name: str, allowed: Sequence[str], what: str) -> Callable[..., Any]:
    return click.option(
        flag, name, type=click.Choice(allowed), multiple=True, help=f"{what}; any of several."
    )


@click.command()
@click.argument("identifier", required=False, metavar="[ID|TOKEN]")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="From's domain or the envelope sender's, and all below it; any of several.",
)
@click.option(
    "--since", type=Moment(), metavar="TIME", help="Received then or later: 36h, 7d, a date (UTC)."
)
@click.option("--until", type=Moment(), metavar="TIME", help="Received before.")
@_several("--action", "actions", ACTIONS, "What was decided")
@_several("--class", "classes", get_args(AbuseClass), "What it was taken for")
@_several("--kind", "kinds", ("judged", "fallback", "revised"), "How it was judged")
@_several("--direction", "directions", get_args(Direction), "Which way it went")
@click.option(
    "--tenant", "tenants", multiple=True, metavar="NAME", help="Whose mail; any of several."
)
@click.option(
    "--signal",
    "signals",
    multiple=True,
    metavar="NAME",
    help="A signal that spoke, or rule:NAME, deny:KIND:VALUE; all of several.",
)
@click.option("--score", type=_Scores(), metavar="LEAST..MOST", help="A range of scores: 0.5..0.9.")
@click.option(
    "--labelled",
    type=click.Choice(("ham", "abuse")),
    help="What people said of it since: the highest rank decides, as in weir quality.",
)
@click.option(
    "--fingerprint", default="", metavar="HEX", help="Of the content, as verdicts say it."
)
@click.option(
    "--where", metavar="CEL", help="A condition over a verdict's fields, as of weir verdicts."
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, _MOST),
    default=50,
    show_default=True,
    help="The newest so many.",
)
@click.option(
    "--source",
    default="",
    metavar="SOURCE",
    help="archive:URL, last:7d, topic[:P,P][@FROM..TO].  [default: the archive, else the topic]",
)
@as_json
@config
def search(  # noqa: PLR0913, PLR0917 - an option each
    config: Path | None,
    identifier: str | None,
    domains: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    actions: tuple[str, ...],
    classes: tuple[str, ...],
    kinds: tuple[str, ...],
    directions: tuple[str, ...],
    tenants: tuple[str, ...],
    signals: tuple[str, ...],
    score: tuple[float | None, float | None] | None,
    labelled: str | None,
    fingerprint: str,
    where: str | None,
    limit: int,
    source: str,
    as_json: bool,
) -> None:
    """Find recorded verdicts, the newest first: time, id, action, score, class, domain, reasons.

    All that is given must hold. It is looked for in the archive, if there is one, else in the
    topic; an id that the archive hasn't (yet) is looked for in the topic too. With --json each line
    is a verdict's record as it lay in the topic (docs/topics/verdict.md).

    \b
    Examples:
      weir search 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11
      weir search --domain example.org --since 7d --action reject
      weir search --labelled ham --action reject --action quarantine      our mistakes
      weir search --signal display_name_brand --score 0.4..0.6 --json | jq -r .id
      weir search --since 24h --where 'spf == "pass" && action == "reject"'

    \b
    Exit codes: 0 found, 1 nothing is found, 2 usage or settings, 3 the archive or a file of it
    could not be read (the rest was searched), 4 Kafka could not be reached.
    """
    from apps.analysis.sought import Sought
    from apps.subscriber.wanted import wanted
    from streams.tokens import id_in

    settings = read_settings(config)
    said = (identifier or "").strip()
    least, most = score or (None, None)
    sought = Sought(
        id=id_in(said) or said,
        wanted=wanted(
            action=actions or None,
            class_=classes or None,
            tenant=tenants or None,
            direction=directions or None,
            kind=kinds or None,
        ),
        domains=tuple(domain.lower().strip(" .@") for domain in domains),
        signals=signals,
        fingerprint=fingerprint,
        since=since,
        until=until,
        least=least,
        most=most,
        where=condition(where),
        abuse=labelled == "abuse",
    )
    unread: list[Unread] = []
    found = _search(settings, source, sought, limit, unread.append, labelled=labelled is not None)
    _print(found[:limit], as_json=as_json)
    for each in unread:
        click.echo(f"passed over {clean(each.place)}: {clean(each.reason)}", err=True)
    if len(found) > limit:
        click.echo(f"there are more than these {limit}; -n prints more", err=True)
    if not found:
        click.echo("no verdict that is kept is so", err=True)
    if unread or not found:
        sys.exit(Code.INPUT if unread else Code.NO)


def _search(
    settings: "Settings",
    given: str,
    sought: "Sought",
    limit: int,
    told: "Callable[[Unread], None]",
    *,
    labelled: bool,
) -> "list[Hit]":
    """Return one more than `limit`, where there are so many."""
    from apps.replay.sources import ArchiveSource, TopicSource, parse_source
    from apps.subscriber.archive.reading import ArchiveError

    source = parse_source(given, settings)
    if not isinstance(source, ArchiveSource):
        if labelled:
            sought = run(_with_labels(settings, source, sought))
        return run(_in_topic(settings, source, sought, limit, told))
    try:
        if labelled:
            sought = run(_with_labels(settings, source, sought))
        found = _in_archive(source, sought, limit, told)
    except ArchiveError as error:
        if given:
            raise
        click.echo(f"{clean(str(error))}: looking in the topic", err=True)
        if labelled:
            sought = run(_with_labels(settings, TopicSource(), sought))
        return run(_in_topic(settings, TopicSource(), sought, limit, told))
    if not found and not given and sought.id:
        return run(_in_topic(settings, TopicSource(), sought, limit, told))
    return found


async def _with_labels(settings: "Settings", source: "Source", sought: "Sought") -> "Sought":
    from dataclasses import replace

    from apps.quality.truths import Truths
    from apps.replay.labels_read import read_labels

    truths = Truths()
    for given in await read_labels(settings, source):
        truths.add(given.label)
    return replace(sought, truths=truths)


def _in_archive(
    source: Any, sought: "Sought", limit: int, told: "Callable[[Unread], None]"
) -> "list[Hit]":
    from apps.analysis.damage import over
    from apps.analysis.searching import search_archive
    from apps.subscriber.archive.reading import Archive

    archive = Archive.open(source.url, told)
    narrowed = _narrowed(sought, source.since, source.until)
    return over(
        archive,
        lambda tables: list(islice(search_archive(archive, tables, narrowed), limit + 1)),
        told,
    )


def _narrowed(sought: "Sought", since: datetime | None, until: datetime | None) -> "Sought":
    from dataclasses import replace

    begins = [at for at in (sought.since, since) if at is not None]
    ends = [at for at in (sought.until, until) if at is not None]
    return replace(sought, since=max(begins, default=None), until=min(ends, default=None))


async def _in_topic(
    settings: "Settings",
    source: "Source",
    sought: "Sought",
    limit: int,
    told: "Callable[[Unread], None]",
) -> "list[Hit]":
    from apps.analysis.searching import newest
    from apps.replay.reading import open_reading

    async with open_reading(settings, _begun(source, sought), mail=False) as reading:

        async def records() -> Any:
            async for stretch in reading.stretches({}):
                for unread in stretch.unread:
                    told(unread)
                for recorded in stretch.recorded:
                    yield recorded

        return await newest(records(), sought, limit + 1)


def _begun(source: "Source", sought: "Sought") -> "Source":
    """Return the stretch of the topic that can have what is sought.

    No verdict was appended before its message was received, or its id was made.
    """
    from dataclasses import replace

    from apps.replay.sources import TopicSource
    from streams.labels.finding import CLOCK_AHEAD_MS, made_at

    if not isinstance(source, TopicSource) or source.first is not None:
        return source
    made = made_at(sought.id)
    if made is None:
        return replace(source, first=sought.since)
    begin = min(max(0, made - CLOCK_AHEAD_MS), _LATEST_MS)
    return replace(source, first=datetime.fromtimestamp(begin / 1000, UTC))


def _print(hits: "Sequence[Hit]", *, as_json: bool) -> None:
    if as_json:
        for _, recorded in hits:
            sys.stdout.buffer.write(recorded.value + b"\n")
        sys.stdout.buffer.flush()
        return
    for verdict, _ in hits:
        at = f"{verdict.received_at:%Y-%m-%d %H:%M:%S}"
        line = one_line(Shown(verdict, "", verdict.from_domain, ""))
        click.echo(f"{at}  {clean(verdict.id, 40)}  {line}")
