"""The face as a server: what it answers, whom it turns away, what bounds its clients."""

import asyncio
import json
import socket
import stat

import pytest

from apps.hook.addresses import parse_address
from apps.hook.api.server import HttpServer
from streams.hook_sections import ApiSection
from streams.metrics import Metrics
from streams.settings import Settings, SettingsError

LONG = "t" * 32


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"mta {LONG} check\ndesk {LONG}2 label analyst\nprometheus {LONG}3 read\n")
    path.chmod(0o600)
    return str(path)


async def test_health_readiness_and_metrics(serve):
    face = await serve()
    for path, said in (
        ("/healthz", b'{"live":true}'),
        ("/readyz", b'{"ready":true,"models":true}'),
        ("/ping", b"pong\r\n"),
    ):
        answer, body = await face.ask("GET", path)
        assert (answer.status, body) == (200, said)
    answer, body = await face.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert b"weir_" in body
    assert "Date" in answer.headers


async def test_not_ready_is_503(front):
    server = HttpServer(Settings(), front().check, Metrics(), lambda: {"reply_partition": False})
    await server.start(parse_address("inet:127.0.0.1:0", "api.listen"))
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
        said = await reader.read()
        writer.close()
    finally:
        await server.stop()
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b'"reply_partition":false' in said


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/v1/check", 405), ("GET", "/checkv2", 405)],
)
async def test_a_path_or_method_that_isnt_there(serve, method, path, status):
    face = await serve()
    answer, body = await face.ask(method, path)
    assert answer.status == status
    assert json.loads(body)
    if status == 405:
        assert answer.headers["Allow"] == "POST"


async def test_a_token_opens_what_it_has_the_right_to(serve, eml, tokens):
    face = await serve(api=ApiSection(tokens_file=tokens))

    async def status(path, method="POST", **headers):
        answer, _ = await face.ask(method, path, data=eml(), headers=headers)
        return answer.status

    assert await status("/v1/check") == 401
    assert await status("/checkv2") == 401
    assert await status("/metrics", "GET") == 401
    assert await status("/ping", "GET") == 200
    assert await status("/healthz", "GET") == 200
    assert await status("/checkv2", Authorization=f"Bearer {LONG}") == 200
    assert await status("/checkv2", Password=LONG) == 200
    assert await status("/checkv2", Authorization="Basic eDp0dHR0dHR0dHR0") == 401
    assert await status("/checkv2", Authorization=f"Digest {LONG}") == 401
    assert await status("/learnspam", Password=LONG) == 403
    assert await status("/metrics", "GET", Authorization=f"Bearer {LONG}3") == 200
    assert len(face.check.seen) == 2


async def test_a_page_in_a_browser_needs_a_token(serve, eml, tokens):
    headers = {"Origin": "https://page.example"}
    face = await serve()
    answer, _ = await face.ask("POST", "/checkv2", data=eml(), headers=headers)
    assert answer.status == 403
    face = await serve(api=ApiSection(tokens_file=tokens))
    headers["Authorization"] = f"Bearer {LONG}"
    answer, _ = await face.ask("POST", "/checkv2", data=eml(), headers=headers)
    assert answer.status == 200


async def test_over_a_unix_socket_no_token_is_needed(serve, eml, tokens, tmp_path):
    face = await serve(f"unix:{tmp_path}/api mode=600", api=ApiSection(tokens_file=tokens))
    answer, _ = await face.ask("POST", "/checkv2", data=eml())
    assert answer.status == 200
    assert stat.S_IMODE((tmp_path / "api").stat().st_mode) == 0o600
    await face.server.stop()
    assert not (tmp_path / "api").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "mx.our.example"])
async def test_others_than_this_host_may_not_ask_without_tokens(serve, host):
    with pytest.raises(SettingsError, match=r"^api\.listen: .*api\.tokens_file"):
        await serve(f"inet:{host}:0")


async def test_with_tokens_they_may(serve, tokens):
    face = await serve("inet:0.0.0.0:0", api=ApiSection(tokens_file=tokens))
    assert (await face.ask("GET", "/ping"))[0].status == 200


async def test_a_port_in_use_is_one_line(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(SettingsError, match=r"^api\.listen: .*in use") as caught:
            await serve(f"inet:127.0.0.1:{taken.getsockname()[1]}")
        assert "\n" not in str(caught.value)


async def test_a_client_that_is_too_slow_is_cut_off(serve):
    face = await serve(api=ApiSection(read_seconds=0.2))
    assert await face.raw() == b""
    assert await face.raw(b"POST /checkv2 HTTP/1.1\r\nHost: x\r\n") == b""
    assert await face.raw(b"POST /checkv2 HTTP/1.1\r\nContent-Length: 9\r\n\r\nm") == b""
    assert await face.raw(b"CHECK RSP") == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /ping HTTP/1.1\r\n" + b"X: " + b"x" * 1_000_000,
        b"GET /ping HTTP/1.1\r\n" + b"X: x\r\n" * 200_000,
        b"GET /" + b"p" * 1_000_000,
        b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"X: x\r\n" * 200_000,
        b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 1_000_000,
    ],
    ids=("value", "fields", "path", "trailers", "extension"),
)
async def test_what_isnt_a_body_is_bounded(serve, sent):
    face = await serve(api=ApiSection(header_bytes=16_384, read_seconds=3_600))
    pieces = [sent[at : at + 50_000] for at in range(0, len(sent), 50_000)]
    async with asyncio.timeout(20):  # not its slowness ends it
        assert b" 200 " not in await face.raw(*pieces)
    assert face.check.seen == []


async def test_a_body_in_small_chunks_is_no_long_header(serve, eml):
    face = await serve(api=ApiSection(header_bytes=16_384))
    mail = eml() + b"x" * 9_000
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in mail)
    head = b"POST /checkv2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b" 200 OK" in await face.raw(head, chunks, b"0\r\n\r\n")
    assert face.check.seen[0].raw == mail


async def test_one_connection_too_many_is_closed_and_the_others_go_on(serve):
    face = await serve(api=ApiSection(connections=2))
    held = [await asyncio.open_connection("127.0.0.1", face.server.port) for _ in range(2)]
    for _, writer in held:  # accepted for sure
        writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    for reader, _ in held:
        await reader.readuntil(b"pong")
    assert await face.raw(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    for reader, writer in held:
        writer.write(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_garbage_closes_that_connection_alone(serve, eml):
    face = await serve()
    kept = await face.ask("POST", "/checkv2", data=eml())
    assert (await face.raw(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    again = await face.ask("POST", "/checkv2", data=eml())
    assert (kept[0].status, again[0].status) == (200, 200)


async def test_draining_lets_what_is_judged_end_and_takes_no_more(serve, eml, front):
    inside, go = asyncio.Event(), asyncio.Event()
    check = front().check

    async def slow(submission):
        inside.set()
        await go.wait()
        return await check(submission)

    face = await serve(check=slow)
    idle = await asyncio.open_connection("127.0.0.1", face.server.port)
    asked = asyncio.ensure_future(face.ask("POST", "/checkv2", data=eml()))
    await inside.wait()
    drained = asyncio.ensure_future(face.server.drain(20))
    assert await idle[0].read() == b""
    idle[1].close()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", face.server.port)
    go.set()
    answer, _ = await asked
    assert answer.status == 200
    await drained


async def test_a_defect_of_ours_is_a_problem_and_no_silence(serve, eml):
    async def broken(_):
        raise RuntimeError("a defect")

    face = await serve(check=broken)
    answer, body = await face.ask("POST", "/v1/check", data=eml(), headers={"Content-Type": "x/y"})
    assert answer.status == 500
    assert b"a defect of ours" in body
    assert (await face.ask("GET", "/ping"))[0].status == 200
    head = b"CHECK RSPAMC/1.3\r\nContent-length: 1\r\n\r\nm"
    assert (await face.raw(head)).startswith(b"RSPAMD/1.3 65 ")
