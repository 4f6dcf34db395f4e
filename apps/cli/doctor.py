"""`weir doctor`: what is wrong with this installation, and what to do about it."""

import sys
from pathlib import Path

import click

from apps.cli.options import as_json, config, read_settings, run
from apps.cli.rendering import clean, hanging, terminal_width

__all__ = ["doctor"]

_COLOURS = {"fine": "green", "warning": "yellow", "fault": "red"}


@click.command()
@as_json
@config
def doctor(config: Path | None, as_json: bool) -> None:
    """Look at keys, policy, models, Kafka, Redis, lag, learner, hook, archive; change nothing.

    Each finding is fine, a warning (mail flows, at a price) or a fault, and says what to do.

    The hook of these settings is given a test message over each of its addresses, signed with the
    installation's keys: it says what it lacks, and neither judges nor counts it. The archive gets a
    small file, which is deleted at once.

    \b
    Example:
      weir doctor --json | jq '.[] | select(.level != "fine")'

    \b
    Exit codes: 0 no fault, 1 at least one fault, 2 wrong settings.
    """
    from apps.doctor.archive import look_at_archive
    from apps.doctor.attachments import look_at_attachments
    from apps.doctor.broker import look_at_kafka
    from apps.doctor.files import look_at_files
    from apps.doctor.finding import Finding
    from apps.doctor.hook import look_at_hook
    from apps.doctor.learner import look_at_learner
    from apps.doctor.redis_server import look_at_redis
    from apps.doctor.resolvers import look_at_resolvers
    from apps.doctor.sender_state import look_at_state

    settings = read_settings(config)

    async def look() -> list[Finding]:
        """Look at one thing after another; an embedded installation has no Redis."""
        found = [
            *look_at_files(settings),
            look_at_attachments(settings),
            *await look_at_kafka(settings),
            *await look_at_learner(settings),
        ]
        if not settings.embedded.folder:
            found += [*await look_at_redis(settings), *await look_at_state(settings)]
        found += [*await look_at_resolvers(settings), *await look_at_hook(settings)]
        return [*found, *await look_at_archive(settings)]

    findings = run(look())
    if as_json:
        import orjson

        shown = [finding._asdict() for finding in findings]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2))
    else:
        width = terminal_width()
        for finding in findings:
            click.secho(f"{finding.level:8}", fg=_COLOURS[finding.level], nl=False)
            click.echo(f" {finding.subject:18} {hanging(clean(finding.said), 28, width)}")
            if finding.todo:
                click.echo(f"{'':28}{hanging(clean(finding.todo), 28, width)}")
    sys.exit(int(any(finding.level == "fault" for finding in findings)))
