"""`weir label`: say what a message was, take it back, and see what became of it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from apps.cli.options import as_json, config, read_settings, run
from models.label import TRUTHS, Source, Truth

if TYPE_CHECKING:
    from apps.cli.labelled import Shown
    from apps.labels.intake import Candidate, Refused, Wanted
    from features.context import Context
    from streams.settings import Settings

__all__ = ["label"]

_HANDED_IN = ("analyst", "trap", "report", "rescue")


@click.command()
@click.argument("what", nargs=-1, metavar="ID|TOKEN|FILE... [TRUTH]")
@click.option(
    "--source",
    type=click.Choice(_HANDED_IN),
    help="Who says it.  [default: analyst; report or rescue where a report is read]",
)
@click.option(
    "--reporter",
    metavar="ADDRESS",
    help="Who in person; kept as a keyed hash.  [default: a report's sender, else who runs this]",
)
@click.option(
    "--tenant", default="default", show_default=True, metavar="NAME", help="Whose mail it is."
)
@click.option(
    "--as",
    "read_as",
    type=click.Choice(["auto", "report", "message"]),
    default="auto",
    show_default=True,
    help="Whether a FILE is a report on what it encloses, or the message itself.",
)
@click.option("--retract", is_flag=True, help="Take labels back, of which the effect then goes.")
@click.option("--status", is_flag=True, help="Tell how far labels have come.")
@click.option("--disputed", is_flag=True, help="List the messages whose labels need an analyst.")
@click.option("--token", is_flag=True, help="Print the tokens of messages (X-Weir-Id).")
@click.option(
    "--wait",
    type=click.FloatRange(min=0, max=3600),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for the learner, and tell how far the labels came.",
)
@as_json
@config
def label(  # noqa: PLR0913, PLR0917 - click: one argument for each option
    config: Path | None,
    what: tuple[str, ...],
    source: Literal["analyst", "trap", "report", "rescue"] | None,
    reporter: str | None,
    tenant: str,
    read_as: Literal["auto", "report", "message"],
    retract: bool,
    status: bool,
    disputed: bool,
    token: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Say what messages were: spam, phish, malware, bulk, ham or unwanted (by one recipient).

    A message is named by its id (`weir verdicts --json`), by its token (X-Weir-Id) or by a file
    that holds it: a message, an mbox, a Maildir, a folder, - for standard input. A file may also be
    an abuse report (ARF), whose type says what the message was, a hard bounce, or a mail that
    encloses the messages (with --as report).

    What a report brings back is found by its token, else by the Message-ID of a message judged in
    the last 3 days. Any other is learned as a bare message if an analyst or a trap says so, and
    refused from everybody else. What a label may teach depends on its source (docs/policy.md).

    \b
    Examples:
      weir label 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11 spam
      weir label report.eml                            an abuse report: it says by itself
      weir label --as report forwarded.eml phish --reporter anna@our.example
      weir label ~/Maildir/.Junk spam --source report --reporter anna@our.example
      weir label 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11 ham --wait 10
      weir label --status 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11
      weir label --retract 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11
      weir label --token 01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11
      weir label --disputed                            what only an analyst can decide

    --status and --retract take ids of labels, too. With --json each label is a line.

    \b
    Exit codes: 0 all published (or told), 1 at least one was refused or isn't known, 2 usage or
    settings are wrong, 3 at least one input could not be read, 4 Kafka or Redis could not be
    reached or a topic is missing.
    """
    from apps.cli.labelled import Shown

    if retract + status + token + disputed > 1:
        raise click.UsageError("--retract, --status, --disputed, --token; allowed: one of them")
    if disputed == bool(what):
        said = "goes without a message" if disputed else "is given for no message"
        raise click.UsageError(f"{'--disputed' if disputed else 'a label'} {said}; see --help")
    if disputed:
        shown = Shown(as_json=as_json)
        run(_disputed(read_settings(config), tenant, shown))
        sys.exit(shown.code)
    given, truth = _split(what)
    if not (truth or retract or status or token):
        _last_is_a_file(given[-1])
    settings = read_settings(config)
    shown = Shown(as_json=as_json)
    if truth and (retract or status or token):
        raise click.UsageError(f"{truth!r} says what a message was; it goes without a flag")
    if token:
        run(_tokens(settings, given, tenant, shown))
    elif status:
        run(_statuses(settings, given, tenant, shown))
    else:
        wanted = _Options(truth, source, reporter, read_as, retracts=retract)
        run(_give(settings, given, wanted, tenant, wait, shown))
    sys.exit(shown.code)


class _Options(NamedTuple):
    """What the command line says of every message, as given."""

    truth: Truth | None
    source: Source | None
    reporter: str | None
    read_as: Literal["auto", "report", "message"]
    retracts: bool


def _split(what: tuple[str, ...]) -> tuple[tuple[str, ...], Truth | None]:
    """Part the truth from what it is said of: it stands last (a file of that name: ./spam)."""
    truth = next((it for it in TRUTHS if it == what[-1]), None)
    given = what[:-1] if truth else what
    if not given:
        raise click.UsageError(
            f"{truth} is what a message was; say of which: ID, TOKEN or FILE (a file: ./{truth})"
        )
    return given, truth


def _last_is_a_file(last: str) -> None:
    """Take what stands where a truth is missing for one that is misspelt."""
    if last != "-" and not os.path.exists(last):  # noqa: PTH110 - Path raises for what is too long
        raise click.UsageError(
            f"{last!r} is no file and no truth; after what it is said of comes one of: "
            f"{', '.join(TRUTHS)}"
        )


def _operator() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        return ""


async def _give(
    settings: "Settings",
    given: tuple[str, ...],
    options: _Options,
    tenant: str,
    wait: float,
    shown: "Shown",
) -> None:
    from apps.labels.desk import open_desk
    from apps.labels.giving import Said, give, publish
    from apps.labels.heard import given_label
    from apps.labels.intake import Wanted, reporter_hash
    from apps.publishing import open_publisher
    from streams.label_records import retraction
    from streams.topics import check, name

    await check(settings)  # a producer would wait for a missing topic until it times out
    topic = name(settings, "labels")
    async with open_desk(settings, tenant) as desk, open_publisher(settings) as publisher:
        wanted = Wanted(
            options.truth,
            options.source,
            reporter_hash(options.reporter or "", desk.context),
            reporter_hash(_operator(), desk.context),
            options.read_as,
            options.retracts,
        )
        left = list(given)
        if options.retracts:
            for argument in given:
                if (known := await given_label(desk.counted, argument, tenant)) is not None:
                    left.remove(argument)
                    taken = retraction(known, datetime.now(UTC))
                    said = Said(argument, taken, taken.of.id or "")
                    await publish(publisher, topic, [said], shown.tell)
        with _items(left, wanted, desk.context) as items:
            await give(
                publisher,
                desk.finder,
                topic,
                items,
                shown.tell,
                tenant=tenant,
                retracts=desk.counted if options.retracts else None,
            )
        shown.summary(topic)
        if wait:
            await desk.wait(shown.labels, wait)
            shown.statuses(await desk.statuses(shown.labels), given=True)


@contextmanager
def _items(
    given: list[str], wanted: "Wanted", context: "Context"
) -> "Iterator[Iterator[Candidate | Refused]]":
    """Yield what is said of messages, lazily, with a bar where there are many files."""
    from apps.cli.progress import bar
    from apps.labels.intake import Unread, candidates_of, named
    from apps.labels.reading import limits_of_reports
    from apps.sources import Unreadable, read_mail, total_bytes

    limits = limits_of_reports(context.limits)
    paths = [argument for argument in given if named(argument, wanted) is None]
    total = total_bytes(paths) if paths else None
    with bar("reading", total) as advance:

        def items() -> "Iterator[Candidate | Refused]":
            for argument in given:
                if (found := named(argument, wanted)) is not None:
                    yield found
                    continue
                for mail in read_mail([argument], limits.message_bytes):
                    if isinstance(mail, Unreadable):
                        yield Unread(mail.name, mail.reason)
                        continue
                    advance(mail.size)
                    yield from candidates_of(mail, wanted, context, limits)

        yield items()


async def _statuses(
    settings: "Settings", given: tuple[str, ...], tenant: str, shown: "Shown"
) -> None:
    from apps.labels.desk import open_desk

    async with open_desk(settings, tenant) as desk:
        shown.statuses(await desk.statuses(given, operator=_operator()))


async def _disputed(settings: "Settings", tenant: str, shown: "Shown") -> None:
    from apps.labels.desk import open_desk
    from apps.labels.disputed import disputed

    async with open_desk(settings, tenant) as desk:
        found = [each async for each in disputed(desk.counted, tenant)]
    shown.disputed(sorted(found, key=lambda each: each.last))


async def _tokens(
    settings: "Settings", given: tuple[str, ...], tenant: str, shown: "Shown"
) -> None:
    from apps.labels.desk import open_desk

    async with open_desk(settings, tenant) as desk:
        for ident, token in zip(given, await desk.tokens(given), strict=True):
            shown.token(ident, token)
