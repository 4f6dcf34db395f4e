"""`weir models quality` and `weir models asked`: how good we are, and whom it takes to know."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli.failures import Code
from apps.cli.moment import Moment
from apps.cli.options import as_json, config, read_settings, run

if TYPE_CHECKING:
    from apps.quality.history import History
    from streams.settings import Settings

__all__ = ["asked", "quality"]

_SINCE = click.option(
    "--since",
    type=Moment(),
    default="14d",
    show_default=True,
    metavar="TIME",
    help="Verdicts from then on: a time ago (36h, 14d, 2w) or a date (UTC).",
)


@click.command()
@_SINCE
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Draw mistakes over time and the reliability diagram.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write quality.json, quality.svg and quality.txt there.",
)
@as_json
@config
def quality(
    config: Path | None,
    since: datetime,
    plot: Path | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Say how good verdicts were: false positives and misses with intervals, models, drift.

    Learners ask about some messages a day (learner.audit_labels, 50), drawn by known chances:
    many where the score is in doubt, a few everywhere. What analysts say of these messages
    (`weir models asked`) tells of all mail; what users report doesn't. docs/quality.md says how.

    \b
    Examples:
      weir models quality
      weir models quality --since 2026-11-01 --plot quality.svg
      weir models quality --json | jq .misses

    \b
    Exit codes: 0 told, 1 nothing can be said yet of false positives or of misses, 2 usage or wrong
    settings, 3 a file could not be written, 4 Kafka could not be reached or a topic is missing.
    """
    from apps.quality.charts import charts
    from apps.quality.figures import figures
    from apps.quality.telling import lines

    until = datetime.now(UTC)
    found = figures(_gather(read_settings(config), since), since, until)
    if report is not None:
        import msgspec

        text = click.unstyle("\n".join(lines(found))) + "\n"
        _write(report / "quality.json", msgspec.json.format(msgspec.json.encode(found)))
        _write(report / "quality.svg", charts(found).encode())
        _write(report / "quality.txt", text.encode())
    if plot is not None:
        _write(plot, charts(found).encode())
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        for line in lines(found):
            click.echo(line)
        for path in (plot, report):
            if path is not None:
                click.echo(f"written: {path}")
    if not (found.false_positives.known and found.misses.known):
        raise click.exceptions.Exit(int(Code.NO))


@click.command()
@_SINCE
@click.option(
    "-n",
    "--most",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="List so many of the latest.",
)
@as_json
@config
def asked(config: Path | None, since: datetime, most: int, as_json: bool) -> None:
    """List messages that were drawn for the audit and have no analyst's label yet.

    Label each, whatever it looks like: leaving out the hard ones, or the dull ones, makes the
    estimates wrong.

    \b
    Example:
      weir models asked
      weir label ID ham

    \b
    Exit codes: 0 listed (or none waits), 2 usage or wrong settings, 4 Kafka could not be reached
    or a topic is missing.
    """
    from apps.quality.waiting import as_object, told, waiting

    found = waiting(_gather(read_settings(config), since))
    if as_json:
        import orjson

        for one in found[:most]:
            click.echo(orjson.dumps(as_object(one)))
        return
    for line in told(found, most):
        click.echo(line)


def _gather(settings: "Settings", since: datetime) -> "History":
    from apps.cli.progress import bar
    from apps.quality.gathering import gather

    return run(gather(settings, since, lambda total: bar("reading verdicts", total, "verdicts")))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
