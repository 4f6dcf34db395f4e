"""A test message given to a running hook over each of its protocols."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import orjson

from apps.hook.addresses import Address
from apps.hook.probing.milter import tell_milter

__all__ = ["RefusedError", "ask_checkv2", "ask_milter", "ask_policy", "ask_rest", "reach"]

_LONGEST: Final = 1_000_000  # bytes of an answer
_STATUS: Final = "X-Weir-Status"
_HTTP: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n")
# Without an instance nothing is counted: Postfix always sends one.
_REQUEST: Final = b"request=smtpd_access_policy\nprotocol_state=CONNECT\n\n"


class RefusedError(RuntimeError):
    """A hook's face doesn't answer as it should: one line. `status` is HTTP's, 0 for none."""

    def __init__(self, said: str, status: int = 0) -> None:
        super().__init__(said)
        self.status = status


async def reach(address: Address) -> None:
    """Connect and go again; raises OSError where that can't be."""
    async with _connected(address):
        pass


async def ask_milter(address: Address, raw: bytes, seconds: float) -> str:
    """Return X-Weir-Status of a message, '' for none; raises MilterError."""
    heard = await tell_milter(address, "doctor@weir.invalid", ("hook@weir.invalid",), raw, seconds)
    return dict(heard.added).get(_STATUS, "")


async def ask_rest(address: Address, raw: bytes, token: str) -> str:
    """Return the same by our own API; raises OSError or RefusedError."""
    said = await _post(address, "/v1/check", raw, token)
    fields = {field.get("name"): field.get("value") for field in said.get("add", ())}
    return str(fields.get(_STATUS, ""))


async def ask_checkv2(address: Address, raw: bytes, token: str) -> str:
    """Return the same by rspamd's protocol; raises OSError or RefusedError."""
    said = await _post(address, "/checkv2", raw, token)
    return str(said.get("milter", {}).get("add_headers", {}).get(_STATUS, ""))


async def ask_policy(address: Address) -> str:
    """Return what the policy service says to a request that counts for nobody; raises OSError."""
    async with _connected(address) as (reader, writer):
        writer.write(_REQUEST)
        return (await reader.readline()).decode("ascii", "replace").strip()


async def _post(address: Address, path: str, raw: bytes, token: str) -> dict[str, Any]:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        "Content-Type: message/rfc822",
        f"Content-Length: {len(raw)}",
        *([f"Authorization: Bearer {token}"] if token else []),
        "\r\n",
    ]
    async with _connected(address) as (reader, writer):
        writer.write("\r\n".join(lines).encode() + raw)
        answer = await _read(reader)
    head = _HTTP.match(answer)
    if head is None:
        raise RefusedError("doesn't speak HTTP")
    status = int(head[1])
    if status != 200:
        raise RefusedError(f"{path} answers {status}", status)
    try:
        said = orjson.loads(answer.partition(b"\r\n\r\n")[2])
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        raise RefusedError(f"{path} answers no JSON object: no weir hook")
    return said


async def _read(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while len(found) < _LONGEST and (data := await reader.read(65_536)):
        found += data
    return found


@contextlib.asynccontextmanager
async def _connected(
    address: Address,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    if address.path is not None:
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()
