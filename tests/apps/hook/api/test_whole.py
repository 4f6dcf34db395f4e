"""Everything behind the face: an embedded installation, rspamd's own client, labels, look-ups."""

import asyncio
import base64
import json
import time

import pytest

from apps.hook.embedded.decider import Embedded
from apps.hook.front import Front
from streams.settings import load, read_keys, write_keys

CONFIG = """
[embedded]
folder = "weir"
[policy]
file = "policy.toml"
archive = "policies"
[learner]
publish_seconds = 0.2
wait_seconds = 1
"""


@pytest.fixture
async def whole(tmp_path, serve):
    """Start an embedded installation, and the face before it on a Unix socket and on two ports.

    The second port is another tenant's.
    """
    (tmp_path / "weir.toml").write_text(CONFIG)
    (tmp_path / "policy.toml").write_text("shadow = false\n")
    keys = tmp_path / "keys.toml"
    write_keys(keys)
    settings = load(tmp_path / "weir.toml", {"WEIR_PRIVACY__KEYS_FILE": str(keys)})
    async with Embedded(settings) as decider:
        async with asyncio.timeout(60):
            while not all(decider.ready.values()):  # noqa: ASYNC110 - as a probe of readiness asks
                await asyncio.sleep(0.02)
        registry = decider.metrics.registry
        front = Front(settings, read_keys(keys), decider, lambda: decider.policies, registry)
        unix = await serve(f"unix:{tmp_path}/api", settings=settings, check=front.check)
        acme = await serve("inet:127.0.0.1:0 tenant=acme", settings=settings, check=front.check)
        yield unix, await serve(settings=settings, check=front.check), acme


async def rspamc(where, *arguments, mail=b""):
    """Run rspamd's client; return its exit code and what it prints."""
    process = await asyncio.create_subprocess_exec(
        *("rspamc", "-t", "20", "-h", where, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(mail)
    return process.returncode, said.decode()


async def known(face, ident, holds, seconds=30):
    """Ask for a message until what is known of it is what a test waits for."""
    deadline = time.monotonic() + seconds
    while True:
        answer, body = await face.ask("GET", f"/v1/messages/{ident}")
        said = json.loads(body)
        if answer.status == 200 and holds(said):
            return said
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.05)


async def of_another_tenant(face, ident):
    """Nothing is known there of a message, and what is said of it there counts for nothing."""
    answer, _ = await face.ask("GET", f"/v1/messages/{ident}")
    assert answer.status == 404
    record = {"id": ident, "truth": "ham", "reporter": "x@y.example", "tenant": "default"}
    answer, _ = await face.ask("POST", "/v1/labels", json=record | {"source": "rescue"})
    assert answer.status == 202


async def test_rspamds_own_client_and_our_api_on_one_installation(whole, eml, tmp_path):
    unix, port, acme = whole
    where = f"127.0.0.1:{port.server.port}"

    code, said = await rspamc(
        where,
        *("-i", "192.0.2.9", "--helo", "h.example", "-F", "a@one.example", "-r", "b@two.example"),
        mail=eml(),
    )
    assert code == 0
    assert "\nAction: " in said
    assert " / 15.00\n" in said
    assert "Message-ID: 1@one.example\n" in said
    (seen,) = port.check.seen
    assert (seen.client.ip, seen.client.helo) == ("192.0.2.9", "h.example")
    assert (seen.mail_from, seen.rcpt_to) == ("a@one.example", ("b@two.example",))

    mail = eml().replace(b"<1@", b"<2@")
    code, said = await rspamc(f"{tmp_path}/api", "--json", mail=mail)
    reply = json.loads(said)
    assert code == 0
    assert {"action", "score", "required_score", "symbols", "message-id", "milter"} <= set(reply)
    ident, token = reply["weir"]["id"], reply["milter"]["add_headers"]["X-Weir-Id"]

    # What was judged is known by its id and by its token.
    found = await known(port, ident, lambda said: said["verdict"] is not None)
    assert found["verdict"]["id"] == found["id"] == ident
    assert found["bytes"] == len(mail)
    assert (await known(port, token, bool))["id"] == ident
    answer, _ = await port.ask("GET", "/v1/messages/01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11")
    assert answer.status == 404

    await of_another_tenant(acme, ident)

    # Over a port nobody is an analyst, and a stranger's message teaches nothing.
    code, said = await rspamc(where, "learn_spam", mail=b"From: x@y.example\n\nNew.\n")
    assert code == 1
    record = {"id": ident, "truth": "spam", "source": "analyst"}
    answer, _ = await port.ask("POST", "/v1/labels", json=record)
    assert answer.status == 403

    # A user's report is one, by the Message-ID of what was judged.
    code, said = await rspamc(where, "-u", "anna@two.example", "learn_spam", mail=mail)
    assert code == 0
    assert "success = true" in said
    found = await known(port, ident, lambda said: said["labels"])
    (label,) = found["labels"]
    assert (label["truth"], label["source"], label["stands"]) == ("spam", "report", True)

    # Over the socket `rspamc learn_ham` is an analyst's word, also on a message never seen.
    code, said = await rspamc(
        f"{tmp_path}/api", "learn_ham", mail=b"From: x@y.example\nSubject: n\n\nNew.\n"
    )
    assert code == 0
    assert "learned as a bare message" in said

    # Our own API: by id, and taken back.
    record = {"id": ident, "truth": "ham", "source": "analyst", "reporter": "desk"}
    answer, body = await unix.ask("POST", "/v1/labels", json=record)
    assert (answer.status, json.loads(body)["message"]) == (202, ident)
    await known(port, ident, lambda said: len(said["labels"]) == 2)
    taken = {"id": ident, "source": "analyst", "reporter": "desk", "retract": True}
    answer, _ = await unix.ask("POST", "/v1/labels", json=taken)
    assert answer.status == 202
    await known(
        port, ident, lambda said: sorted(it["stands"] for it in said["labels"]) == [False, True]
    )

    for wrong, why in (
        ({"truth": "spam"}, "exactly one of"),
        ({"id": ident, "token": token, "truth": "spam"}, "exactly one of"),
        ({"id": ident}, "truth: missing"),
        ({"id": ident, "truth": "phish", "source": "rescue", "reporter": "x"}, "rescue can't say"),
        ({"id": "never-seen", "truth": "spam"}, "no message under this id"),
        ({"token": "v1.x.-.-.-." + "0" * 24, "truth": "spam"}, "forged"),
        ({"message": base64.b64encode(b"no header").decode(), "truth": "spam"}, "no header"),
        ({"id": ident, "truth": "spam", "tenant": "../x"}, "tenant"),
    ):
        answer, body = await unix.ask("POST", "/v1/labels", json=wrong)
        assert (answer.status, json.loads(body)["status"]) == (422, 422)
        assert why in json.loads(body)["detail"]


async def test_without_its_store_a_label_is_refused_for_now_and_mail_is_judged(
    serve, eml, tmp_path
):
    keys = tmp_path / "keys.toml"
    write_keys(keys)
    settings = load(
        None,
        {
            "WEIR_PRIVACY__KEYS_FILE": str(keys),
            "WEIR_REDIS__PORT": "1",
            "WEIR_REDIS__TIMEOUT_SECONDS": "1",
            "WEIR_KAFKA__BROKERS": "127.0.0.1:1",
        },
    )
    face = await serve(settings=settings)
    record = {
        "id": "01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11",
        "truth": "spam",
        "reporter": "a@b.example",
    }
    answer, body = await face.ask("POST", "/v1/labels", json=record)
    assert answer.status == 503
    assert json.loads(body)["status"] == 503
    assert "Retry-After" in answer.headers
    answer, _ = await face.ask("GET", f"/v1/messages/{record['id']}")
    assert answer.status == 503
    answer, _ = await face.ask("POST", "/checkv2", data=eml())
    assert answer.status == 200
