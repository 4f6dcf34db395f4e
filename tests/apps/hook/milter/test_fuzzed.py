"""Many MTAs at once, whatever they say: none gets another's answer, none stays without its own."""

import asyncio
import tempfile
from pathlib import Path
from typing import NamedTuple

import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.hook.addresses import parse_address
from apps.hook.milter.answer import AddHeader, Answer, SmtpReply
from apps.hook.milter.frames import frame
from apps.hook.milter.server import Handle, Limits, Server
from apps.hook.milter.transaction import Transaction
from tests.apps.hook.milter.raw_mta import RawMta, connect, macros, message, offer

ROUNDS = settings(max_examples=40, deadline=None)
ENDINGS = {b"a", b"d", b"y"}


class Mail(NamedTuple):
    """One message of a session: how it is judged, what comes before it, how it is cut up."""

    final: str
    delay: int
    begun: int
    aborts: int
    piece: int | None


MAIL = st.builds(
    Mail,
    st.sampled_from(["refuse", "accept", "discard", "fail"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from([None, 1, 7, 50]),
)
GARBAGE = st.builds(
    frame,
    st.binary(min_size=1, max_size=1).filter(lambda command: command not in {b"Q", b"O", b"E"}),
    st.one_of(
        st.binary(max_size=30), st.sampled_from([b"\0", b"<>\0", b"M" + b"i\0x\0", b"mx\x004"])
    ),
)


async def judge(transaction: Transaction) -> Answer:
    """Answer with the message's own name, after as many turns of the loop as it asks for."""
    final, name, delay = transaction.body.decode().split()
    assert transaction.macros.get("i", b"").decode() == name
    assert [path.address.decode() for path in transaction.recipients] == [name]
    for _ in range(int(delay)):
        await asyncio.sleep(0.001)
    if final == "fail":
        raise RuntimeError("a defect")
    if final == "discard":
        return Answer("discard")
    if final == "refuse":
        return Answer(SmtpReply(550, "5.7.1", name))
    return Answer(edits=(AddHeader("X-Name", name),))


def expected(mail: Mail, name: str) -> list[tuple[bytes, bytes]]:
    """Return the replies to one message, less those to its commands."""
    if mail.final == "refuse":
        return [(b"y", f"550 5.7.1 {name}".encode() + b"\0")]
    if mail.final == "discard":
        return [(b"d", b"")]
    added = [] if mail.final == "fail" else [(b"h", f"X-Name\0 {name}".encode() + b"\0")]
    return [*added, (b"a", b"")]


async def session(path: Path, number: int, mails: list[Mail]) -> None:
    """Send one session's messages at once, and check its replies in their order."""
    mta = await RawMta.open(path)
    await mta.greet()
    for place, mail in enumerate(mails):
        name = f"{number}.{place}"
        begun = b"".join(
            (
                macros(b"M", b"i", b"aborted"),
                frame(b"M", b"<aborted>\0"),
                frame(b"R", b"<aborted>\0"),
                frame(b"L", b"X\0aborted\0"),
            )[: mail.begun]
        )
        body = f"{mail.final} {name} {mail.delay}".encode()
        whole = message(
            body, b"<s>", (f"<{name}>".encode(),), ((b"X-Name", name.encode()),), name.encode()
        )
        aborts = frame(b"A") * mail.aborts
        await mta.send(begun, frame(b"A") if begun else b"", whole, aborts, piece=mail.piece)
    for place, mail in enumerate(mails):
        replies = await mta.ends()
        assert [r for r in replies if r[0] != b"c"] == expected(mail, f"{number}.{place}")
    await mta.close()


async def garbled(path: Path, frames: list[bytes]) -> None:
    """Send anything, then a message, which has its own answer all the same."""
    mta = await RawMta.open(path)
    await mta.send(offer(), *frames, frame(b"K"), offer(), connect())
    body = b"refuse garbled 0"
    await mta.send(message(body, recipients=(b"<garbled>",), queue_id=b"garbled"))
    replies = await mta.ends()
    assert replies[-1] == (b"y", b"550 5.7.1 garbled\0")
    assert {reply[0] for reply in replies[:-1]} <= {b"c", b"O", b"s"}
    await mta.close()


async def serving(handle: Handle, *peers: tuple[object, ...]) -> None:
    """Run all sessions at once against one milter."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s"
        server = Server(handle, Limits())
        await server.start(parse_address(f"unix:{path}", "milter.listen"))
        try:
            await asyncio.gather(*(run(path, *given) for run, *given in peers))  # type: ignore[operator]
        finally:
            await server.stop()


@ROUNDS
@given(
    st.lists(st.lists(MAIL, min_size=1, max_size=4), min_size=2, max_size=8),
    st.lists(st.lists(GARBAGE, max_size=12), max_size=3),
)
def test_no_message_gets_anothers_answer_whatever_others_say_meanwhile(sessions, garbage):
    honest = [(session, number, mails) for number, mails in enumerate(sessions)]
    uvloop.run(serving(judge, *honest, *((garbled, frames) for frames in garbage)))


@ROUNDS
@given(st.lists(st.binary(max_size=60), max_size=8))
def test_bytes_of_any_kind_hurt_no_other_connection(noise):
    async def noisy(path: Path, data: bytes) -> None:
        mta = await RawMta.open(path)
        await mta.send(data)
        await mta.close()

    mail = Mail("refuse", 1, 0, 2, None)
    uvloop.run(serving(judge, (session, 0, [mail] * 3), *((noisy, data) for data in noise)))
