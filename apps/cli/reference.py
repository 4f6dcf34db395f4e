"""The reference of all commands as Markdown, made from their own help: docs/cli.md."""

import inspect
from collections.abc import Iterator

import click

from apps.cli.main import weir

__all__ = ["reference"]

_HEAD = """# The command `weir`

Made from the commands' own help by `python -m apps.cli.reference > docs/cli.md`; a test holds
this page to it.
"""


def reference() -> str:
    """Return the page: a section for each command, with its options and exit codes."""
    return "\n".join([_HEAD, *_sections(weir, ("weir",))])


def _sections(command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(command)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    if isinstance(command, click.Group):
        arguments.append("COMMAND ...")
    name = " ".join(path)
    yield f"{'#' * (len(path) + 1)} `{name}`\n"
    yield f"    {' '.join([name, '[OPTIONS]', *arguments])}\n"
    for text in (command.help, command.epilog):
        if text:
            yield from _prose(inspect.cleandoc(text))
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        yield "| option | what |\n| --- | --- |"
        yield from (_row(option, context) for option in options)
        yield ""
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _sections(found, (*path, child))


def _prose(text: str) -> Iterator[str]:
    """Yield paragraphs; those that click is told not to wrap become blocks as they are."""
    for paragraph in text.split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0] == "\b":
            yield "```text\n" + "\n".join(lines[1:]) + "\n```\n"
        else:
            yield paragraph + "\n"


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None, f"{option.name} is hidden"
    names, what = (column.replace("|", "\\|") for column in record)
    return f"| `{names}` | {what} |"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
