"""The command `weir`: a group whose commands are loaded when they are called."""

import os
from importlib.metadata import version

import click

from apps.cli.lazy import Lazy, LazyGroup

__all__ = ["main", "weir"]

COMMANDS = {
    "archive": Lazy("apps.cli.archive:archive", "Keep what was judged as Parquet, for years."),
    "bench": Lazy("apps.cli.bench:bench", "Measure this installation: the figures of the docs."),
    "calibrate": Lazy(
        "apps.training.command:calibrate", "Fit the classifier's weight beside the signals."
    ),
    "check": Lazy("apps.cli.check:check", "Judge mail in files, no broker and no Redis needed."),
    "completion": Lazy("apps.cli.completion:completion", "Print the shell's completion script."),
    "data": Lazy("apps.cli.data:data", "See the brands, phrases and hosts known beforehand."),
    "deadletter": Lazy("apps.cli.deadletter:deadletter", "Look at dead letters and requeue them."),
    "doctor": Lazy("apps.cli.doctor:doctor", "Find what is wrong here and say what to do."),
    "evaluate": Lazy("apps.cli.evaluate:evaluate", "Score labelled mail in order, as TREC does."),
    "explain": Lazy("apps.cli.explain:explain", "Tell why a message was judged so, and what if."),
    "hook": Lazy("apps.cli.hook:hook", "Judge mail while it is received: milter, HTTP, policy."),
    "keys": Lazy("apps.cli.keys:keys", "Make the secrets that workers share."),
    "label": Lazy("apps.cli.label:label", "Say what messages were; take it back; see what it did."),
    "learner": Lazy("apps.cli.learner:learner", "Learn from labels: one process for all."),
    "models": Lazy("apps.cli.models:models", "See models; shadow, promote, roll back, freeze."),
    "policy": Lazy("apps.cli.policy:policy", "Check and try a policy file; show the one in force."),
    "replay": Lazy("apps.cli.replay:replay", "Judge recorded mail again: the same, or otherwise."),
    "search": Lazy("apps.cli.search:search", "Find recorded verdicts: who, when, what, why."),
    "send": Lazy("apps.cli.send:send", "Publish mail to the mail log at a given rate."),
    "settings": Lazy("apps.cli.settings:settings", "Print settings in force and their origin."),
    "sql": Lazy("apps.cli.sql:sql", "Ask the archive of verdicts and labels in SQL."),
    "state": Lazy("apps.cli.state:state", "See, rebuild or forget what is kept of senders."),
    "synthesize": Lazy("apps.synthesis.command:synthesize", "Write invented mail to train on."),
    "topics": Lazy("apps.cli.topics:topics", "Create Kafka's topics; describe them."),
    "train": Lazy("apps.training.command:train", "Train the classifier from folders of mail."),
    "up": Lazy("apps.local.up:up", "Run the whole local stack until Ctrl-C."),
    "verdicts": Lazy("apps.cli.verdicts:verdicts", "Print verdicts as they are published."),
    "weigh": Lazy("apps.weighing.command:weigh", "Weigh the signals by your own legitimate mail."),
    "worker": Lazy("apps.cli.worker:worker", "Judge the mail log: one process of the group."),
}


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from apps.cli.identity import identity_lines

    click.echo(f"weir {version('weir')}")
    for line in identity_lines():
        click.echo(line)
    ctx.exit()


@click.group(
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version, with the digests of model, policy and feature schema.",
)
@click.pass_context
def weir(ctx: click.Context) -> None:
    """Weir judges a mail stream: every message as it passes, every verdict with its reasons.

    \b
    First steps:
      weir check message.eml            judge one message, here and now
      weir up                           a whole stack on this machine
      weir send examples/inbound        publish mail to that stack
      weir verdicts --follow            watch verdicts come out
      weir label ID spam                say what a message was
      weir doctor                       what is wrong with this installation

    \b
    Exit codes of every command:
      0  done, nothing to object      3  some input could not be read
      1  the answer is no             4  Kafka or Redis could not be reached
      2  usage, settings or policy    130  stopped by Ctrl-C
    "The answer is no": check saw mail to quarantine or worse, doctor a fault, and so on;
    each command's --help says what it means there.

    Settings come from weir.toml and WEIR_* variables (weir settings). NO_COLOR is honoured.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


def main() -> None:
    """Run the command line; the exit code says how it ended."""
    weir(prog_name="weir")


if __name__ == "__main__":
    main()
