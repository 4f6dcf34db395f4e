"""`weir deadletter`: look at what broke the pipeline, and give it another chance."""

import sys
from pathlib import Path

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings, run
from apps.deadletters import DeadLetter, read_letter, requeued
from streams.settings import Settings

__all__ = ["deadletter"]


@click.group()
def deadletter() -> None:
    """Look at dead letters: mail that broke the pipeline and got a degraded verdict, bad labels.

    A dead letter holds the original bytes and headers, where they lay, and what broke. It is
    named by its offset in the dead-letter topic.

    \b
    Examples:
      weir deadletter list
      weir deadletter show 3 --raw > broken.eml
      weir deadletter requeue 3 4 5
      weir deadletter requeue --all
    """


@deadletter.command(name="list", short_help="All dead letters, the oldest first.")
@as_json
@config
def list_(config: Path | None, as_json: bool) -> None:
    """List all dead letters that the topic still holds, the oldest first.

    \b
    Exit codes: 0 listed (also if there is none), 2 wrong settings, 4 Kafka could not be reached.
    """
    letters = run(_read(read_settings(config)))
    if as_json:
        import orjson

        for letter in letters:
            click.echo(orjson.dumps(_as_object(letter)))
        return
    from apps.cli.rendering import clean

    for letter in letters:
        click.echo(
            f"{letter.offset:6}  {letter.at:%Y-%m-%d %H:%M:%S}  {letter.origin}  "
            f"{len(letter.value):,} B  {clean(letter.error, 100)}"
        )
    if not letters:
        click.echo("No dead letters.")


@deadletter.command(short_help="One dead letter: where it lay, what broke.")
@click.argument("offset", type=click.IntRange(min=0))
@click.option("--raw", is_flag=True, help="Write the original bytes and nothing else.")
@as_json
@config
def show(config: Path | None, offset: int, raw: bool, as_json: bool) -> None:
    """Show one dead letter: where it lay, what broke, its headers and the start of its bytes.

    \b
    Exit codes: 0 shown, 1 there is no such dead letter, 2 wrong settings, 4 Kafka could not be
    reached.
    """
    letter = _find(run(_read(read_settings(config))), offset)
    if raw:
        sys.stdout.buffer.write(letter.value)
        sys.stdout.buffer.flush()
        return
    if as_json:
        import orjson

        click.echo(orjson.dumps(_as_object(letter), option=orjson.OPT_INDENT_2))
        return
    from apps.cli.rendering import clean

    click.echo(f"offset   {letter.offset}")
    click.echo(f"at       {letter.at:%Y-%m-%d %H:%M:%S} UTC")
    click.echo(f"origin   {letter.origin} (topic:partition:offset)")
    click.echo(f"error    {clean(letter.error)}")
    for key, value in letter.headers:
        click.echo(f"header   {clean(key)}: {clean(value.decode('utf-8', 'backslashreplace'))}")
    click.echo(f"bytes    {len(letter.value):,}")
    for line in letter.value[:2000].decode("utf-8", "backslashreplace").splitlines()[:20]:
        click.echo(f"  {clean(line, 96)}")


@deadletter.command(short_help="Put dead letters back where they lay.")
@click.argument("offsets", type=click.IntRange(min=0), nargs=-1, metavar="[OFFSET]...")
@click.option("--all", "every", is_flag=True, help="Requeue all dead letters of the topic.")
@config
def requeue(config: Path | None, offsets: tuple[int, ...], every: bool) -> None:
    """Put dead letters back to where they came from, as they were.

    Messages go to the mail log, and their new verdicts are revisions; labels go to theirs.
    Mend first what broke them, or they come back. The dead-letter topic keeps them until its
    retention ends, so a letter can be requeued twice.

    \b
    Exit codes: 0 requeued, 1 there is no such dead letter, 2 usage or settings, 4 Kafka could not
    be reached.
    """
    if bool(offsets) == every:
        raise click.UsageError("name dead letters by their offsets, or give --all")
    settings = read_settings(config)
    letters = run(_read(settings))
    chosen = letters if every else [_find(letters, offset) for offset in dict.fromkeys(offsets)]
    run(_requeue(settings, chosen))
    click.echo(f"{len(chosen):,} requeued")


def _find(letters: list[DeadLetter], offset: int) -> DeadLetter:
    for letter in letters:
        if letter.offset == offset:
            return letter
    held = f"{letters[0].offset} to {letters[-1].offset}" if letters else "none"
    raise Failure(f"no dead letter at offset {offset}; held: {held}", Code.NO)


async def _read(settings: Settings) -> list[DeadLetter]:
    from apps.subscriber.flow import kept

    return [read_letter(record) async for record in kept(settings, "deadletter")]


async def _requeue(settings: Settings, letters: list[DeadLetter]) -> None:
    from apps.publishing import open_publisher

    async with open_publisher(settings) as publisher:
        for letter in letters:
            await publisher.send(requeued(letter, settings))


def _as_object(letter: DeadLetter) -> dict[str, object]:
    return {
        "offset": letter.offset,
        "at": letter.at,
        "origin": letter.origin,
        "error": letter.error,
        "key": None if letter.key is None else letter.key.decode("utf-8", "backslashreplace"),
        "bytes": len(letter.value),
        "headers": {k: v.decode("utf-8", "backslashreplace") for k, v in letter.headers},
    }
