"""What `miltertest` (OpenDKIM's, on libmilter's constants) says of the milter."""

import asyncio

import pytest

from apps.hook.milter.answer import AddHeader, Answer, ChangeHeader, Quarantine, SmtpReply
from apps.hook.milter.transaction import Transaction

# `error()` ends miltertest without a word, so scripts say what failed themselves. Its manual has
# negotiate's last two arguments the other way round.
PRELUDE = """
function check(what, held) if not held then mt.echo("FAILED " .. what) end end
function open(actions, steps, version)
  local conn = mt.connect("unix:" .. socket, 20, 0.05)
  if conn == nil then mt.echo("FAILED connect") error("no connection") end
  check("negotiate", mt.negotiate(conn, version, steps, actions) == nil)
  return conn
end
function send(conn, body, id)
  check("mail", mt.mailfrom(conn, "<a@sender.test>", "SIZE=100", "SMTPUTF8") == nil)
  check("rcpt", mt.rcptto(conn, "<" .. id .. "@ours.test>") == nil)
  check("header", mt.header(conn, "Subject", " " .. id) == nil)
  check("spam flag", mt.header(conn, "X-Spam-Flag", " YES") == nil)
  check("end of headers", mt.eoh(conn) == nil)
  check("body", mt.bodystring(conn, body) == nil)
  check("end", mt.eom(conn) == nil)
end
"""
NEGOTIATION = """
local conn = open(nil, nil, nil)
for name, wanted in pairs({ADDHDRS = true, CHGHDRS = true, QUARANTINE = true, CHGBODY = false,
                           ADDRCPT = false, DELRCPT = false, CHGFROM = false}) do
  check(name, mt.test_action(conn, _G["SMFIF_" .. name]) == wanted)
end
for name, wanted in pairs({NR_HDR = true, NR_CONN = true, NR_HELO = true, NR_MAIL = true,
                           NR_RCPT = true, NR_UNKN = true, NR_EOH = true, HDR_LEADSPC = true,
                           SKIP = true, NR_DATA = false, NR_BODY = false, NODATA = false,
                           NOBODY = false, NOHDRS = false}) do
  check(name, mt.test_option(conn, _G["SMFIP_" .. name]) == wanted)
end
mt.disconnect(conn)
"""
ANSWERS = """
local conn = open(nil, nil, nil)
check("connect", mt.conninfo(conn, "mx.test", "192.0.2.7") == nil)
check("helo", mt.helo(conn, "xn--99999999.test") == nil)
for turn = 1, 3 do
  mt.macro(conn, SMFIC_MAIL, "i", "Q" .. turn)
  send(conn, "accept me", "u" .. turn)
  check("accepted", mt.getreply(conn) == SMFIR_ACCEPT)
  local told = " Q" .. turn .. " u" .. turn
  check("told " .. turn, mt.eom_check(conn, MT_HDRINSERT, "X-Told", told, 1))
  check("flag removed", mt.eom_check(conn, MT_HDRDELETE, "X-Spam-Flag"))
  check("subject", mt.eom_check(conn, MT_HDRCHANGE, "Subject", " [spam] u" .. turn))
  check("not held", not mt.eom_check(conn, MT_QUARANTINE))
  send(conn, "refuse me", "u" .. turn)
  check("refused", mt.getreply(conn) == SMFIR_REPLYCODE)
  check("reply", mt.eom_check(conn, MT_SMTPREPLY, "550", "5.7.1", "100%% no to u" .. turn))
  check("no edit", not mt.eom_check(conn, MT_HDRINSERT, "X-Told"))
  mt.abort(conn)
  send(conn, "defer me", "u" .. turn)
  check("deferred", mt.eom_check(conn, MT_SMTPREPLY, "451", "4.7.1", "later, u" .. turn))
  send(conn, "hold me", "u" .. turn)
  check("held", mt.eom_check(conn, MT_QUARANTINE, "because of u" .. turn))
  send(conn, "discard me", "u" .. turn)
  check("discarded", mt.getreply(conn) == SMFIR_DISCARD)
end
mt.disconnect(conn)
"""
OLD = """
local conn = open(SMFIF_ADDHDRS, SMFIP_NOHDRS, 2)
check("connect", mt.conninfo(conn, "mx.test", "192.0.2.7") == nil)
check("its reply", mt.getreply(conn) == SMFIR_CONTINUE)
send(conn, "accept me", "old")
check("accepted", mt.getreply(conn) == SMFIR_ACCEPT)
check("no space of ours", mt.eom_check(conn, MT_HDRINSERT, "X-Told", "old", 1))
check("change not offered", not mt.eom_check(conn, MT_HDRCHANGE, "Subject"))
send(conn, "hold me", "old")
check("hold not offered", not mt.eom_check(conn, MT_QUARANTINE))
mt.disconnect(conn)
"""
FAMILIES = """
for address, told in pairs({["192.0.2.7"] = "192.0.2.7", ["2001:db8::1"] = "2001:db8::1",
                            unspec = "nil"}) do
  local conn = open(nil, nil, nil)
  check("connect", mt.conninfo(conn, "mx.test", address) == nil)
  send(conn, "whose", "x")
  check("client " .. address, mt.eom_check(conn, MT_HDRINSERT, "X-Client", " " .. told))
  mt.disconnect(conn)
end
"""
BODIES = """
local conn = open(nil, nil, nil)
for _, size in ipairs({1, 65535, 65536, 300000}) do
  mt.mailfrom(conn, "<>")
  mt.rcptto(conn, "<a@ours.test>")
  mt.eoh(conn)
  mt.bodyrandom(conn, size)
  check("end", mt.eom(conn) == nil)
  check("accepted " .. size, mt.getreply(conn) == SMFIR_ACCEPT)
end
mt.disconnect(conn)
"""
DROPS = """
for turn = 1, 3 do
  local conn = open(nil, nil, nil)
  mt.mailfrom(conn, "<a@sender.test>")
  mt.header(conn, "Subject", " refuse")
  mt.disconnect(conn, false)
end
local conn = open(nil, nil, nil)
check("unknown command", mt.unknown(conn, "XYZZY") == nil)
mt.mailfrom(conn, "<old@sender.test>")
mt.rcptto(conn, "<old@ours.test>")
mt.abort(conn)
send(conn, "accept me", "new")
check("told", mt.eom_check(conn, MT_HDRINSERT, "X-Told", " new", 1))
mt.disconnect(conn)
"""


async def judge(transaction: Transaction) -> Answer:
    """Do as the body says; name what else was understood."""
    name = transaction.recipients[0].address.decode().partition("@")[0]
    queue_id = transaction.macros.get("i", b"").decode()
    match transaction.body.split(b" ")[0]:
        case b"refuse":
            return Answer(SmtpReply(550, "5.7.1", f"100% no to {name}"))
        case b"defer":
            return Answer(SmtpReply(451, "4.7.1", f"later, {name}"))
        case b"discard":
            return Answer("discard")
        case b"hold":
            return Answer(edits=(Quarantine(f"because of {name}"),))
        case b"whose":
            return Answer(edits=(AddHeader("X-Client", transaction.peer.address or "nil", 1),))
        case _:
            return Answer(
                edits=(
                    ChangeHeader("X-Spam-Flag", 1, None),
                    ChangeHeader("Subject", 1, f"[spam] {name}"),
                    AddHeader("X-Told", f"{queue_id} {name}".strip(), 1),
                )
            )


@pytest.mark.parametrize(
    "script",
    [NEGOTIATION, ANSWERS, OLD, FAMILIES, BODIES, DROPS],
    ids=["negotiation", "answers", "old", "families", "bodies", "drops"],
)
async def test_miltertest_finds_nothing_wrong(serve, socket_path, tmp_path, script):
    await serve(judge)
    path = tmp_path / "script.lua"
    path.write_text(PRELUDE + script + '\nmt.echo("done")\n')
    process = await asyncio.create_subprocess_exec(
        *("miltertest", "-D", f"socket={socket_path}", "-s", str(path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert said.decode() == "done\n"
    assert process.returncode == 0
