"""Whatever bytes come: an answer or a closed connection, no crash, no hang, nobody's verdict."""

import asyncio
import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.hook.api.envelope_headers import OURS, RSPAMD, HeaderError, submission
from apps.hook.api.lines import without_spool_lines
from apps.hook.api.rspamd_reply import as_lines, reply
from apps.hook.outcome import Outcome

NAMES = st.sampled_from([*RSPAMD.values(), *OURS.values(), "Key", "X-Other"]).map(
    lambda name: name.lower().encode()
)
MORE = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PIECES = st.sampled_from(
    [
        b"POST /checkv2 HTTP/1.1\r\n",
        b"POST /v1/check HTTP/1.1\r\n",
        b"POST /learnspam HTTP/1.0\r\n",
        b"GET /v1/messages/%00 HTTP/1.1\r\n",
        b"CHECK RSPAMC/1.3\r\n",
        b"CHECK ",
        b"PING RSPAMC/1.3\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Content-length: 99999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: application/json\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: upgrade\r\nUpgrade: websocket\r\n",
        b"IP: \xff\r\n",
        b"Host: x\r\n",
        b"\r\n",
        b"{}",
        b"m\n\n",
        b"3\r\nabc\r\n0\r\n\r\n",
    ]
)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=80)), max_size=12))
def test_any_headers_are_an_envelope_or_named(headers):
    for names in (RSPAMD, OURS):
        with contextlib.suppress(HeaderError):
            found = submission(headers, names, b"m")
            assert (found.mail_from or "x").encode()


@given(st.binary(max_size=400), st.sampled_from(["X-Spam-Flag", "X-Weir-Id"]))
def test_any_message_has_a_reply_of_whole_lines(raw, name):
    outcome = Outcome(action="add_header", remove=(name,), authserv_ids=("our.example",))
    said = reply(outcome, raw, 0.01)
    lines = as_lines(said).split(b"\r\n")
    assert lines[0] == b"RSPAMD/1.3 0 EX_OK"
    assert all(b":" in line for line in lines[1:-1])
    assert raw.endswith(without_spool_lines(raw))


@MORE
@given(st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=8))
async def test_any_bytes_are_answered_or_closed_and_others_go_on(serve_once, pieces):
    face = serve_once
    said = await asyncio.wait_for(face.raw(*pieces, half=True), 20)
    assert not said or said.startswith((b"HTTP/1.1 ", b"RSPAMD/1.3 "))
    answer, _ = await face.ask("GET", "/ping")
    assert answer.status == 200
