"""`weir archive`: what lay in the topics, kept as Parquet."""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from apps.cli.options import as_json, config, read_settings, run
from apps.cli.rendering import clean
from streams.settings import Settings, SettingsError

__all__ = ["archive"]


@click.group()
def archive() -> None:
    """Keep verdicts, labels and learning steps as Parquet, in a folder or in S3 (docs/archive.md).

    Messages themselves are kept by setting only (archive.raw).
    """


@archive.command("run")
@click.option("--once", is_flag=True, help="Archive what the topics hold by now, and end.")
@config
def run_archive(config: Path | None, once: bool) -> None:
    """Archive what comes, until SIGTERM or Ctrl-C.

    Each block is in the archive once, whatever kills this process: offsets are kept in the archive
    itself. A second one stands by. Small files are merged and what has had its time goes, every
    archive.tidy_seconds. /livez, /readyz and /metrics are on http.bind, which needs to be another
    than a worker's on the same machine; with --once nothing listens.

    \b
    Examples:
      WEIR_HTTP__BIND=127.0.0.1:8793 weir archive run
      weir archive run --once

    \b
    Exit codes: 0 stopped in order, 2 wrong settings, 3 the archive can't be read or written, 4
    Kafka could not be reached or a topic is missing.
    """
    settings = _settings(config)
    run(_run(settings, once=once))


@archive.command()
@as_json
@config
def status(config: Path | None, as_json: bool) -> None:
    """Say what the archive holds: files, rows and bytes by kind, times, and up to which offsets.

    \b
    Exit codes: 0 said, 2 wrong settings, 3 no archive is there or it can't be read.
    """
    from apps.subscriber.archive.describing import described

    settings = _settings(config)
    found = described(settings.archive.url)
    if as_json:
        _print_json(found)
        return
    click.echo(f"archive {clean(found['url'])}")
    for kind, row in found["kinds"].items():
        times = f"{row['since'][:19]} to {row['until'][:19]}" if row["files"] else ""
        size = f"{row['bytes'] / 1e6:,.1f} MB"
        click.echo(
            f"  {kind:<9} {row['rows']:>12,} rows {row['files']:>6,} files {size:>12} {times}"
        )
    for place, end in found["ends"].items():
        click.echo(f"  {clean(place)} up to offset {end:,}")
    for line in found["lost"]:
        click.echo(f"  lost: {clean(line)}")


@archive.command()
@as_json
@config
def check(config: Path | None, as_json: bool) -> None:
    """Read every file whole: what is missing or damaged, and which policies and artifacts miss.

    \b
    Exit codes: 0 all is well, 1 something is missing or damaged, 2 wrong settings, 3 no archive.
    """
    from apps.subscriber.archive.checking import checked

    settings = _settings(config)
    found = checked(settings.archive.url)
    if as_json:
        _print_json(found._asdict())
    else:
        for line in found.complaints:
            click.echo(clean(line))
        said = "all is well" if not found.complaints else f"{len(found.complaints)} complaints"
        click.echo(f"{found.files:,} files, {found.rows:,} rows: {said}")
    sys.exit(bool(found.complaints))


@archive.command("compact")
@config
def compact_archive(config: Path | None) -> None:
    """Merge small files now; `weir archive run` does it by itself.

    \b
    Exit codes: 0 done, 2 wrong settings, 3 the archive can't be read or written.
    """
    from apps.subscriber.archive.compacting import compact
    from apps.subscriber.archive.storage import Storage
    from apps.subscriber.archive.sweeping import sweep

    settings = _settings(config)
    storage = Storage(settings.archive.url)
    gone = compact(storage, _say, fewest=2)
    sweep(storage, datetime.now(UTC))
    click.echo(f"{gone:,} fewer files")


@archive.command("expire")
@config
def expire_archive(config: Path | None) -> None:
    """Take away what archive.raw_days, vector_days and verdict_days keep no longer, now.

    Files are deleted an hour later, so that who reads them can finish; `weir archive run` does all
    that by itself.

    \b
    Exit codes: 0 done, 2 wrong settings, 3 the archive can't be read or written.
    """
    from apps.subscriber.archive.expiring import expire
    from apps.subscriber.archive.storage import Storage
    from apps.subscriber.archive.sweeping import sweep

    settings = _settings(config)
    storage = Storage(settings.archive.url)
    found = expire(storage, settings.archive, datetime.now(UTC), _say)
    sweep(storage, datetime.now(UTC))
    click.echo(f"{found.gone:,} files went, {found.thinned:,} without what had its time")


@archive.command("forget")
@click.argument("identifiers", nargs=-1, required=True, metavar="ID...")
@click.option("--verdicts", is_flag=True, help="Take away their verdicts and labels too.")
@config
def forget_messages(config: Path | None, identifiers: tuple[str, ...], verdicts: bool) -> None:
    """Take messages out of the archive: their bytes and envelopes, at once and for good.

    Their verdicts stay, and are replayable from their vectors, unless --verdicts is given. What
    lies in Kafka's topics expires there by itself.

    \b
    Examples:
      weir archive forget 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11

    \b
    Exit codes: 0 done, 1 nothing was found, 2 wrong settings, 3 the archive can't be read or
    written.
    """
    from apps.subscriber.archive.forgetting import forget
    from apps.subscriber.archive.storage import Storage

    settings = _settings(config)
    gone = forget(Storage(settings.archive.url), set(identifiers), verdicts=verdicts)
    click.echo(f"{gone:,} rows taken away")
    sys.exit(not gone)


async def _run(settings: Settings, *, once: bool) -> None:
    import structlog

    from apps.subscriber.archive.running import Archiver
    from streams.health import listening
    from streams.logs import set_up_logs

    if not once:  # a service, whose blocks are logged
        set_up_logs(settings.log)
    archiver = Archiver(settings)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, archiver.stop)
    bind = "" if once else settings.http.bind
    log = structlog.get_logger(__name__)
    async with listening(bind, archiver.metrics, archiver.ready, log):
        await archiver.run(once=once)
    if once:
        click.echo(f"{archiver.rows:,} records in {archiver.blocks:,} blocks", err=True)


def _settings(path: Path | None) -> Settings:
    settings = read_settings(path)
    if not settings.archive.url:
        raise SettingsError("archive.url is empty; allowed: a folder, or s3://BUCKET/PREFIX")
    return settings


def _say(line: str) -> None:
    click.echo(clean(line), err=True)


def _print_json(found: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(found, default=str) + b"\n")
