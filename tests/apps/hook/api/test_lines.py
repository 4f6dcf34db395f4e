"""The older protocol, as Exim 4.96 was seen to speak it, and as it reads the reply."""

import re

import pytest

from apps.hook.api.lines import without_spool_lines
from apps.hook.api.rspamd_reply import as_lines
from streams.hook_sections import ApiSection

SPOOL = (
    b"From MAILER-DAEMON Sun Nov 22 01:54:22 2026\n"
    b"X-Envelope-From: <a@one.example>\nX-Envelope-To: b@two.example,\n\tc@two.example\n"
)
# What its sscanf asks for (src/spam.c).
EXIM = re.compile(
    rb"RSPAMD/\S{1,7} 0 EX_OK\r\nMetric: default; \S{1,7} [-\d.]+ / [-\d.]+ / [-\d.]+\r\n"
    rb"Action: [a-z ]{1,31}\r\n"
)


def request(mail, *headers):
    lines = [
        b"CHECK RSPAMC/1.3",
        b"Content-length: %d" % len(mail),
        b"Queue-Id: 1xUwmc-00041o-0w",
        b"From: <a@one.example>",
        b"Recipient-Number: 2",
        b"Rcpt: <b@two.example>",
        b"Rcpt: <c@two.example>",
        b"Helo: client.example",
        b"IP: 192.0.2.7",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + mail


async def test_exim_gets_its_score_and_its_action(serve, eml):
    face = await serve()
    said = await face.raw(request(SPOOL + eml("add_header")))
    assert EXIM.match(said)
    assert b"Action: add header\r\n" in said
    assert b"\r\nX-Milter-Add: X-Weir-Id: v1." in said
    assert b"\r\nX-Milter-Del: X-Spam-Flag\r\n" in said
    (seen,) = face.check.seen
    assert seen.raw == eml("add_header")
    assert seen.mail_from == "a@one.example"
    assert seen.rcpt_to == ("b@two.example", "c@two.example")
    assert (seen.client.ip, seen.client.helo) == ("192.0.2.7", "client.example")


async def test_bytes_may_come_one_by_one(serve, eml):
    face = await serve()
    whole = request(eml("reject"))
    said = await face.raw(*(whole[at : at + 1] for at in range(len(whole))))
    assert b"Action: reject\r\n" in said


async def test_a_client_may_close_its_side_behind_the_request(serve, eml):
    face = await serve()
    said = await face.raw(request(eml("reject")), half=True)
    assert b"Action: reject\r\n" in said
    assert await face.raw(request(eml())[:-1], half=True) == b""


async def test_what_comes_behind_the_message_isnt_part_of_it(serve, eml):
    face = await serve()
    await face.raw(request(eml()) + b"more")
    (seen,) = face.check.seen
    assert seen.raw == eml()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"CHECK RSPAMC/1.3\r\n\r\n", b"Content-length: missing"),
        (b"CHECK RSPAMC/1.3\r\nContent-length: -1\r\n\r\n", b"Content-length: missing"),
        (b"CHECK RSPAMC/1.3\r\nContent-length: 0\r\n\r\n", b"no message"),
        (b"CHECK RSPAMC/1.3\r\nnothing\r\n\r\n", b"no header"),
        (b"CHECK RSPAMC/1.3\r\nContent-length: 1\r\nIP: x\r\n\r\nm", b"IP: 'x'"),
        (b"CHECK RSPAMC/1.3\r\n" + b"x" * 300_000, b"too long"),
    ],
    ids=lambda given: str(given)[:60],
)
async def test_a_wrong_request_gets_one_line_that_is_no_verdict(serve, sent, said):
    face = await serve()
    answer = await face.raw(sent)
    assert answer.startswith(b"RSPAMD/1.3 65 ")
    assert said in answer
    assert answer.count(b"\r\n") == 1
    assert face.check.seen == []


async def test_where_a_token_is_needed_a_port_gives_no_verdict(serve, eml, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("mta " + "t" * 32)
    tokens.chmod(0o600)
    face = await serve(api=ApiSection(tokens_file=str(tokens)))
    assert b"a token is needed" in await face.raw(request(eml()))


def test_only_what_exim_wrote_is_taken_off(eml):
    assert without_spool_lines(SPOOL + eml()) == eml()
    assert without_spool_lines(eml()) == eml()
    own = b"X-Envelope-To: b@two.example\n" + eml()
    assert without_spool_lines(own) == own


def test_a_reply_fits_what_exim_reads():
    symbol = {"score": 0.1, "name": "S" * 90}
    said = {
        "score": 7.0,
        "required_score": 15.0,
        "action": "add header",
        "messages": {},
        "message-id": "x\r\nSymbol: FORGED(9.00)",
        "milter": {"add_headers": {}, "remove_headers": {}},
        "symbols": {str(number): symbol for number in range(1_000)},
    }
    lines = as_lines(said)
    assert len(lines) < 32_600
    assert b"\r\nSymbol: FORGED" not in lines
    assert EXIM.match(lines)
