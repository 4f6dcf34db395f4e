"""`weir hook`: one process that answers MTAs while the SMTP client waits."""

import sys
from pathlib import Path

import click

from apps.cli.options import config, read_settings

__all__ = ["hook"]


@click.command()
@config
@click.option(
    "--embedded",
    is_flag=True,
    help="Judge, keep and learn in this process, without Kafka and Redis.",
)
@click.option(
    "--milter",
    multiple=True,
    metavar="ADDRESS",
    help="Listen for MTAs here, as milter.listen; may be given more than once.",
)
def hook(config: Path | None, embedded: bool, milter: tuple[str, ...]) -> None:
    """Judge mail while it is received: a verdict inside the SMTP transaction, until SIGTERM.

    MTAs reach it by the milter protocol (milter.listen), by HTTP or rspamd's protocol
    (api.listen), and Postfix asks it for limits on outbound mail (policyd.listen). It asks the
    workers over Kafka and waits hook.deadline_seconds; what isn't answered by then it judges by
    itself and says so in X-Weir-Status. Kafka, Redis and all workers may be away, at its start
    too: mail flows on. docs/hook.md has the lines for Postfix, Haraka and Exim.

    An ADDRESS is unix:PATH or inet:HOST:PORT, then if wanted tenant=NAME and direction=inbound or
    direction=outbound, and for a socket mode=OCTAL and group=NAME.

    --embedded needs no other program: messages, verdicts and labels lie in embedded.folder, and
    what is learned acts at once (docs/embedded.md). `weir verdicts`, `weir label` and `weir
    models` work there as they do with Kafka.

    \b
    Examples:
      weir hook --milter inet:127.0.0.1:8891
      weir hook --embedded --milter "unix:/run/weir/milter.sock group=postfix"
      postconf -e smtpd_milters=inet:127.0.0.1:8891 milter_default_action=accept

    \b
    Exit codes:
      0   stopped in order: what was in flight got its answer
      1   failed: the log says why; its supervisor should start it again
      2   settings, keys, policy or artifact are wrong, or an address can't be listened at
      4   the folder of --embedded can't be used
    """
    settings = read_settings(config)  # before the imports: a wrong setting is answered at once
    from msgspec.structs import replace

    from apps.hook.process import run
    from streams.settings import housed

    if milter:
        settings = replace(settings, milter=replace(settings.milter, listen=milter))
    if embedded and not settings.embedded.folder:
        click.echo(
            "weir: embedded.folder isn't set: taking ./embedded; with it in weir.toml `weir "
            "verdicts`, `weir label` and `weir doctor` find it too",
            err=True,
        )
        settings = housed(replace(settings, embedded=replace(settings.embedded, folder="embedded")))
    sys.exit(run(settings))
