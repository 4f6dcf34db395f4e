"""`weir verdicts`: the topic of verdicts on the terminal, or as JSON for a program."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from apps.cli.moment import Moment
from apps.cli.options import as_json, config, read_settings, run
from apps.cli.rendering import Shown, clean, full, one_line, terminal_width
from apps.cli.where import condition, where
from detectors.actions import ACTIONS
from detectors.signals import AbuseClass
from features.envelope import Direction
from streams.settings import Settings

if TYPE_CHECKING:
    from apps.subscriber.condition import Condition
    from apps.subscriber.received import Received
    from apps.subscriber.subscription import Delivered
    from apps.subscriber.wanted import Wanted

__all__ = ["verdicts"]


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
    "--since",
    type=Moment(),
    metavar="TIME",
    help="Begin with those that came then or later: 36h, 7d, a date (UTC).",
)
@click.option(
    "--group",
    default="",
    metavar="NAME",
    help="Go on where this consumer group stopped, and keep what was printed as done.",
)
@click.option(
    "--action",
    "actions",
    type=click.Choice(ACTIONS),
    multiple=True,
    help="Print only verdicts with this action; may be given more than once, as those below.",
)
@click.option(
    "--class", "classes", type=click.Choice(get_args(AbuseClass)), multiple=True, help="This class."
)
@click.option("--tenant", "tenants", multiple=True, metavar="NAME", help="This tenant's mail.")
@click.option(
    "--direction",
    "directions",
    type=click.Choice(get_args(Direction)),
    multiple=True,
    help="Mail that goes this way.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(("judged", "fallback", "revised")),
    multiple=True,
    help="Judged by a worker, by the hook alone, or anew.",
)
@where
@click.option(
    "--id",
    "identifier",
    metavar="ID|TOKEN",
    help="Print what was decided of one message, in full: the id of a rejection, or X-Weir-Id.",
)
@as_json
@config
def verdicts(  # noqa: PLR0913, PLR0917 - an option each
    config: Path | None,
    follow: bool,
    last: int,
    from_beginning: bool,
    since: datetime | None,
    group: str,
    actions: tuple[str, ...],
    classes: tuple[str, ...],
    tenants: tuple[str, ...],
    directions: tuple[str, ...],
    kinds: tuple[str, ...],
    where: str | None,
    identifier: str | None,
    as_json: bool,
) -> None:
    """Print the latest verdicts: time, action, score, class, From's domain, first reasons.

    With --json each line is a verdict's record as it lies in the topic (docs/topics/verdict.md).
    A verdict holds no subject and no address, so none is printed. --last counts before anything
    is chosen. With --group it is a subscriber: each verdict is printed once, also across restarts;
    a new group begins at --since, else with the oldest.

    \b
    Examples:
      weir verdicts --follow
      weir verdicts --follow --action reject --action quarantine
      weir verdicts --since 24h --where 'class == "phish" && spf == "pass"'
      weir verdicts --follow --json --group siem | logger -t weir
      weir verdicts --from-beginning --json | jq -r .action | sort | uniq -c
      weir verdicts --id 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11     why was it refused?

    \b
    Exit codes: 0 printed, 1 no verdict has the id of --id, 2 wrong settings or condition, 4 Kafka
    could not be reached or the topic is missing, 130 Ctrl-C.
    """
    from apps.subscriber.wanted import wanted

    holds = condition(where)
    settings = read_settings(config)
    chosen = wanted(
        action=actions or None,
        class_=classes or None,
        tenant=tenants or None,
        direction=directions or None,
        kind=kinds or None,
    )
    if identifier is not None:
        if follow or holds or group or any(chosen):
            raise click.UsageError(
                "--id looks through all that is kept: no --follow, --group or choice beside it"
            )
        sys.exit(run(_print_one(settings, identifier.strip(), as_json=as_json)))
    printer = _Printer(chosen, holds, as_json=as_json)
    if group or since or from_beginning:
        run(_print(settings, printer, group=group, since=since, follow=follow))
    else:
        run(_print_last(settings, printer, last, follow=follow))
    if printer.failed:
        click.echo(f"--where failed on {printer.failed:,} verdicts, which aren't printed", err=True)


class _Printer:
    """Prints verdicts that are wanted."""

    def __init__(self, chosen: "Wanted", holds: "Condition | None", *, as_json: bool) -> None:
        self._chosen, self._holds, self._as_json = chosen, holds, as_json
        self.failed = 0

    def __call__(self, found: "Delivered") -> None:
        verdict = found.verdict
        if not self._chosen(verdict):
            return
        if self._holds is not None:
            answer = self._holds.holds(verdict)
            self.failed += answer is None
            if not answer:
                return
        if self._as_json:
            _print_record(found.record)
        else:
            at = f"{verdict.received_at:%Y-%m-%d %H:%M:%S}"
            click.echo(f"{at}  {one_line(Shown(verdict, '', verdict.from_domain, ''))}")


async def _print(
    settings: Settings,
    show: "Callable[[Delivered], None]",
    *,
    group: str,
    since: datetime | None,
    follow: bool,
) -> None:
    """Print verdicts as they come, by partition."""
    from apps.subscriber.subscription import deliveries

    async for found in deliveries(
        settings, group=group, since=since, follow=follow, passed_over=_passed_over
    ):
        show(found)


async def _print_last(
    settings: Settings, show: "Callable[[Delivered], None]", last: int, *, follow: bool
) -> None:
    """Print the latest verdicts by the time the log took them, and then those that come."""
    from apps.subscriber.subscription import deliveries

    held: list[Delivered] | None = []

    def caught_up() -> None:
        nonlocal held
        ordered = sorted(held or (), key=lambda found: found.record.appended_ms)
        held = None
        for found in ordered[-last:] if last else ():
            show(found)

    async for found in deliveries(
        settings, last=last, follow=follow, passed_over=_passed_over, caught_up=caught_up
    ):
        if held is not None:
            held.append(found)
        else:
            show(found)


async def _print_one(settings: Settings, said: str, *, as_json: bool) -> int:
    """Print every verdict of one message, oldest first; return 1 if there is none."""
    import msgspec

    from apps.subscriber.flow import kept
    from detectors.record import decode
    from streams.tokens import id_in

    wanted = id_in(said) or said
    code = 1
    async for record in kept(settings, "verdicts"):
        if wanted.encode() not in record.value:  # most needn't be read
            continue
        try:
            verdict = decode(record.value)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            _passed_over(record, str(error))
            continue
        if verdict.id != wanted:
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


def _print_record(record: "Received") -> None:
    sys.stdout.buffer.write(record.value + b"\n")
    sys.stdout.buffer.flush()


def _passed_over(record: "Received", why: str) -> None:
    place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
    click.echo(f"passed over {place}: not a verdict ({clean(why)})", err=True)
