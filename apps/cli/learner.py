"""`weir learner`: the one process that learns from labels."""

import sys
from pathlib import Path

import click

from apps.cli.options import config, read_settings

__all__ = ["learner"]


@click.command()
@config
def learner(config: Path | None) -> None:
    """Learn from labels, and publish what was learned to all workers, until SIGTERM or Ctrl-C.

    One is all an installation needs. Each label is first counted in Redis, which workers see with
    their next message; then it teaches the online models, whose steps are published every
    learner.publish_seconds, if known good mail hasn't moved (the gate). Snapshots go to the folder
    of models.snapshots. After a crash it goes on where it was: nothing is counted or learned twice.

    A second learner takes over, and the first one stops with code 69. `weir label` gives labels,
    `weir models` freezes, shadows and rolls back.

    \b
    Examples:
      weir learner
      WEIR_LOG__FORMAT=console WEIR_HTTP__BIND=127.0.0.1:8792 weir learner --config weir.toml

    \b
    Exit codes:
      0   stopped in order
      1   failed: the log says why; its supervisor should start it again
      2   settings, keys, policy or all snapshots are wrong
      4   Kafka or Redis can't be used at the start
      69  another learner has taken over: don't start it again
      75  no progress for worker.stall_seconds: a new start is all it needs
    """
    settings = read_settings(config)  # before the imports: a wrong setting is answered at once
    from streams.learner import run

    sys.exit(run(settings))
