"""The topic of models and the registry, opened for a command, with progress on the terminal."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from apps.cli.failures import Failure
from apps.cli.progress import bar_from_report
from apps.models.commanding import Known, open_listing
from apps.models.rows import Row, rows_of
from streams.registry import Registry
from streams.settings import Settings

__all__ = ["opened", "opened_for"]


@asynccontextmanager
async def opened(
    settings: Settings, *, whole: bool = False
) -> AsyncIterator[tuple[Known, Registry, list[Row]]]:
    """Open what is known of the models; the consumer stands behind what was read.

    `whole`: with all that was live earlier, for which the whole topic is read.

    Raises TopicError where the brokers or a topic aren't there.
    """
    registry = Registry.of(settings)
    try:
        with ExitStack() as shown:
            told = shown.enter_context(bar_from_report("reading models", "records"))
            async with open_listing(settings, told, whole=whole) as known:
                shown.close()
                yield known, registry, await rows_of(settings, known.listing, registry)
    finally:
        await registry.close()


@asynccontextmanager
async def opened_for(
    settings: Settings, choose: Callable[[list[Row]], Row], *, whole: bool = False
) -> AsyncIterator[tuple[Known, Registry, Row]]:
    """Open the same for one artifact; where it isn't found at first, the whole topic is read."""
    if not whole:
        async with opened(settings) as (known, registry, rows):
            try:
                row = choose(rows)
            except Failure:
                row = None
            if row is not None:
                yield known, registry, row
                return
    async with opened(settings, whole=True) as (known, registry, rows):
        yield known, registry, choose(rows)
