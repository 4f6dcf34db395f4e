"""`weir verdicts`: the topic of verdicts on the terminal, or as JSON for a program."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from apps.cli.options import as_json, config, read_settings, run
from apps.cli.rendering import Shown, clean, full, one_line, terminal_width
from detectors.actions import ACTIONS
from detectors.verdict import Verdict
from streams.settings import Settings

__all__ = ["verdicts"]

_DECODER = msgspec.json.Decoder(Verdict)


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "-n",
    "--last",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Begin with so many of the latest verdicts.",
)
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest verdict kept.")
@click.option(
    "--action",
    "actions",
    type=click.Choice(ACTIONS),
    multiple=True,
    help="Print only verdicts with this action; may be given more than once.",
)
@click.option(
    "--id",
    "identifier",
    metavar="ID|TOKEN",
    help="Print what was decided of one message, in full: the id of a rejection, or X-Weir-Id.",
)
@as_json
@config
def verdicts(
    config: Path | None,
    follow: bool,
    last: int,
    from_beginning: bool,
    actions: tuple[str, ...],
    identifier: str | None,
    as_json: bool,
) -> None:
    """Print the latest verdicts: time, action, score, class, From's domain, first reasons.

    With --json each line is a verdict's record as it lies in the topic (docs/topics/verdict.md).
    A verdict holds no subject and no address, so none is printed.

    \b
    Examples:
      weir verdicts --follow
      weir verdicts --follow --action reject --action quarantine
      weir verdicts --from-beginning --json | jq -r .action | sort | uniq -c
      weir verdicts --id 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11     why was it refused?

    \b
    Exit codes: 0 printed, 1 no verdict has the id of --id, 2 wrong settings, 4 Kafka could not be
    reached or the topic is missing, 130 Ctrl-C.
    """
    settings = read_settings(config)
    if identifier is not None:
        if follow or actions:
            raise click.UsageError("--id looks through all that is kept: no --follow or --action")
        sys.exit(run(_print_one(settings, identifier.strip(), as_json=as_json)))
    count = None if from_beginning else last
    run(_print(settings, count, follow=follow, actions=frozenset(actions), as_json=as_json))


async def _print(
    settings: Settings, last: int | None, *, follow: bool, actions: frozenset[str], as_json: bool
) -> None:
    from apps.cli.tail import tail
    from streams.topics import name

    async for record in tail(settings, name(settings, "verdicts"), last=last, follow=follow):
        verdict = _decode(record)
        if verdict is None or (actions and verdict.action not in actions):
            continue
        if as_json:
            _print_record(record)
        else:
            at = f"{verdict.received_at:%Y-%m-%d %H:%M:%S}"
            click.echo(f"{at}  {one_line(Shown(verdict, '', verdict.from_domain, ''))}")


async def _print_one(settings: Settings, said: str, *, as_json: bool) -> int:
    """Print every verdict of one message, oldest first; return 1 if there is none."""
    from apps.cli.tail import tail
    from streams.tokens import id_in
    from streams.topics import name

    wanted = id_in(said) or said
    code = 1
    async for record in tail(settings, name(settings, "verdicts"), last=None, follow=False):
        if wanted.encode() not in (record.value or b""):  # most needn't be read
            continue
        verdict = _decode(record)
        if verdict is None or verdict.id != wanted:
            continue
        code = 0
        if as_json:
            _print_record(record)
        else:
            at = f"{verdict.received_at:%Y-%m-%d %H:%M:%S}  {verdict.id}  {verdict.kind}"
            shown = Shown(verdict, at, verdict.from_domain, "(isn't kept in verdicts)")
            click.echo("\n".join(full(shown, terminal_width())))
    if code:
        click.echo(f"no verdict that is kept has the id {clean(wanted)}", err=True)
    return code


def _print_record(record: Any) -> None:
    sys.stdout.buffer.write(record.value + b"\n")
    sys.stdout.buffer.flush()


def _decode(record: Any) -> Verdict | None:
    try:
        return _DECODER.decode(record.value or b"")
    except msgspec.MsgspecError as error:
        place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
        click.echo(f"passed over {place}: not a verdict ({error})", err=True)
        return None
