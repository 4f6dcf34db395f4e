"""`weir worker`: one process of the group that judges the mail log."""

import sys
from pathlib import Path

import click

from apps.cli.options import config, read_settings

__all__ = ["worker"]


@click.command()
@config
def worker(config: Path | None) -> None:
    """Judge the partitions of the mail log that this process is given, until SIGTERM or Ctrl-C.

    Start as many as there are cores, at most as many as partitions. Each needs the keys file
    that `weir up` made, Kafka with its topics, and Redis. It answers /livez, /readyz and
    /metrics on http.bind, and logs to standard error, one JSON object a line (log.format).

    \b
    Examples:
      weir worker
      WEIR_LOG__FORMAT=console WEIR_HTTP__BIND=127.0.0.1:8791 weir worker --config weir.toml

    \b
    Exit codes:
      0   stopped in order
      1   failed: the log says why; its supervisor should start it again
      2   settings, keys, policy or artifact are wrong
      4   Kafka or Redis can't be used at the start
      75  no progress for worker.stall_seconds: a new start is all it needs
    """
    settings = read_settings(config)  # before the imports: a wrong setting is answered at once
    from streams.worker import run

    sys.exit(run(settings))
