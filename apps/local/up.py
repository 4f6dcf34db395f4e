"""`weir up`: Kafka, Redis and all of Weir on this machine, with example mail to watch."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import click

from apps.cli.options import run
from apps.local import layout, ports
from apps.local.archived import archived
from apps.local.choice import Choice, choose_stack
from apps.local.configuration import Configuration, check_environment
from apps.local.demonstration import Tally, collect, publish, settled, verdicts_from_now
from apps.local.dialogue import converse, tell_dialogue
from apps.local.errors import StackError
from apps.local.reporting import report_examples
from apps.local.service import Service
from apps.local.story import Listing, tell, tell_changes
from apps.local.telling import advise, short, suggest, summarise
from features.context import Limits
from streams import topics
from streams.settings import Settings
from streams.stores.redis_store import RedisStore

_T = TypeVar("_T")

__all__ = ["up"]

_HTTP_PORT = 8790
_LEARNER_PORT = 8791
_API_PORT = 8792
_ARCHIVE_PORT = 8793
_MILTER_PORT = 8891
_TAKEN_OVER = 69  # a learner: two that restart would take over from each other for ever
_VERDICT_SECONDS = 60.0
_ARCHIVE_SECONDS = 60.0
_RESTARTS = 5


@click.command()
@click.option("--once", is_flag=True, help="Stop when every example has its verdict.")
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="N",
    help="Examples published a second.",
)
@click.option("--no-examples", is_flag=True, help="Publish nothing, just stay up.")
@click.option(
    "--stack",
    type=click.Choice(["auto", "local", "compose"]),
    default="auto",
    show_default=True,
    envvar="STACK",
    show_envvar=True,
    help="Kafka and Redis as processes or as containers.",
)
def up(*, once: bool, rate: float, no_examples: bool, stack: Choice) -> None:
    """Start Kafka, Redis and all of Weir here, publish examples, print each verdict.

    Worker, learner, hook and archive: what was judged can be asked about when all is stopped.

    Stays until Ctrl-C; then everything it started is gone, and the data is kept in .weir/run for
    the next start. Needs Java 17, Maven (once) and redis-server; as root on Debian or Ubuntu it
    installs them, and says so. Where Postfix is installed and this is root, a Postfix of its own
    asks the hook at the end. Ports 9092, 6379, 8790 to 8793 and 8891 are taken where they are
    free, else others.

    \b
    Examples:
      weir up
      weir up --once
      STACK=compose weir up

    \b
    Exit codes: 0 stopped after all was judged, 1 something could not be started, or with --once
    a message had no verdict or two or wasn't archived, 130 Ctrl-C before the end of the examples.
    """
    # Ctrl-C, a closed terminal and a supervisor's SIGTERM are one: everything is stopped in order.
    # What a script starts with `&` ignores SIGINT, and would ignore them all.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    directory = layout.home() / "run"
    check_environment()
    with ExitStack() as cleanup:
        configuration, services = _start(stack, directory, cleanup)
        examples = None if no_examples else layout.CHECKOUT / "examples"
        code = run(_watch(configuration, services, examples, rate=rate, once=once))
        click.echo("Stopping.")
    sys.exit(code)


def _start(
    choice: Choice, directory: Path, cleanup: ExitStack
) -> tuple[Configuration, tuple[Service, ...]]:
    chosen = choose_stack(choice, directory, click.echo)
    with _step("Kafka and Redis", lambda: f"{chosen.brokers}, {chosen.redis_url}"):
        cleanup.enter_context(chosen)
    configuration = Configuration(
        directory,
        chosen.brokers,
        chosen.redis_url,
        ports.choose(_HTTP_PORT),
        f"inet:127.0.0.1:{ports.choose(_MILTER_PORT)}",
    )
    settings = configuration.settings()
    with _step("Topics", lambda: f"{settings.topics.prefix}*"):
        run(_create_topics(settings))
    services = tuple(_services(configuration))
    for service in services:
        cleanup.callback(service.stop)
    where = f"{short(directory)}/{{worker,learner,hook,archive}}.log"
    with _step("Worker and others", lambda: f"logs in {where}"):
        for service in services:
            service.launch()
        for service in services:
            service.wait_ready()
    return configuration, services


def _services(configuration: Configuration) -> Iterator[Service]:
    learner, api = ports.choose(_LEARNER_PORT), ports.choose(_API_PORT)
    archive = ports.choose(_ARCHIVE_PORT)
    ways: tuple[tuple[str, int, dict[str, str]], ...] = (
        ("worker", configuration.http_port, {}),
        ("learner", learner, {"WEIR_HTTP__BIND": f"127.0.0.1:{learner}"}),
        ("hook", api, {"WEIR_API__LISTEN": f"inet:127.0.0.1:{api}"}),
        ("archive", archive, {"WEIR_HTTP__BIND": f"127.0.0.1:{archive}"}),
    )
    for name, port, variables in ways:
        log = configuration.path.with_name(f"{name}.log")
        log.unlink(missing_ok=True)
        yield Service(name, {**configuration.environment, **variables}, port, log)


@contextlib.contextmanager
def _step(what: str, where: Callable[[], str]) -> Iterator[None]:
    click.echo(f"{what:16}", nl=False)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        click.echo()
        raise
    click.echo(f"{where()}  ({time.monotonic() - started:.1f} s)")


async def _create_topics(settings: Settings) -> None:
    store = RedisStore(settings)
    try:
        await topics.create(settings, store.set_epoch)
    finally:
        await store.close()


async def _watch(
    configuration: Configuration,
    services: Sequence[Service],
    examples: Path | None,
    *,
    rate: float,
    once: bool,
) -> int:
    settings = configuration.settings()
    tally = Tally()
    code = 0
    async with verdicts_from_now(settings) as verdicts:
        background = [
            asyncio.create_task(collect(verdicts, tally, Listing(tally).show)),
            *[asyncio.create_task(_keep_up(service)) for service in services],
        ]
        try:
            if examples is not None:
                click.echo(f"\nPublishing {short(examples)}, {rate:g} messages a second:\n")
                await _beside(background, publish(settings, examples, rate, tally))
                await _beside(background, settled(tally, _VERDICT_SECONDS))
                code = summarise(tally)
                tell(tally.scenes)
                reporting = report_examples(settings, examples / "reported", tally)
                changes = await _beside(background, reporting)
                tell_changes(changes)
                await _beside(background, settled(tally, _VERDICT_SECONDS))
                code = code or int(any(change.failed for change in changes))
                limits = Limits(message_bytes=settings.topics.message_bytes)
                talk = converse(settings.milter.listen[0], examples, limits)
                by, said = await _beside(background, talk)
                tell_dialogue(by, said)
                code = code or int(not all(one.as_wanted for one in said))
                kept = await _beside(background, archived(settings, _ARCHIVE_SECONDS))
                code = code or int(kept is None)
                suggest(configuration, tally, kept)
            if not once:
                advise(configuration)
                # From here on Ctrl-C is the way to end, not a failure.
                with contextlib.suppress(asyncio.CancelledError):
                    await _beside(background, asyncio.Event().wait())
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
    return code


async def _beside(background: list[asyncio.Task[None]], work: Coroutine[Any, Any, _T]) -> _T:
    """Do `work` and return what it does, but raise at once what ends the background."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task, *background], return_when=asyncio.FIRST_COMPLETED)
        for ended in background:
            if ended.done():
                ended.result()
        return await task
    finally:
        task.cancel()


async def _keep_up(service: Service) -> None:
    """Start a process again when it ends by itself, as a supervisor does in production."""
    for _ in range(_RESTARTS):
        while service.ended is None:  # noqa: ASYNC110 - a thread that waits would outlive Ctrl-C
            await asyncio.sleep(0.25)
        if service.ended == _TAKEN_OVER:
            click.echo("The learner has given way to another one, and isn't restarted", err=True)
            await asyncio.Event().wait()
        click.echo(f"The {service.name} ended with code {service.ended}; restarted", err=True)
        service.launch()
        await asyncio.sleep(1.0)
    raise StackError(service.failed(f"ended {_RESTARTS} times"))
