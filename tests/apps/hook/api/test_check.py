"""POST /v1/check and POST /checkv2, through the real front and the real core."""

import asyncio
import base64
import json
from hashlib import sha256

import pytest

from apps.hook.api.rspamd_reply import RSPAMD_ACTIONS
from detectors.actions import ACTIONS
from streams.sections import IdentitySection

RFC822 = {"Content-Type": "message/rfc822"}


async def test_a_message_as_it_is_with_its_envelope_in_headers(serve, eml):
    face = await serve()
    headers = RFC822 | {"Weir-Client-Ip": "192.0.2.9", "Weir-Mail-From": "a@one.example"}
    answer, body = await face.ask("POST", "/v1/check", data=eml("reject"), headers=headers)
    said = json.loads(body)
    assert answer.status == 200
    assert said["action"] == "reject"
    assert said["reply"]["code"] == 550
    assert said["id"] in said["reply"]["text"]
    assert said["verdicts"][0]["id"] == said["id"]
    (seen,) = face.check.seen
    assert (seen.client.ip, seen.mail_from, seen.raw) == (
        "192.0.2.9",
        "a@one.example",
        eml("reject"),
    )


async def test_a_record_says_the_same(serve, eml):
    face = await serve()
    record = {
        "message": base64.b64encode(eml("quarantine")).decode(),
        "client": {"ip": "2001:db8::1", "helo": "h.example"},
        "mail_from": "",
        "rcpt_to": ["b@two.example"],
        "user": "anna",
    }
    answer, body = await face.ask("POST", "/v1/check", json=record)
    said = json.loads(body)
    assert (answer.status, said["action"]) == (200, "quarantine")
    assert said["hold"].startswith("weir: ")
    (seen,) = face.check.seen
    assert (seen.client.ip, seen.mail_from, seen.user) == ("2001:db8::1", "", "anna")


@pytest.mark.parametrize(
    ("headers", "content", "status", "said"),
    [
        ({"Weir-Client-Ip": "x"}, b"m", 400, "Weir-Client-Ip: 'x'"),
        ({}, b"", 400, "the body is empty"),
        ({"Content-Type": "application/json"}, b"{", 422, "truncated"),
        ({"Content-Type": "application/json"}, b'{"message": "%"}', 422, "base64"),
        ({"Content-Type": "application/json"}, b'{"message": "bQ==", "x": 1}', 422, "`x`"),
        (
            {"Content-Type": "application/json"},
            b'{"message": "bQ==", "client": {"ip": "x"}}',
            422,
            "client.ip: 'x'",
        ),
        ({"Content-Type": "application/json"}, b"[" * 100_000, 422, ""),
    ],
    ids=lambda given: str(given)[:30],
)
async def test_what_cant_be_right_is_a_problem_that_says_what(
    serve, headers, content, status, said
):
    face = await serve()
    answer, body = await face.ask("POST", "/v1/check", data=content, headers=headers)
    problem = json.loads(body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.content_type == "application/problem+json"
    assert said in problem["detail"]
    assert face.check.seen == []


async def test_a_record_that_is_too_long_is_refused(serve):
    face = await serve()
    record = b'{"message": "' + b"A" * 3_000_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer, _ = await face.ask("POST", "/v1/check", data=record, headers=headers)
    assert answer.status == 413


@pytest.mark.parametrize("path", ["/v1/check", "/checkv2"])
async def test_an_oversized_message_is_judged_by_its_beginning(serve, eml, path):
    face = await serve()
    large = eml() + b"x" * 3_000_000
    answer, _ = await face.ask("POST", path, data=large, headers=RFC822)
    assert answer.status == 200
    (seen,) = face.check.seen
    assert seen.raw == large[:100_000]
    assert seen.truncated.size == len(large)
    assert seen.truncated.sha256 == sha256(large).hexdigest()


@pytest.mark.parametrize("action", ACTIONS)
async def test_rspamds_reply_has_its_action_its_score_and_what_adds_up_to_it(serve, eml, action):
    face = await serve()
    headers = {"IP": "192.0.2.9", "From": "a@one.example", "Rcpt": "b@two.example"}
    answer, body = await face.ask("POST", "/checkv2", data=eml(action), headers=headers)
    said = json.loads(body)
    assert answer.status == 200
    assert said["action"] == RSPAMD_ACTIONS[action]
    assert said["weir"]["action"] == action
    assert said["required_score"] == 15.0
    assert (said["score"] >= 15.0) == (said["action"] == "reject")
    if action != "defer":
        assert (said["score"] >= 6.0) == (action != "accept")
    total = sum(symbol["score"] for symbol in said["symbols"].values())
    assert total == pytest.approx(said["score"], abs=0.01)
    for name, symbol in said["symbols"].items():
        assert symbol["name"] == name
        assert name.startswith("WEIR_")
    assert said["message-id"] == "1@one.example"


async def test_rspamds_reply_has_the_headers_that_the_milter_would_add(serve, eml):
    face = await serve()
    _, body = await face.ask("POST", "/checkv2", data=eml("rewrite_subject"))
    said = json.loads(body)
    added, removed = said["milter"]["add_headers"], said["milter"]["remove_headers"]
    assert added["X-Spam-Flag"] == "YES"
    assert added["X-Weir-Id"].startswith("v1.")
    assert set(removed.values()) == {0}
    assert {"X-Spam-Flag", "X-Weir-Id"} <= set(removed)
    assert said["subject"].endswith("rewrite_subject")
    assert said["subject"] != "rewrite_subject"


@pytest.mark.parametrize(
    ("header", "number"),
    [
        (b"Authentication-Results: theirs.example; spf=pass\r\n", None),
        (b"Authentication-Results: our.example.; spf=pass\r\n", 1),
        (b"Authentication-Results: (our.example; spf=pass\r\n", 1),
        (b'Authentication-Results:\r\n "Our.Example" 1; spf=pass\r\n', 1),
        (b"Authentication-Results: x; a=b\r\nAuthentication-Results: our.example; a=b\r\n", 2),
        (b"X: y\rAuthentication-Results: theirs.example; spf=pass\r\n", 0),
        (b"X: y\r\n" * 1_100 + b"Authentication-Results: our.example; spf=pass\r\n", 0),
    ],
)
async def test_results_in_our_name_go_also_where_they_are_hard_to_read(
    serve, front, eml, header, number
):
    ours = IdentitySection(authserv_ids=("our.example",))
    face = await serve(check=front(identity=ours).check)
    _, body = await face.ask("POST", "/checkv2", data=header + eml())
    assert json.loads(body)["milter"]["remove_headers"].get("Authentication-Results") == number


async def test_a_reject_tells_rspamds_clients_what_to_say(serve, eml):
    face = await serve()
    _, body = await face.ask("POST", "/checkv2", data=eml("reject"))
    said = json.loads(body)
    assert said["weir"]["id"] in said["messages"]["smtp_message"]


async def test_an_error_is_to_rspamds_clients_an_error_and_nothing_else(serve, eml):
    face = await serve()
    answer, body = await face.ask("POST", "/checkv2", data=eml(), headers={"IP": "x"})
    assert answer.status == 400
    assert list(json.loads(body)) == ["error"]
    assert json.loads(body)["error"].startswith("IP: 'x'")


async def test_a_listener_says_whose_mail_it_is(serve, eml, tmp_path):
    face = await serve(f"unix:{tmp_path}/api tenant=school direction=outbound")
    await face.ask("POST", "/checkv2", data=eml())
    (seen,) = face.check.seen
    assert (seen.listener.tenant, seen.listener.direction) == ("school", "outbound")


async def test_nobody_gets_anothers_verdict(serve, eml):
    """A hundred clients at once, by all ways in, over connections that are used again."""
    face = await serve()

    async def ask(number):
        action = ACTIONS[number % len(ACTIONS)]
        mail = eml(f"{action} {number}")
        if number % 3 == 0:
            head = b"CHECK RSPAMC/1.3\r\nContent-length: %d\r\n\r\n" % len(mail)
            said = await face.raw(head, mail[:7], mail[7:])
            return f"Action: {RSPAMD_ACTIONS[action]}\r\n".encode() in said
        path = "/v1/check" if number % 3 == 1 else "/checkv2"
        _, body = await face.ask("POST", path, data=mail, headers=RFC822)
        said = json.loads(body)
        return action == (said["action"] if path == "/v1/check" else said["weir"]["action"])

    assert all(await asyncio.gather(*map(ask, range(300))))
    assert len(face.check.seen) == 300
