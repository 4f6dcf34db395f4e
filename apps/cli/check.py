"""`weir check`: judge mail in this process, with the same core as the worker."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli.failures import Code
from apps.cli.options import as_json, config, direction, read_settings, tenant
from apps.cli.rendering import clean, full, terminal_width
from apps.cli.summary import Summary
from apps.sources import STDIN, Unreadable, total_bytes

if TYPE_CHECKING:  # heavy: loaded where mail is judged
    from apps.cli.judging import Answer
    from detectors.explaining import Explainer
    from detectors.judging import Judge

__all__ = ["check"]

_UNWATCHED = 100  # columns of an explanation where no terminal is


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE]...")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge with this policy file.  [default: policy.file, else the shipped one]",
)
@direction
@tenant
@click.option("--full", "in_full", is_flag=True, help="Print every verdict in full, many too.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say of every signal what it found, what it weighs and why it counts so much.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Explain this signal or group alone; may be given more than once.",
)
@click.option(
    "--top",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many of the worst a summary lists.",
)
@as_json
@config
def check(  # noqa: PLR0913, PLR0917 - click passes each option as an argument
    config: Path | None,
    paths: tuple[str, ...],
    policy: Path | None,
    direction: str,
    tenant: str,
    in_full: bool,
    explain: bool,
    only: tuple[str, ...],
    top: int,
    as_json: bool,
) -> None:
    """Judge mail here and now: no broker and no Redis are needed, nothing is sent anywhere.

    FILE is a message, an mbox, a Maildir, a folder (read recursively) or - for standard input.
    One message is answered with its verdict in full; many with a summary, the worst first.
    With --json each line is one verdict (docs/topics/verdict.md) with its "source" before it.

    --explain shows how each verdict came about: every signal that was tried, what it weighs, what
    of that counts and why, and what the signals and rules in shadow or draft would have done. With
    --json each line is one explanation (docs/topics/explanation.md).

    The client, the sender and the time are taken from Return-Path, Delivered-To and the topmost
    Received field: a file has no envelope.

    \b
    Examples:
      weir check message.eml
      weir check message.eml --explain
      weir check message.eml --only links --policy tried.toml
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
    if only:
        _known(only)
    paths = paths or (STDIN,)
    settings = read_settings(config)
    from apps.cli.judging import judge_mail
    from apps.installation import open_judge

    core = open_judge(settings, policy)
    answers = judge_mail([core], settings, paths, direction=direction, tenant=tenant)
    explainer = _explainer(core) if explain or only else None
    summary = Summary(top)
    if as_json:
        _write(summary, answers, explainer, only)
    else:
        total = total_bytes(paths)
        _print(summary, answers, explainer, only, total=total, in_full=in_full)
    sys.exit(_code(summary))


def _explainer(core: "Judge") -> "Explainer":
    from detectors.explaining import Explainer

    return Explainer(core)


def _known(only: Iterable[str]) -> None:
    """Raise UsageError for what is neither a signal nor a group, with the nearest that is."""
    from detectors.catalogue import SPECS
    from detectors.margins import LEARNED
    from detectors.nearest import meant
    from detectors.stack import shipped_stack

    groups = {spec.group for spec in SPECS.values()}
    names = {*shipped_stack().speaks_for, *groups, LEARNED}
    for name in only:
        if name not in names:
            hint = meant(name, names, "--explain alone shows all")
            raise click.UsageError(f"--only {name}: no such signal or group; {hint}")


def _write(
    summary: Summary,
    answers: "Iterator[Answer | Unreadable]",
    explainer: "Explainer | None",
    only: tuple[str, ...],
) -> None:
    """Write one line of JSON a message."""
    from detectors.explaining import restricted
    from detectors.record import encode

    for item in answers:
        if isinstance(item, Unreadable):
            summary.add(item)
            _complain(item)
            continue
        shown = item.shown()
        summary.add(shown)
        _tell_of_faults(item)
        record = encode(shown.verdict)
        if explainer is not None:
            explanation = explainer.explain(item.incoming, item.judged[0])
            record = encode(restricted(explanation, only))
        sys.stdout.buffer.write(_json_line(shown.name, record))
    sys.stdout.buffer.flush()


def _print(
    summary: Summary,
    answers: "Iterator[Answer | Unreadable]",
    explainer: "Explainer | None",
    only: tuple[str, ...],
    *,
    total: int | None,
    in_full: bool,
) -> None:
    first = list(islice(answers, 2))
    alone = len(first) == 1
    from apps.cli.progress import bar

    with bar("judging", None if alone else total) as advance:
        for item in (*first, *answers):
            if isinstance(item, Unreadable):
                summary.add(item)
                _complain(item)
                continue
            shown = item.shown()
            summary.add(shown)
            advance(item.size)
            _doubt(summary, item, aloud=alone or in_full)
            _tell_of_faults(item)
            if explainer is not None:
                from apps.cli.explained import page

                explanation = explainer.explain(item.incoming, item.judged[0])
                said = page(shown, explanation, terminal_width() or _UNWATCHED, only)
                click.echo(said + "\n" * (not alone))
            elif alone or in_full:
                click.echo("\n".join(full(shown, terminal_width())) + "\n" * (not alone))
    if not alone:
        for line in summary.lines(terminal_width()):
            click.echo(line)


def _complain(item: Unreadable) -> None:
    click.echo(f"Error: {item.name}: {item.reason}", err=True)


def _doubt(summary: Summary, answer: "Answer", *, aloud: bool) -> None:
    """Note what is probably no message at all; `aloud` says so on standard error at once."""
    evidence = answer.judged[0].evidence
    if evidence is not None and not evidence.message.headers:
        summary.headless += 1
        if aloud:
            click.echo(f"Note: {clean(answer.name)}: no header: is this a message?", err=True)


def _tell_of_faults(answer: "Answer") -> None:
    """Say on standard error what broke in Weir itself: the verdict only names the part."""
    judged = answer.judged[0]
    for fault in (*((judged.error,) if judged.error else ()), *judged.faults):
        click.echo(f"Fault in Weir: {clean(answer.name)}: {clean(fault)}", err=True)


def _json_line(name: str, record: bytes) -> bytes:
    import orjson

    source = orjson.dumps(name.encode("utf-8", "backslashreplace").decode())
    return b'{"source":' + source + b"," + record[1:] + b"\n"


def _code(summary: Summary) -> Code:
    if summary.unreadable:
        return Code.INPUT
    return Code.NO if summary.bad else Code.OK
