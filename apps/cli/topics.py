"""`weir topics`: create what docs/topics/ promises, and compare it with what is there."""

import sys
from pathlib import Path

import click

from apps.cli.options import as_json, config, read_settings, run

__all__ = ["topics"]


@click.group()
def topics() -> None:
    """Create Kafka's topics, and describe them beside what the settings want.

    \b
    Examples:
      weir topics create
      weir topics describe
    """


@topics.command()
@config
def create(config: Path | None) -> None:
    """Create the topics that don't exist yet, with partitions, retention and limits as set.

    A topic that exists is left as it is. Each created topic gets a new epoch in Redis: offsets
    start at 0 again in it, so records of an earlier topic of that name must not be taken for it.

    \b
    Exit codes: 0 all topics exist, 2 wrong settings, 4 Kafka or Redis could not be reached.
    """
    from streams.stores.redis_store import RedisStore
    from streams.topics import create as create_topics
    from streams.topics import table

    settings = read_settings(config)

    async def act() -> list[str]:
        """Create them while Redis is there to keep their epochs; a local log keeps its own."""
        if settings.embedded.folder:
            return await create_topics(settings, no_epoch)
        store = RedisStore(settings)
        try:
            await store.ping()
            return await create_topics(settings, store.set_epoch)
        finally:
            await store.close()

    async def no_epoch(_topic: str, _epoch: str) -> None:
        """Do nothing."""

    created = run(act())
    for topic in table(settings):
        state = "created" if topic.name in created else "exists"
        click.echo(f"{topic.name:24} {state:8} {topic.partitions} partitions")


@topics.command()
@as_json
@config
def describe(config: Path | None, as_json: bool) -> None:
    """Print each topic as it is on the brokers, and what differs from the settings.

    \b
    Exit codes: 0 all as the settings say, 1 something differs, 2 wrong settings,
    4 Kafka could not be reached.
    """
    from streams.topics import describe as describe_topics

    states = run(describe_topics(read_settings(config)))
    if as_json:
        import orjson

        found = [
            {
                "name": state.topic.name,
                "partitions": state.partitions,
                "config": state.config,
                "differences": state.differences,
            }
            for state in states
        ]
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        for state in states:
            fine = not state.differences
            said = "as set" if fine else "; ".join(state.differences)
            click.echo(f"{state.topic.name:24} {state.partitions} partitions  ", nl=False)
            click.secho(said, fg="green" if fine else "yellow")
    sys.exit(int(any(state.differences for state in states)))
