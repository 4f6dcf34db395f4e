"""A milter that listens on a Unix socket, and MTAs that connect to it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from apps.hook.addresses import parse_address
from apps.hook.milter.server import Handle, Limits, Server
from tests.apps.hook.milter.raw_mta import RawMta

Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "milter.sock"


@pytest_asyncio.fixture
async def serve(socket_path: Path) -> AsyncIterator[Serve]:
    """Start a milter with a handler, and limits where the test has its own."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(handle: Handle, **limits: Any) -> Server:
            server = Server(handle, Limits(**limits))
            await server.start(parse_address(f"unix:{socket_path}", "milter.listen"))
            stack.push_async_callback(server.stop)
            return server

        yield start


@pytest_asyncio.fixture
async def mta(socket_path: Path) -> AsyncIterator[Callable[[], Awaitable[RawMta]]]:
    """Open connections to the milter, as many as the test asks for."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect() -> RawMta:
            made = await RawMta.open(socket_path)
            stack.push_async_callback(made.close)
            return made

        yield connect
