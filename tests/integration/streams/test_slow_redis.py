"""A network to Redis that has become slow: the breaker spares it, and mail flows on."""

import asyncio
import json
from contextlib import asynccontextmanager

import msgspec
import pytest

from detectors.verdict import Verdict

pytestmark = pytest.mark.integration


class SlowNetwork:
    """Passes bytes on to a server, each way after `delay` seconds."""

    def __init__(self, host, port):
        self._to = (host, port)
        self._tasks = set()
        self.delay = 0.0
        self.port = 0

    @asynccontextmanager
    async def open(self):
        """Listen on a port of 127.0.0.1 while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        onward, back = await asyncio.open_connection(*self._to)
        for source, sink in ((reader, back), (onward, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader, writer):
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue()

        async def write():
            while True:
                at, data = await waiting.get()
                await asyncio.sleep(max(0.0, at - loop.time()))
                if not data:
                    writer.close()
                    return
                writer.write(data)

        writing = asyncio.create_task(write())
        try:
            while data := await reader.read(65_536):
                waiting.put_nowait((loop.time() + self.delay, data))
            waiting.put_nowait((loop.time() + self.delay, b""))
            await writing
        except OSError:
            writer.close()
        finally:
            writing.cancel()


def lacking(records):
    """Count the verdicts that were made without what is known of the sender."""
    verdicts = [msgspec.json.decode(record.value, type=Verdict) for record in records]
    return sum("sender" in verdict.degraded for verdict in verdicts)


async def test_a_slow_network_to_redis_opens_the_breaker_and_mail_flows_on(installation, mail):
    """200 ms each way, above the time limit of a call."""
    connection = installation.redis.connection_pool.connection_kwargs
    proxy = SlowNetwork(connection["host"], connection["port"])
    async with proxy.open():
        worker = installation.start_worker(
            WEIR_REDIS__URL=f"redis://127.0.0.1:{proxy.port}/0",
            WEIR_REDIS__TIMEOUT_SECONDS="0.15",
            WEIR_REDIS__BREAKER_SECONDS="1",
        )
        await asyncio.to_thread(worker.wait_ready)
        proxy.delay = 0.2
        slow = [installation.record(mail(number)) for number in range(600)]
        opened = 0.0
        sending = asyncio.create_task(installation.send(slow, rate=150))
        while not sending.done():
            opened = max(opened, await asyncio.to_thread(worker.metric, "weir_store_breaker"))
            await asyncio.sleep(0.1)
        by_event = await installation.verdicts(await sending)
        assert opened == 2
        records = [found[0] for found in by_event.values()]
        assert lacking(records) == len(records) == 600
        timings = [json.loads(dict(record.headers)["weir-timings"]) for record in records]
        waited = [sum(t[stage] for stage in ("look_up", "state", "record")) for t in timings]
        # Three calls may time out before the breaker opens, then one a second probes.
        assert max(waited) < 3 * 1000 * 0.15 + 500
        assert sum(wait > 140 for wait in waited) < len(waited) / 2
        proxy.delay = 0.0
        await asyncio.to_thread(worker.wait_metric, "weir_store_breaker", lambda state: not state)
        after = [installation.record(b"From: a@b.example\r\n\r\nx\r\n") for _ in range(20)]
        found = await installation.verdicts(await installation.send(after))
        last = [found[f"{record.key.decode()}.judged"][0] for record in after]
        assert lacking(last) == 0
        assert await asyncio.to_thread(worker.stop) == 0
