"""A listening milter and an MTA of raw frames: every message has its own answer, none has none."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from apps.hook.addresses import parse_address
from apps.hook.milter.answer import Answer, Quarantine, SmtpReply
from apps.hook.milter.frames import Frames, frame
from apps.hook.milter.server import Limits, Server
from apps.hook.milter.transaction import Offered, Path, Peer, Transaction
from tests.apps.hook.milter.raw_mta import (
    ACCEPT,
    CONTINUE,
    RawMta,
    connect,
    macros,
    message,
    offer,
    telling,
)

TOLD_Q1 = [CONTINUE, CONTINUE, (b"h", b"X-Told\0 Q1\0"), ACCEPT]
REFUSED_Q1 = [CONTINUE, CONTINUE, (b"y", b"550 5.7.1 100%% no to Q1\0")]


class Seen:
    """A handler that keeps what it was given, and answers when it may."""

    def __init__(self) -> None:
        self.transactions: list[Transaction] = []
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, transaction: Transaction) -> Answer:
        self.transactions.append(transaction)
        self.asked.set()
        await self.may_answer.wait()
        return await telling(transaction)


async def seen_alone(serve: Any, mta: Any, *frames: bytes, **limits: Any) -> Transaction:
    """Return what a handler sees of one message, sent as these frames."""
    seen = Seen()
    await serve(seen, **limits)
    peer = await mta()
    await peer.greet()
    await peer.send(*frames)
    await peer.ends()
    [transaction] = seen.transactions
    return transaction


async def test_all_that_was_said_of_a_message_is_handed_over(serve, mta):
    transaction = await seen_alone(serve, mta, message(b"Hello.\r\n"))
    assert transaction == Transaction(
        peer=Peer(b"mx.test", "192.0.2.7", 25),
        helo=b"mx.test",
        sender=Path(b"a@sender.test"),
        recipients=(Path(b"b@ours.test"),),
        macros={"mail_addr": b"a@sender.test", "i": b"Q1"},
        headers=((b"Subject", b" hello"),),
        body=b"Hello.\r\n",
        size=26,
    )
    assert transaction.message() == b"Subject: hello\r\n\r\nHello.\r\n"


async def test_a_message_is_the_same_bytewise_and_coalesced(serve, mta):
    await serve(telling)
    for piece in (None, 1, 3):
        peer = await mta()
        await peer.send(offer(), connect(), message(), message(b"refuse"), piece=piece)
        assert (await peer.reply())[0] == b"O"
        assert await peer.ends() == TOLD_Q1
        assert await peer.ends() == REFUSED_Q1


@pytest.mark.parametrize("between", [b"", frame(b"A"), frame(b"A") + frame(b"A")])
async def test_each_message_of_a_connection_has_its_own_answer(serve, mta, between):
    await serve(telling)
    peer = await mta()
    await peer.greet()
    for body, told in ((b"x", TOLD_Q1), (b"refuse", REFUSED_Q1), (b"x", TOLD_Q1)):
        await peer.send(message(body), between)
        assert await peer.ends() == told


@pytest.mark.parametrize("count", range(1, 10))
async def test_nothing_of_an_aborted_message_is_left(serve, mta, count):
    read = Frames(100_000)
    read.feed(message(b"refuse", b"<old@sender.test>", (b"<old@ours.test>",), queue_id=b"OLD"))
    begun = [frame(*said) for said in list(iter(read.take, None))[:count]]
    transaction = await seen_alone(serve, mta, *begun, frame(b"A"), message(b"new"))
    assert transaction.message() == b"Subject: hello\r\n\r\nnew"
    assert transaction.sender == Path(b"a@sender.test")
    assert transaction.recipients == (Path(b"b@ours.test"),)
    assert transaction.macros == {"mail_addr": b"a@sender.test", "i": b"Q1"}


async def test_nothing_of_an_answered_message_is_left(serve, mta):
    seen = Seen()
    await serve(seen)
    peer = await mta()
    await peer.greet()
    await peer.send(message(), frame(b"E"))
    await peer.ends()
    await peer.ends()
    assert seen.transactions[1] == Transaction(
        peer=Peer(b"mx.test", "192.0.2.7", 25), helo=b"mx.test", size=2
    )


async def test_mail_without_abort_begins_anew(serve, mta):
    begun = macros(b"M", b"{auth_authen}", b"ann") + frame(b"M", b"<old@x>\0")
    begun += macros(b"R", b"i", b"OLD") + frame(b"R", b"<old@y>\0") + frame(b"L", b"X\0old\0")
    transaction = await seen_alone(serve, mta, begun, frame(b"M", b"<new@x>\0"), frame(b"E"))
    assert transaction.sender == Path(b"new@x")
    assert (transaction.recipients, transaction.headers, transaction.macros) == ((), (), {})


async def test_quit_nc_begins_another_client_on_the_same_connection(serve, mta):
    seen = Seen()
    await serve(seen)
    peer = await mta()
    await peer.greet(
        offer(), macros(b"C", b"j", b"one"), connect(b"one.test"), frame(b"H", b"one\0")
    )
    await peer.send(message())
    await peer.ends()
    await peer.send(frame(b"K"), connect(b"two.test", b"U"), message())
    await peer.ends()
    assert [(t.peer.name, t.helo, "j" in t.macros) for t in seen.transactions] == [
        (b"one.test", b"one", True),
        (b"two.test", None, False),
    ]


async def test_macros_stay_with_the_stage_that_they_came_with(serve, mta):
    transaction = await seen_alone(
        serve,
        mta,
        macros(b"H", b"{tls_version}", b"TLSv1.3"),
        frame(b"H", b"again.test\0"),
        macros(b"?", b"i", b"unknown stage"),
        macros(b"M", b"i", b"EARLY"),
        frame(b"M", b"<>\0"),
        macros(b"T", b"i", b"LATE"),  # of a command that this MTA doesn't send
        frame(b"E"),
    )
    assert transaction.macros == {"tls_version": b"TLSv1.3", "i": b"LATE"}
    assert (transaction.helo, transaction.sender) == (b"again.test", Path(b""))


async def test_macros_of_a_command_that_never_came_end_with_the_message(serve, mta):
    transaction = await seen_alone(
        serve,
        mta,
        frame(b"M", b"<old@x>\0") + macros(b"T", b"i", b"OLD") + frame(b"A"),
        frame(b"M", b"<new@x>\0") + frame(b"E"),
    )
    assert transaction.macros == {}


async def test_macros_of_no_sane_size_are_left_out(serve, mta):
    transaction = await seen_alone(
        serve, mta, macros(b"M", b"i", b"x" * 65_536) + frame(b"M", b"<>\0") + frame(b"E")
    )
    assert transaction.macros == {}


async def test_helo_without_macros_forgets_those_of_the_one_before(serve, mta):
    transaction = await seen_alone(
        serve,
        mta,
        macros(b"H", b"{tls_version}", b"TLSv1.3") + frame(b"H", b"a\0"),
        frame(b"H", b"b\0") + frame(b"M", b"<>\0") + frame(b"E"),
    )
    assert transaction.macros == {}


async def test_bytes_of_any_kind_pass_unchanged(serve, mta):
    headers = (
        (b"Subject", b" \xff\xfe raw"),
        (b"X-Fold", b" a\n\tb\n c"),
        (b"X-Empty", b""),
        (b"X-Spaces", b"   three"),
        (b"X-None", b"none"),
    )
    body = b"NUL \0 and \xff\r\n.\r\n\r\n"
    transaction = await seen_alone(
        serve, mta, message(body, "<ü@b.test>".encode(), (b"<\xff@b>",), headers)
    )
    assert transaction.headers == headers
    assert (transaction.sender, transaction.recipients) == (
        Path("ü@b.test".encode()),
        (Path(b"\xff@b"),),
    )
    assert transaction.message() == (
        b"Subject: \xff\xfe raw\r\nX-Fold: a\r\n\tb\r\n c\r\nX-Empty:\r\nX-Spaces:   three\r\n"
        b"X-None:none\r\n\r\n" + body
    )


async def test_a_thousand_recipients_and_five_hundred_headers_are_kept(serve, mta):
    recipients = tuple(b"<u%d@ours.test>" % n for n in range(1_000))
    headers = tuple((b"X-%d" % n, b" v" * 50) for n in range(500))
    transaction = await seen_alone(serve, mta, message(b"", b"<>", recipients, headers))
    assert [path.address for path in transaction.recipients] == [r[1:-1] for r in recipients]
    assert transaction.headers == headers
    assert not transaction.cut


@pytest.mark.parametrize("size", [65_534, 65_535, 65_536, 131_070, 131_071, 10_000_000])
async def test_a_body_is_whole_at_the_edges_of_its_pieces(serve, mta, size):
    seen = Seen()
    await serve(seen, body_bytes=10_000_000)
    peer = await mta()
    await peer.greet()
    body = bytes(range(251)) * (size // 251 + 1)
    await asyncio.gather(peer.send(message(body[:size], headers=())), peer.ends())
    [transaction] = seen.transactions
    assert transaction.body == body[:size]
    assert (transaction.cut, transaction.size) == (False, size + 2)


async def test_a_body_over_the_limit_is_cut_and_no_more_of_it_wanted(serve, mta):
    seen = Seen()
    await serve(seen, body_bytes=100)
    peer = await mta()
    await peer.greet()
    await peer.send(frame(b"M", b"<>\0"), frame(b"B", b"x" * 100), frame(b"B", b"y"), frame(b"E"))
    assert await peer.ends() == [CONTINUE, (b"s", b""), (b"h", b"X-Told\0 \0"), ACCEPT]
    [transaction] = seen.transactions
    assert (transaction.body, transaction.cut, transaction.size) == (b"x" * 100, True, 103)


async def test_an_mta_that_knows_no_skip_sends_all_and_the_size_is_known(serve, mta):
    seen = Seen()
    await serve(seen, body_bytes=100)
    peer = await mta()
    await peer.greet(offer(steps=0x1FFFFF & ~0x400))
    await peer.send(*(frame(b"B", b"x" * 60) for _ in range(5)), frame(b"E"))
    assert await peer.ends() == [(b"h", b"X-Told\0 \0"), ACCEPT]
    [transaction] = seen.transactions
    assert (len(transaction.body), transaction.cut, transaction.size) == (100, True, 302)


async def test_header_fields_over_the_limit_are_left_out(serve, mta):
    many = tuple((b"X-%d" % n, b"") for n in range(100))
    transaction = await seen_alone(serve, mta, message(headers=many), header_bytes=1_000)
    assert 5 < len(transaction.headers) < 20
    assert transaction.cut


async def test_of_header_fields_over_the_limit_some_names_are_counted(serve, mta):
    many = ((b"X-Pad", b""),) * 100 + ((b"X-OURS ", b" a"), (b"x-ours", b" b"), (b"X-Pad", b""))
    headers = ((b"X-Ours", b" first"), *many)
    given = {"header_bytes": 1_000, "counted": frozenset({b"x-ours"})}
    transaction = await seen_alone(serve, mta, message(headers=headers), **given)
    assert transaction.headers[0] == (b"X-Ours", b" first")
    assert transaction.beyond == {b"x-ours": 2}


async def test_recipients_over_the_limit_are_left_out(serve, mta):
    many = tuple(b"<%d@ours.test>" % n for n in range(100))
    transaction = await seen_alone(serve, mta, message(recipients=many), header_bytes=1_000)
    assert 5 < len(transaction.recipients) < 20
    assert transaction.cut


async def test_an_mta_that_offers_nothing_gets_a_reply_to_each_command_and_no_edit(serve, mta):
    async def holding(transaction: Transaction) -> Answer:
        assert transaction.offered == Offered(False, False, False)
        return Answer(edits=(Quarantine("held"),))

    await serve(holding)
    peer = await mta()
    assert await peer.greet(offer(6, 0, 0)) == (b"O", bytes([0, 0, 0, 6]) + bytes(8))
    for said in (connect(), frame(b"H", b"h\0"), frame(b"M", b"<>\0"), frame(b"R", b"<x>\0")):
        await peer.send(said)
        assert await peer.reply() == CONTINUE
    for said in (frame(b"T"), frame(b"L", b"X\0y\0"), frame(b"N"), frame(b"B", b"z")):
        await peer.send(said)
        assert await peer.reply() == CONTINUE
    await peer.send(frame(b"E"))
    assert await peer.reply() == ACCEPT


async def test_an_mta_of_version_2_is_served(serve, mta):
    await serve(telling)
    peer = await mta()
    assert await peer.greet(offer(2, 0x0F, 0x7F)) == (
        b"O",
        bytes([0, 0, 0, 2, 0, 0, 0, 1]) + bytes(4),
    )
    await peer.send(frame(b"M", b"<>\0"), frame(b"L", b"X\0y\0"), macros(b"E", b"i", b"Q"))
    await peer.send(frame(b"E"))
    assert await peer.ends() == [CONTINUE, CONTINUE, (b"h", b"X-Told\0Q\0"), ACCEPT]


async def test_unknown_commands_are_answered_and_change_nothing(serve, mta):
    await serve(telling)
    peer = await mta()
    await peer.greet()
    await peer.send(frame(b"U", b"NOOP\0"), frame(b"\xff", b"?"), message())
    assert await peer.ends() == [CONTINUE, *TOLD_Q1]


async def test_a_message_that_comes_before_any_negotiation_is_answered(serve, mta):
    await serve(telling)
    peer = await mta()
    await peer.send(frame(b"E"))
    assert await peer.ends() == [ACCEPT]


@pytest.mark.parametrize(
    "malformed",
    [
        bytes(4),
        (2**31).to_bytes(4, "big"),
        (1_048_577).to_bytes(4, "big"),
        frame(b"O", b"short"),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_malformed_frame_closes_its_connection_alone(serve, mta, malformed):
    await serve(telling)
    good, bad = await mta(), await mta()
    await good.greet()
    await bad.greet()
    await bad.send(malformed)
    assert await bad.closed()
    await good.send(message())
    assert await good.ends() == TOLD_Q1


async def test_quit_closes(serve, mta):
    await serve(telling)
    peer = await mta()
    await peer.greet()
    await peer.send(frame(b"Q"))
    assert await peer.closed()


async def test_a_handler_that_fails_costs_neither_the_message_nor_the_connection(serve, mta):
    async def failing(transaction: Transaction) -> Answer:
        if transaction.body == b"raise":
            raise RuntimeError("a defect")
        if transaction.body == b"cancel":
            raise asyncio.CancelledError
        if transaction.body == b"reply":
            return Answer(SmtpReply(250, "2.0.0", "no refusal"))
        return await telling(transaction)

    await serve(failing)
    peer = await mta()
    await peer.greet()
    for body in (b"raise", b"cancel", b"reply"):
        await peer.send(message(body))
        assert (await peer.ends())[-1] == ACCEPT
    await peer.send(message())
    assert await peer.ends() == TOLD_Q1


async def test_an_mta_that_waits_is_told_of_progress(serve, mta):
    seen = Seen()
    seen.may_answer.clear()
    await serve(seen, progress_seconds=0.01)
    peer = await mta()
    await peer.greet()
    await peer.send(message())
    told = [await peer.reply() for _ in range(5)]
    assert told == [CONTINUE, CONTINUE] + [(b"p", b"")] * 3
    seen.may_answer.set()
    assert [r for r in await peer.ends() if r[0] != b"p"] == TOLD_Q1[2:]


async def test_what_comes_while_a_message_is_judged_waits_for_its_answer(serve, mta):
    seen = Seen()
    seen.may_answer.clear()
    await serve(seen)
    peer = await mta()
    await peer.greet()
    await peer.send(message(b"refuse"), frame(b"A"), message(), frame(b"Q"))
    await seen.asked.wait()
    await asyncio.sleep(0.01)
    assert len(seen.transactions) == 1
    seen.may_answer.set()
    assert await peer.ends() == REFUSED_Q1
    assert await peer.ends() == TOLD_Q1
    assert await peer.closed()


async def test_a_client_that_drops_in_the_middle_of_anything_leaves_nothing_behind(serve, mta):
    seen = Seen()
    server = await serve(seen)
    whole = offer() + connect() + message()
    for end in (0, 3, 20, len(whole) // 2, len(whole)):
        seen.may_answer.clear()
        peer = await mta()
        await peer.send(whole[:end])
        await peer.close()
        seen.may_answer.set()
    while server.connections:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.001)
    peer = await mta()
    await peer.greet()
    await peer.send(message())
    assert await peer.ends() == TOLD_Q1


async def test_an_mta_that_reads_no_replies_is_read_no_further_until_it_does(serve, mta):
    server = await serve(telling)
    peer = await mta()
    await peer.greet()
    peer.writer.write(frame(b"T") * 300_000)
    [connection] = server._connections
    while not connection._paused:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    other = await mta()
    await other.greet()
    await other.send(message())
    assert await other.ends() == TOLD_Q1
    assert await peer.reader.readexactly(1_500_000) == frame(b"c") * 300_000


async def test_a_silent_connection_is_closed_and_a_judged_one_is_not(serve, mta):
    seen = Seen()
    seen.may_answer.clear()
    await serve(seen, idle_seconds=0.5)
    waiting, silent = await mta(), await mta()
    await waiting.greet()
    await waiting.send(message())
    await seen.asked.wait()
    await silent.greet()
    assert await silent.closed()  # the other has been silent for longer
    seen.may_answer.set()
    assert await waiting.ends() == TOLD_Q1


async def test_connections_over_the_limit_wait_until_one_ends(serve, mta):
    with capture_logs() as logs:
        server = await serve(telling, connections=1)
        first, second = await mta(), await mta()
        await first.greet()
        await second.send(offer())
        await asyncio.sleep(0.02)
    assert server.connections == 1
    assert [(log["event"], log["connections"]) for log in logs] == [("milter_full", 1)]
    await first.send(frame(b"Q"))
    assert (await second.reply())[0] == b"O"


async def test_draining_ends_idle_connections_and_lets_messages_end(serve, mta, socket_path):
    seen = Seen()
    seen.may_answer.clear()
    server = await serve(seen)
    idle, begun, judged = await mta(), await mta(), await mta()
    for peer in (idle, begun, judged):
        await peer.greet()
    whole = message()
    await begun.send(whole[:-5])
    assert await begun.reply() == CONTINUE
    await judged.send(whole)
    await seen.asked.wait()
    draining = asyncio.create_task(server.drain(10))
    assert await idle.closed()
    assert not socket_path.exists()
    await begun.send(whole[-5:])
    seen.may_answer.set()
    assert await judged.ends() == TOLD_Q1
    assert await begun.ends() == TOLD_Q1[1:]
    assert await judged.closed()
    assert await begun.closed()
    await draining


async def test_draining_ends_by_its_time_and_stopping_ends_the_rest(serve, mta):
    seen = Seen()
    seen.may_answer.clear()
    server = await serve(seen)
    peer = await mta()
    await peer.greet()
    await peer.send(message())
    await seen.asked.wait()
    await server.drain(0.01)
    assert server.connections == 1
    await server.stop()
    await server.stop()
    assert (await peer.reader.read())[:5] == frame(b"c")


async def test_over_tcp_a_message_is_answered_as_over_a_unix_socket():
    server = Server(telling, Limits())
    await server.start(parse_address("inet:127.0.0.1:0", "milter.listen"))
    peer = RawMta(*await asyncio.open_connection("127.0.0.1", server.port))
    await peer.greet()
    await peer.send(message())
    assert await peer.ends() == TOLD_Q1
    await peer.close()
    await server.stop()
