"""Liveness, readiness and metrics over HTTP."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from structlog.stdlib import BoundLogger

from streams.settings import SettingsError

__all__ = ["Exposed", "HealthServer", "listening"]


class Exposed(Protocol):
    """What metrics need be for HTTP."""

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        ...


class HealthServer:
    """Answers /livez, /readyz and /metrics.

    `ready` returns each condition with whether it holds: ready is 200 only if all do, else 503.
    /livez answers as long as the event loop turns; a stall ends the process by itself.
    """

    def __init__(
        self, bind: str, metrics: Exposed, ready: Callable[[], Mapping[str, bool]]
    ) -> None:
        self._bind = bind
        self._metrics = metrics
        self._ready = ready
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen; raises SettingsError where the address can't be had."""
        app = web.Application()
        app.router.add_get("/livez", self._live)
        app.router.add_get("/readyz", self._readiness)
        app.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, _, port = self._bind.rpartition(":")
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except (OSError, OverflowError) as error:
            await self.stop()
            raise SettingsError(
                f"http.bind = {self._bind!r}: {error}; allowed: a free address, or empty for none"
            ) from None
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readiness(self, _: web.Request) -> web.Response:
        conditions = dict(self._ready())
        ready = all(conditions.values())
        return web.json_response({"ready": ready, **conditions}, status=200 if ready else 503)

    async def _exposition(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=self._metrics.exposition(), headers=headers)


@asynccontextmanager
async def listening(
    bind: str, metrics: Exposed, ready: Callable[[], Mapping[str, bool]], log: BoundLogger
) -> AsyncIterator[None]:
    """Answer on `bind`, if it isn't empty, while the block runs; raises SettingsError.

    `log` is that of the process, so that the line names who listens.
    """
    if not bind:
        yield
        return
    health = HealthServer(bind, metrics, ready)
    await health.start()
    log.info("http_listens", port=health.port)
    try:
        yield
    finally:
        await health.stop()
