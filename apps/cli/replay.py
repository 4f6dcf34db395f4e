"""`weir replay`: recorded verdicts judged again, the same, otherwise, or from the mail alone."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Literal

import click

from apps.cli.options import as_json, config, read_settings
from apps.replay.request import Mode, Request, WhatIf

__all__ = ["replay"]

_WAYS: dict[Mode, str] = {
    "verify": "apps.replay.verify_command",
    "what-if": "apps.replay.what_if_command",
    "re-live": "apps.replay.relive_command",
}
"""Modules with `run(request) -> int`, which returns the exit code."""

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(["verify", "what-if", "re-live"]),
    default="what-if",
    show_default=True,
    help="The same again; from the same readings, but otherwise; or from the mail alone.",
)
@click.option("--policy", type=_FILE, metavar="FILE", help="What-if: under this policy.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME@VERSION|FILE",
    help="What-if: with this model in the place of the one of that name.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="[DIRECTION.][CLASS.]ACTION=SCORE",
    help="What-if: take this action from that score on.",
)
@click.option("--without", multiple=True, metavar="SIGNAL", help="What-if: as if it never spoke.")
@click.option(
    "--rule", "rules", multiple=True, metavar="[ACTION:]CEL", help="What-if: with this rule first."
)
@click.option(
    "--against",
    type=_FILE,
    metavar="FILE",
    help="What-if: compare with what this policy would have said, not with what was recorded.",
)
@click.option(
    "--learning/--no-learning",
    default=False,
    help="Re-live: learn from the labels of the source, from nothing.",
)
@click.option("-o", "--out", type=_FILE, metavar="FILE", help="Write the result here, as JSON.")
@click.option("--report", type=_FILE, metavar="FILE", help="Write an HTML report here.")
@click.option("--resume", is_flag=True, help="Go on where a run with the same --out was stopped.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, help="So many processes."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Spread verify and what-if over a Spark cluster (weir[spark]).",
)
@as_json
@config
def replay(  # noqa: PLR0913 - the options of a command
    *,
    config: Path | None,
    sources: tuple[str, ...],
    mode: Mode,
    policy: Path | None,
    models: tuple[str, ...],
    thresholds: tuple[str, ...],
    without: tuple[str, ...],
    rules: tuple[str, ...],
    against: Path | None,
    learning: bool,
    out: Path | None,
    report: Path | None,
    resume: bool,
    workers: int,
    engine: Literal["local", "spark"],
    as_json: bool,
) -> None:
    """Judge recorded mail again and say what differs.

    SOURCE is the archive of the settings by default; else an archive's folder or archive:URL,
    last:7d, or topic[:P,P][@FROM..TO] with partitions and offsets or times. Re-live reads mbox,
    Maildir, folders and index files as well.

    \b
    verify    everything as it was then: each verdict must come out the same, byte for byte
    what-if   from the readings of then, under another policy, model, threshold or rule
    re-live   sender state built up anew, message by message: for mail that was never judged

    \b
    Examples:
      weir replay --mode verify                       does the archive hold what was judged?
      weir replay topic:0@2025-11-20T00:00Z..  --mode verify
      weir replay last:7d --threshold reject=0.99 --report what-if.html
      weir replay last:7d --rule 'reject: from_domain == "example.com"'
      weir replay ~/Maildir --mode re-live

    \b
    Exit codes: 0 done, and verify found no difference; 1 verify found some; 2 usage, settings or
    policy; 3 some could not be read or judged again; 4 Kafka or Redis could not be reached;
    130 Ctrl-C: what was done until then is told; with --out verify and what-if go on by --resume,
    unless Spark did the work. A re-live begins anew.
    """
    if resume and out is None:
        raise click.UsageError("--resume goes on with the run of an --out FILE: name it")
    what_if = WhatIf(policy, models, thresholds, without, rules, against)
    if mode != "what-if" and what_if != WhatIf():
        raise click.UsageError(
            "--policy, --model, --threshold, --without, --rule and --against: of what-if"
        )
    if mode == "re-live" and (workers > 1 or engine != "local"):
        raise click.UsageError("re-live is one process: each message needs those before it")
    settings = read_settings(config)
    request = Request(
        settings, sources, mode, out, report, resume, workers, engine, learning, as_json, what_if
    )
    sys.exit(import_module(_WAYS[mode]).run(request))
