import asyncio
import contextlib

import pytest

from apps.hook.addresses import parse_address
from apps.hook.policyd.protocol import answer
from apps.hook.policyd.server import PolicyServer
from streams.settings import SettingsError

REQUEST = b"request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=%d\n\n"


async def echo(request, listener):
    await asyncio.sleep(0)
    return answer("WARN", f"{request.instance} {listener.tenant}")


@pytest.fixture
async def serve():
    """Start a server on a free port; it ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(reply=echo, connections=10, idle_seconds=5.0):
            server = PolicyServer(reply, connections=connections, idle_seconds=idle_seconds)
            await server.start(parse_address("inet:127.0.0.1:0 tenant=acme", "policyd.listen"))
            stack.push_async_callback(server.stop)
            return server

        yield make


async def ask(streams, data):
    reader, writer = streams
    writer.write(data)
    return await asyncio.wait_for(reader.readuntil(b"\n\n"), 10)


async def connect(server):
    return await asyncio.open_connection("127.0.0.1", server.port)


async def test_many_requests_come_over_one_connection_each_with_its_answer(serve):
    streams = await connect(await serve())
    for n in range(3):
        assert await ask(streams, REQUEST % n) == b"action=WARN %d acme\n\n" % n
    assert await ask(streams, REQUEST % 4 + REQUEST % 5) == b"action=WARN 4 acme\n\n"
    assert await ask(streams, b"") == b"action=WARN 5 acme\n\n"
    streams[1].close()


async def test_concurrent_connections_get_their_own_answers(serve):
    server = await serve(connections=50)

    async def client(n):
        streams = await connect(server)
        said = [await ask(streams, REQUEST % (100 * n + m)) for m in range(10)]
        streams[1].close()
        return said == [b"action=WARN %d acme\n\n" % (100 * n + m) for m in range(10)]

    assert all(await asyncio.gather(*(client(n) for n in range(1, 30))))


async def test_a_malformed_request_closes_that_connection_alone(serve):
    server = await serve()
    good, bad = await connect(server), await connect(server)
    bad[1].write(b"\x00\xff garbage\n\n")
    assert await bad[0].read() == b""
    bad[1].close()
    assert await ask(good, REQUEST % 1) == b"action=WARN 1 acme\n\n"
    good[1].close()


async def test_a_silent_connection_is_closed(serve):
    reader, writer = await connect(await serve(idle_seconds=0.05))
    writer.write(b"request=smtpd_acc")
    assert await reader.read() == b""
    writer.close()


async def test_over_the_limit_a_connection_waits_for_room(serve):
    server = await serve(connections=1)
    first, second = await connect(server), await connect(server)
    assert await ask(first, REQUEST % 1)
    second[1].write(REQUEST % 2)
    first[1].close()
    assert await ask(second, b"") == b"action=WARN 2 acme\n\n"
    second[1].close()


async def test_on_the_way_out_idle_connections_close_and_a_request_is_still_answered(serve):
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(_request, _listener):
        asked.set()
        await go.wait()
        return answer("DUNNO")

    server = await serve(slow)
    idle, busy = await connect(server), await connect(server)
    busy[1].write(REQUEST % 1)
    await asked.wait()
    draining = asyncio.create_task(server.drain(10))
    assert await idle[0].read() == b""
    go.set()
    assert await busy[0].read() == b"action=DUNNO\n\n"
    await draining
    idle[1].close()
    busy[1].close()


async def test_on_the_way_out_a_request_that_has_begun_is_read_to_its_end(serve):
    server = await serve()
    half, idle = await connect(server), await connect(server)
    begun = REQUEST % 1
    half[1].write(REQUEST % 0 + begun[:20])
    assert await ask(half, b"")
    draining = asyncio.create_task(server.drain(10))
    assert await idle[0].read() == b""
    assert await ask(half, begun[20:]) == b"action=WARN 1 acme\n\n"
    await draining
    half[1].close()
    idle[1].close()


async def test_a_port_in_use_is_one_line_that_names_the_setting(serve):
    server = await serve()
    other = PolicyServer(echo, connections=1, idle_seconds=1)
    with pytest.raises(SettingsError, match=r"policyd\.listen: .* in use"):
        await other.start(parse_address(f"inet:127.0.0.1:{server.port}", "policyd.listen"))
