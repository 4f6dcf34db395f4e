"""A real DNS server on loopback, over UDP and TCP, whose faults a test chooses by name."""

import asyncio
import struct
from collections import Counter
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from streams.dns_servers import Server

Fault = Literal["silent", "servfail", "truncated", "garbage", "other_id", "refused"]

_SOA = "ns.test. admin.test. 1 3600 600 86400 60"


class DnsServer:
    """Answers from `records` (name and type to texts of rdata); `faults` and `delays` by name.

    A name that has only records of other types has no data, one without any doesn't exist.
    `asked` counts questions by (name, type), `over_tcp` those that came by TCP.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.faults: dict[str, Fault] = {}
        self.delays: dict[str, float] = {}
        self.ttl = 300
        self.asked: Counter[tuple[str, str]] = Counter()
        self.over_tcp = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def server(self) -> Server:
        return Server("127.0.0.1", self.port)

    def txt(self, name: str, *texts: str) -> None:
        """Publish TXT records, each in strings of at most 255 octets (latin-1)."""
        self.records[name, "TXT"] = [
            " ".join(_quoted(text[at : at + 255]) for at in range(0, len(text), 255)) or '""'
            for text in texts
        ]

    async def start(self) -> None:
        self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )

    async def stop(self) -> None:
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, wire: bytes, address: tuple[str, int], transport) -> None:
        async def answer() -> None:
            response = await self.answer(wire, tcp=False)
            if response is not None:
                transport.sendto(response, address)

        task = asyncio.get_running_loop().create_task(answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve_tcp(self, reader, writer) -> None:
        try:
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            response = await self.answer(await reader.readexactly(size), tcp=True)
            if response is not None:
                writer.write(struct.pack("!H", len(response)) + response)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = b".".join(question.name.labels[:-1]).decode("latin-1").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        self.over_tcp += tcp
        await asyncio.sleep(self.delays.get(name, 0))
        fault = self.faults.get(name)
        if fault == "silent":
            return None
        if fault == "garbage":
            return wire[:2] + b"\xff" * 40
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if fault == "other_id":
            response.id = query.id ^ 1
        if fault in {"servfail", "refused"}:
            response.set_rcode(dns.rcode.from_text(fault))
            return response.to_wire()
        owner = question.name
        for alias in self.records.get((name, "CNAME"), ()):  # followed, as a resolver does
            response.answer.append(dns.rrset.from_text(owner, self.ttl, "IN", "CNAME", alias))
            owner = dns.name.from_text(alias)
            name = alias.lower().removesuffix(".")
        texts = self.records.get((name, kind))
        if texts:
            response.answer.append(dns.rrset.from_text_list(owner, self.ttl, "IN", kind, texts))
        else:
            if not any(name == known for known, _ in self.records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text("test.", self.ttl, "IN", "SOA", _SOA))
        if fault == "truncated" and not tcp:
            response.answer.clear()
            response.flags |= dns.flags.TC
        return response.to_wire(max_size=65_535)


def _quoted(text: str) -> str:
    plain = (char if char.isalnum() and char.isascii() else f"\\{ord(char):03}" for char in text)
    return f'"{"".join(plain)}"'


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self._server.spawn(data, addr, self._transport)
