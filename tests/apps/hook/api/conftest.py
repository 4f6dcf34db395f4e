"""The HTTP face on a free port or a socket, before the real front and the real core."""

import asyncio
from contextlib import AsyncExitStack
from io import BytesIO

import aiohttp
import pytest
import uvloop

from apps.hook.addresses import parse_address
from apps.hook.api.server import HttpServer
from streams.metrics import Metrics
from streams.sections import TopicsSection
from streams.settings import Settings

MAIL = (
    b"From: A <a@one.example>\r\nTo: b@two.example\r\nSubject: %s\r\n"
    b"Message-ID: <1@one.example>\r\n\r\nHello.\r\n"
)


@pytest.fixture
def eml():
    """Return a message whose subject asks for an action."""
    return lambda subject="Lunch": MAIL % subject.encode()


def pytest_asyncio_loop_factories():
    """Run the tests beside this file in the loop that a hook runs in."""
    return {"uvloop": uvloop.new_event_loop}


class Face:
    """A running server, and a session that asks it."""

    def __init__(self, server, session, url, check):
        self.server = server
        self.session = session
        self.url = url
        self.check = check

    async def ask(self, method, path, data=None, **given):
        if data is not None:
            given["data"] = BytesIO(data)
        async with self.session.request(method, self.url + path, **given) as answer:
            body = await answer.read()
            return answer, body

    async def raw(self, *pieces, half=False):
        """Send bytes over a connection of their own, and end it there if `half`.

        Return all that comes back.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if half:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


class Checked:
    """Remembers the submissions that reach the front."""

    def __init__(self, check):
        self.seen = []
        self._check = check

    async def __call__(self, submission):
        self.seen.append(submission)
        return await self._check(submission)


@pytest.fixture
async def serve(front):
    """Start a face; settings of [api] and what else holds by name. It ends with the test."""
    async with AsyncExitStack() as opened:

        async def start(address="inet:127.0.0.1:0", *, settings=None, check=None, **sections):
            sections.setdefault("topics", TopicsSection(message_bytes=100_000))
            settings = settings or Settings(**sections)
            checked = Checked(check or front().check)
            server = HttpServer(settings, checked, Metrics(), lambda: {"models": True})
            opened.push_async_callback(server.stop)
            where = parse_address(address, "api.listen")
            await server.start(where, "api.listen")
            connector = aiohttp.UnixConnector(where.path) if where.path else None
            session = await opened.enter_async_context(aiohttp.ClientSession(connector=connector))
            url = f"http://127.0.0.1:{server.port}" if not where.path else "http://localhost"
            return Face(server, session, url, checked)

        yield start


@pytest.fixture
async def serve_once(serve):
    """Start one face for all that hypothesis sends."""
    return await serve()
