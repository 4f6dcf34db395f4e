"""`weir synthesize`: invented mail into a folder, to train on or to try things with."""

from pathlib import Path

import click

__all__ = ["synthesize"]


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for fraud/*.eml and honest/*.eml; made where it isn't there.",
)
@click.option(
    "--messages",
    type=click.IntRange(1, 1_000_000),
    default=1_000,
    show_default=True,
    metavar="N",
    help="Messages of each kind.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, other mail.")
@click.option("--only", type=click.Choice(("fraud", "honest")), help="One kind alone.")
def synthesize(out: Path, messages: int, seed: int, only: str | None) -> None:
    """Write invented mail: fraud of many kinds, and honest mail that looks like it.

    Messages are made from scenarios (a parcel fee, a full mailbox; a receipt, a password reset
    that was asked for) in eleven languages. HTML, headers and attachments of both kinds come from
    the same builders, so that only what is claimed, by whom, and where the links lead tells them
    apart. Companies, people and shops are invented; brands are those of the brand table. Every
    scenario comes equally often; the same seed gives the same bytes; no real mail is in it.

    The mail belongs to the project and has its license. It helps a classifier where fraud of
    today is scarce; it is no measure of how good a detector is, as it knows only what its makers
    thought of.

    \b
    Examples:
      weir synthesize --out invented --messages 2000 --seed 7
      weir check invented/fraud
      weir train --ham ~/Maildir/cur --ham invented/honest --spam invented/fraud --out model

    \b
    Exit codes:
      0  written
      2  usage
    """  # noqa: D301 - click reads the backspace character itself
    from apps.synthesis.generate import invent  # noqa: PLC0415 - `--help` does without
    from apps.synthesis.scenarios import Label  # noqa: PLC0415 - the same

    labels: tuple[Label, ...] = ("fraud", "honest")
    for label in labels:
        if only not in {None, label}:
            continue
        folder = out / label
        folder.mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(invent(label, messages, seed)):
            path = folder / f"{number:06}-{message.scenario}-{message.language}.eml"
            path.write_bytes(message.raw)
        click.echo(f"{folder}: {messages:,} messages")
