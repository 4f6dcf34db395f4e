"""What `weir up` says at the end: counts, latencies, and what to try next."""

from pathlib import Path

import click

from apps.cli.rendering import COLOURS
from apps.local.configuration import Configuration
from apps.local.demonstration import Tally


def short(path: Path) -> str:
    """Return a path as a person at this prompt would type it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def summarise(tally: Tally) -> int:
    """Print what became of the published messages.

    Returns:
        Exit code 0 if each has exactly one verdict, else 1.
    """
    total = len(tally.sent)
    counts = ", ".join(
        f"{count} {click.style(action, fg=COLOURS.get(action))}"
        for action, count in tally.actions.most_common()
    )
    click.echo(f"\n{total} messages published, {len(tally.latencies)} judged: {counts or 'none'}")
    click.echo(
        f"publish to verdict: p50 {tally.percentile(0.50):.1f} ms, "
        f"p99 {tally.percentile(0.99):.1f} ms; degraded: {tally.degraded}"
    )
    for names, what in ((tally.missing, "no verdict"), (tally.repeated, "more than one verdict")):
        if names:
            click.secho(f"{what}: {', '.join(names)}", fg="red")
    return 0 if total and not tally.missing and not tally.repeated else 1


def suggest(configuration: Configuration, tally: Tally, archived: int | None) -> None:
    """Print what to ask of what was judged and archived, also when the stack is down again."""
    if archived is None:
        click.secho("\nNot all of it came into the archive: see archive.log", fg="red")
        return
    asked = tally.questionable
    ident = asked.id if asked else next(iter(tally.sent))
    folder = short(configuration.path.parent / "archive")
    click.echo(
        f"""
{archived} verdicts are archived in {folder}. Ask why, and what if:
  export WEIR_CONFIG={configuration.path}
  weir explain {ident}
  weir replay --mode verify
  weir replay --threshold reject=0.95 --report what-if.html"""
    )


def advise(configuration: Configuration) -> None:
    """Print what to try next while the stack is up."""
    click.echo(
        f"""
The stack is up until Ctrl-C. In another terminal:
  export WEIR_CONFIG={configuration.path}
  weir check examples/inbound/written-phish-brand-1.eml    one verdict, every reason
  weir send examples/inbound --rate 5                      more mail; its verdicts appear here
  weir verdicts --last 5 --json                            verdicts as programs read them
  weir state inspect dkim:steinbach-hydraulik.net          what is known of a sender
  weir label examples/inbound/corpus-spam-1.eml spam       say what it was (--wait 5: follow it)
  weir models list                                         what is learned, up to which label
  weir policy show                                         what decides, and how to change it
  weir doctor                                              is anything wrong with this stack?
  curl http://127.0.0.1:{configuration.http_port}/metrics
(`weir` is in .venv/bin: source .venv/bin/activate)
"""
    )
