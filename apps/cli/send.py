"""`weir send`: publish mail from files to the mail log, as an MTA's hook would."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import click
from msgspec.structs import replace

from apps.cli.failures import Code
from apps.cli.options import as_json, config, direction, read_settings, run
from apps.cli.progress import bar
from apps.sources import STDIN, Mail, Unreadable, read_mail
from features.context import Limits
from features.envelope import Client, Direction, Envelope
from streams.settings import Settings

__all__ = ["send"]


class _Wanted(NamedTuple):
    """What the command line says of every message; None leaves what the message says."""

    direction: Direction
    tenant: str
    user: str | None
    client: str | None
    rate: float


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Messages a second.  [default: as fast as the brokers take them]",
)
@direction
@click.option("--user", metavar="NAME", help="The authenticated user who submits the mail.")
@click.option("--tenant", default="default", show_default=True, help="Whose mail it is.")
@click.option(
    "--client",
    metavar="IP",
    help="The SMTP client's address.  [default: as the topmost Received field says]",
)
@click.option("--keep-times", is_flag=True, help="Leave the times of receipt as they are.")
@as_json
@config
def send(  # noqa: PLR0913, PLR0917 - click: one argument for each option
    config: Path | None,
    paths: tuple[str, ...],
    rate: float | None,
    direction: Literal["inbound", "outbound"],
    user: str | None,
    tenant: str,
    client: str | None,
    keep_times: bool,
    as_json: bool,
) -> None:
    """Publish mail to the mail log, where workers judge it.

    FILE is a message, an mbox, a Maildir, a folder (read recursively) or - for standard input.
    Sender, recipients and client are taken from Return-Path, Delivered-To and the topmost
    Received field. Times of receipt are shifted together, so that the last message is received
    now. With --json each published message is a line with its name, id, partition and offset.

    \b
    Examples:
      weir send examples/inbound --rate 5
      weir send --direction outbound --user alice@example.org examples/outbound
      weir send archive.mbox --tenant acme --client 192.0.2.7

    \b
    Exit codes: 0 all published, 2 usage or settings are wrong, 3 at least one input could not be
    read (the others were published), 4 Kafka could not be reached or the topic is missing.
    """
    settings = read_settings(config)
    if client is not None:
        _check_address(client)
    wanted = _Wanted(direction, tenant, user, client, rate or 0.0)
    with _replayable(paths) as kept:
        shift = timedelta(0) if keep_times else _shift(kept, settings, wanted)
        unreadable = run(_send(settings, kept, wanted, shift, as_json=as_json))
    sys.exit(Code.INPUT if unreadable else Code.OK)


def _check_address(client: str) -> None:
    from ipaddress import ip_address

    try:
        ip_address(client)
    except ValueError:
        raise click.UsageError(f"--client {client!r}; allowed: an IPv4 or IPv6 address") from None


@contextmanager
def _replayable(paths: Iterable[str]) -> Iterator[list[str]]:
    """Yield paths that can be read twice: standard input is copied to a file for as long."""
    with tempfile.TemporaryDirectory(prefix="weir-send-") as folder:
        copy = Path(folder) / "stdin"
        if STDIN in paths:
            with copy.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        yield [str(copy) if path == STDIN else path for path in paths]


def _envelopes(
    paths: Iterable[str], settings: Settings, wanted: _Wanted
) -> Iterator[tuple[Mail, Envelope] | Unreadable]:
    from apps.received import envelope_of
    from streams.wire import new_id

    limits = Limits(message_bytes=settings.topics.message_bytes)
    now = datetime.now(UTC)
    for item in read_mail(paths, settings.topics.message_bytes):
        if isinstance(item, Unreadable):
            yield item
            continue
        envelope = envelope_of(item, new_id(), now, limits)
        yield (
            item,
            replace(
                envelope,
                direction=wanted.direction,
                tenant=wanted.tenant,
                user=wanted.user,
                client=Client(ip=wanted.client) if wanted.client else envelope.client,
            ),
        )


def _shift(paths: list[str], settings: Settings, wanted: _Wanted) -> timedelta:
    newest = max(
        (
            found[1].received_at
            for found in _envelopes(paths, settings, wanted)
            if not isinstance(found, Unreadable)
        ),
        default=None,
    )
    return timedelta(0) if newest is None else datetime.now(UTC) - newest


async def _send(
    settings: Settings, paths: list[str], wanted: _Wanted, shift: timedelta, *, as_json: bool
) -> int:
    import orjson

    from apps.publishing import Delivered, open_publisher
    from streams.topics import check as check_topics
    from streams.topics import name
    from streams.wire import message_record

    await check_topics(settings)  # a producer would wait for a missing topic until it times out
    topic = name(settings, "messages")
    unreadable = count = size = 0
    names: dict[str, str] = {}

    def tell(delivered: list[Delivered]) -> None:
        for one in delivered:
            ident = (one.record.key or b"").decode()
            line = {
                "name": names.pop(ident),
                "id": ident,
                "partition": one.partition,
                "offset": one.offset,
            }
            if as_json:
                click.echo(orjson.dumps(line))

    started = time.perf_counter()
    total = sum(1 for _ in read_mail(paths, 0))
    with bar("publishing", total if total > 1 else None, "messages") as advance:
        async with open_publisher(settings) as publisher:
            for found in _envelopes(paths, settings, wanted):
                if isinstance(found, Unreadable):
                    click.echo(f"Error: {found.name}: {found.reason}", err=True)
                    unreadable += 1
                    continue
                mail, envelope = found
                if wanted.rate:
                    due = started + count / wanted.rate
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                envelope = replace(envelope, received_at=envelope.received_at + shift)
                record = message_record(
                    topic, envelope, mail.raw, source="/weir/send", now=datetime.now(UTC)
                )
                names[envelope.id] = mail.name
                tell(await publisher.send(record))
                count += 1
                size += len(mail.raw)
                advance(1)
            tell(await publisher.flush())
    seconds = time.perf_counter() - started
    if not as_json:
        click.echo(
            f"{count:,} message{'s' * (count != 1)}, {size / 1e6:.1f} MB, "
            f"published to {topic} in {seconds:.1f} s"
            + (f"; {unreadable:,} could not be read" if unreadable else "")
        )
    return unreadable
