"""`weir sql`: questions to the archive in SQL."""

import re
import sys
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings
from apps.cli.rendering import clean

if TYPE_CHECKING:
    from apps.analysis.sql import Answer
    from apps.analysis.tables import Tables
    from apps.subscriber.recorded import Unread

__all__ = ["sql"]

_SIZE: Final = re.compile(r"[1-9][0-9]{0,5} ?[MG]i?B", re.ASCII | re.IGNORECASE)
_FIRST: Final = 1_000  # rows before the first is printed: until then a damaged file can be left out


class _Size(click.ParamType):
    """An amount of memory as DuckDB writes it."""

    name = "size"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is; fails with what is allowed."""
        if not _SIZE.fullmatch(value):
            self.fail(f"{value!r}; allowed: a number of MB or GB (500MB, 2GB)", param, ctx)
        return value


@click.command()
@click.argument("question", required=False)
@click.option(
    "--file",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="Read the question from a file; - is standard input.",
)
@click.option(
    "--source",
    default="",
    metavar="SOURCE",
    help="Another archive: archive:URL, or its folder.  [default: archive.url]",
)
@click.option(
    "--memory",
    type=_Size(),
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="The most memory that a question may take.",
)
@as_json
@config
def sql(
    config: Path | None,
    question: str | None,
    file: click.utils.LazyFile | None,
    source: str,
    memory: str,
    as_json: bool,
) -> None:
    """Ask the archive in SQL (DuckDB's); without a QUESTION print the views and their columns.

    Views: verdicts (one row a message: what is in force), records (all that lay in the topic),
    signals, labels, labelled, daily. Only questions are answered: nothing can be written, and
    nothing but the archive can be read, no file and no network. Name a date where you can: a day's
    files are all that is opened then. Ready questions: docs/questions.md.

    With --json each line is a row.

    \b
    Examples:
      weir sql
      weir sql "SELECT action, count(*) FROM verdicts GROUP BY action"
      weir sql "FROM daily WHERE date >= current_date - 7 ORDER BY date"
      weir sql "SELECT signal, count(*) FROM signals WHERE date = '2025-11-20' GROUP BY ALL"
      weir sql --file question.sql --json | jq .from_domain

    \b
    Exit codes: 0 answered, 2 the question or a setting is wrong (line and column are told),
    3 the archive, or a file of it, could not be read (the rest was asked), 130 Ctrl-C.
    """
    from apps.analysis.bounded import bounded
    from apps.analysis.damage import over
    from apps.analysis.opening import open_archive
    from apps.analysis.sql import SqlError

    if question and file:
        raise click.UsageError("a QUESTION and --file given; one of them is asked")
    text = file.read() if file else question
    unread: list[Unread] = []
    archive = open_archive(read_settings(config), source, unread.append)
    try:
        if text is None:
            click.echo("\n".join(over(archive, _views, unread.append)))
        else:
            asked = text
            with bounded(memory):
                answer = over(archive, lambda t: _begun(t, asked), unread.append, memory=memory)
                _print(answer, as_json=as_json)
    except SqlError as error:
        raise Failure(f"SQL: {clean(str(error))}", Code.USAGE) from None
    except MemoryError:
        said = f"the answer needs more than the {memory} of memory that it may take"
        raise Failure(f"SQL: {said}", Code.USAGE) from None
    for each in unread:
        click.echo(f"passed over {clean(each.place)}: {clean(each.reason)}", err=True)
    if unread:
        sys.exit(Code.INPUT)


def _begun(tables: "Tables", question: str) -> "Answer":
    from apps.analysis.sql import ask

    answer = ask(tables.duckdb, question)
    first = list(islice(answer.rows, _FIRST))
    return answer._replace(rows=chain(first, answer.rows))


def _print(answer: "Answer", *, as_json: bool) -> None:
    from apps.cli.grid import grid, json_lines

    if as_json:
        for row in json_lines(answer.columns, answer.rows):
            sys.stdout.buffer.write(row + b"\n")
        sys.stdout.buffer.flush()
        return
    for line in grid(answer.columns, answer.rows):
        click.echo(line)


def _views(tables: "Tables") -> "list[str]":
    from apps.analysis.sql import ask
    from apps.analysis.views import VIEWS

    lines = []
    for name, view in VIEWS.items():
        columns = ask(tables.duckdb, f"DESCRIBE {name}").rows
        lines += [click.style(name, bold=True), f"  {view.what}"]
        lines += [f"    {column:18} {kind.lower()}" for column, kind, *_ in columns]
    return lines
