"""The milter client that doctor and `weir up` use, against our own listening side."""

import asyncio

import pytest

from apps.hook.addresses import parse_address
from apps.hook.milter.answer import AddHeader, Answer, Quarantine, SmtpReply
from apps.hook.milter.server import Limits, Server
from apps.hook.probing.milter import Heard, MilterError, tell_milter

RAW = b"Subject: hello\r\nX-Folded: one\r\n two\r\n\r\n" + b"A line.\r\n" * 20_000


@pytest.fixture
async def told(tmp_path):
    """Tell a milter that answers so one message; return what was heard and what it was told."""
    servers = []

    async def tell(answer, raw=RAW):
        transactions = []

        async def handle(transaction):
            transactions.append(transaction)
            return answer

        address = parse_address(f"unix:{tmp_path}/m{len(servers)}", "milter.listen")
        server = Server(handle, Limits())
        servers.append(server)
        await server.start(address)
        heard = await tell_milter(address, "a@sender.test", ("b@x.test", "c@x.test"), raw, 10)
        return heard, transactions[0]

    yield tell
    for server in servers:
        await server.stop()


async def test_a_message_arrives_whole_with_its_envelope(told):
    _, transaction = await told(Answer())
    assert transaction.message() == RAW
    assert transaction.sender.address == b"a@sender.test"
    assert [path.address for path in transaction.recipients] == [b"b@x.test", b"c@x.test"]


async def test_header_fields_and_a_hold_are_heard(told):
    answer = Answer(edits=(AddHeader("X-Spam-Flag", "NO"), Quarantine("a look is wanted")))
    heard, _ = await told(answer)
    assert heard == Heard("accept", (("X-Spam-Flag", "NO"),), "a look is wanted")


async def test_a_refusal_is_heard_with_its_text(told):
    heard, _ = await told(Answer(SmtpReply(550, "5.7.1", "100% refused")))
    assert heard == Heard("550 5.7.1 100% refused")


async def test_nobody_there_is_one_line(tmp_path):
    address = parse_address(f"unix:{tmp_path}/none", "milter.listen")
    with pytest.raises(MilterError, match="No such file"):
        await tell_milter(address, "", (), b"", 1)


async def test_silence_ends_in_time_and_closing_is_told(tmp_path):
    async def close(reader, writer):
        await reader.read(4)
        writer.close()
        left.set()

    async def hold(reader, writer):
        await reader.read()
        writer.close()
        left.set()

    for number, (behave, said) in enumerate(((close, "closed"), (hold, "no answer"))):
        path, left = f"{tmp_path}/bad{number}", asyncio.Event()
        server = await asyncio.start_unix_server(behave, path)
        with pytest.raises(MilterError, match=said):
            await tell_milter(parse_address(f"unix:{path}", "k"), "", (), b"", 0.5)
        server.close()
        await left.wait()
