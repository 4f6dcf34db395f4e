"""`weir check`: judge mail in this process, with the same core as the worker."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click
from msgspec.structs import replace

from apps.cli.failures import Code
from apps.cli.options import as_json, config, read_settings
from apps.cli.rendering import Shown, full
from apps.cli.summary import Summary
from apps.sources import STDIN, Mail, Unreadable, read_mail, total_bytes
from streams.settings import Settings

__all__ = ["check"]

_BATCH = 32


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE]...")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge with this policy file.  [default: policy.file, else the shipped one]",
)
@click.option(
    "--direction",
    type=click.Choice(["inbound", "outbound"]),
    default="inbound",
    show_default=True,
    help="Which way the mail goes.",
)
@click.option("--tenant", default="default", metavar="NAME", help="Whose policy applies.")
@click.option("--full", "in_full", is_flag=True, help="Print every verdict in full, many too.")
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many of the worst a summary lists.",
)
@as_json
@config
def check(
    config: Path | None,
    paths: tuple[str, ...],
    policy: Path | None,
    direction: str,
    tenant: str,
    in_full: bool,
    top: int,
    as_json: bool,
) -> None:
    """Judge mail here and now: no broker and no Redis are needed, nothing is sent anywhere.

    FILE is a message, an mbox, a Maildir, a folder (read recursively) or - for standard input.
    One message is answered with its verdict in full; many with a summary, the worst first.
    With --json each line is one verdict (docs/topics/verdict.md) with its "source" before it.

    The client, the sender and the time are taken from Return-Path, Delivered-To and the topmost
    Received field: a file has no envelope.

    \b
    Examples:
      weir check message.eml
      weir check ~/Maildir --top 50
      curl -s https://example.org/archive.mbox | weir check - --json | jq -r .action

    \b
    Exit codes:
      0  all judged, nothing to quarantine or worse
      1  at least one would be quarantined, deferred, rejected or discarded
      2  usage, settings or policy are wrong
      3  at least one input could not be read (the others were judged)
    """
    if not paths and sys.stdin.isatty():
        raise click.UsageError("name a file, an mbox, a Maildir or a folder, or - for stdin")
    paths = paths or (STDIN,)
    settings = read_settings(config)
    found = _judge(settings, policy, paths, direction, tenant)
    summary = Summary(top)
    if as_json:
        for item in found:
            summary.add(item)
            if isinstance(item, Unreadable):
                _complain(item)
            else:
                sys.stdout.buffer.write(_json_line(item))
        sys.stdout.buffer.flush()
    else:
        _print(summary, found, total=total_bytes(paths), in_full=in_full)
    sys.exit(_code(summary))


def _judge(
    settings: Settings, policy: Path | None, paths: Iterable[str], direction: str, tenant: str
) -> Iterator[Shown | Unreadable]:
    from apps.installation import open_judge
    from apps.received import content_id, envelope_of
    from features.envelope import Incoming

    judge = open_judge(settings, policy)
    now = datetime.now(UTC)
    mail = read_mail(paths, settings.topics.message_bytes)
    while batch := list(islice(mail, _BATCH)):
        readable = [item for item in batch if isinstance(item, Mail)]
        envelopes = [
            envelope_of(item, content_id(item.raw), now, judge.context.limits) for item in readable
        ]
        judged = iter(
            judge.judge(
                [
                    Incoming(replace(envelope, direction=direction, tenant=tenant), item.raw)
                    for envelope, item in zip(envelopes, readable, strict=True)
                ]
            )
        )
        for item in batch:
            if isinstance(item, Unreadable):
                yield item
                continue
            one = next(judged)
            headers = one.evidence.headers if one.evidence else None
            yield Shown(
                one.verdict,
                item.name,
                headers.from_raw if headers else "",
                headers.subject if headers else "",
                item.size,
            )


def _print(
    summary: Summary, found: Iterator[Shown | Unreadable], *, total: int | None, in_full: bool
) -> None:
    first = list(islice(found, 2))
    alone = len(first) == 1
    from apps.cli.progress import bar

    with bar("judging", None if alone else total) as advance:
        for item in (*first, *found):
            summary.add(item)
            if isinstance(item, Unreadable):
                _complain(item)
                continue
            advance(item.size)
            if alone or in_full:
                click.echo("\n".join(full(item)) + "\n" * (not alone))
    if not alone:
        for line in summary.lines():
            click.echo(line)


def _complain(item: Unreadable) -> None:
    click.echo(f"Error: {item.name}: {item.reason}", err=True)


def _json_line(shown: Shown) -> bytes:
    import orjson

    from detectors.record import encode

    source = orjson.dumps(shown.name.encode("utf-8", "backslashreplace").decode())
    return b'{"source":' + source + b"," + encode(shown.verdict)[1:] + b"\n"


def _code(summary: Summary) -> Code:
    if summary.unreadable:
        return Code.INPUT
    return Code.NO if summary.bad else Code.OK
