"""Whatever a message or the DNS says, facts come, in time, and name nothing that isn't proven."""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.hook.verifying.client import behind_relays
from apps.hook.verifying.dmarc import author_domain
from apps.hook.verifying.key_records import read_key
from apps.hook.verifying.policy_records import parse_policy
from apps.hook.verifying.resolver import Resolver
from apps.hook.verifying.signatures import read_tags, usable_tags
from apps.hook.verifying.splitting import split_message
from apps.hook.verifying.tree_walk import names_walked
from apps.hook.verifying.verifier import Verifier
from features.authentication_results import as_result
from features.envelope import Client, Envelope
from tests.apps.hook.verifying.dns_server import DnsServer
from tests.apps.hook.verifying.signers import MESSAGE

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEXT = st.text(st.characters(codec="latin-1"), max_size=40)
WORDS = "1,2,rsa-sha256,ed25519-sha256,example.com,s1,from:to,from,pass,none,relaxed/relaxed,simple"
VALUES = st.one_of(
    TEXT, st.sampled_from([*WORDS.split(","), "AAAA", "=", "9" * 5_000, "reject", "y"])
)
NAMES = "v,a,b,bh,c,d,h,i,l,q,s,t,x,z,k,p,cv,sp,np,psd,rua"
TAGS = st.lists(st.tuples(st.sampled_from(NAMES.split(",")), VALUES)).map(
    lambda pairs: "; ".join(f"{name}={value}" for name, value in pairs)
)
FIELD_NAMES = (
    "DKIM-Signature,ARC-Seal,ARC-Message-Signature,ARC-Authentication-Results,From,Received,From "
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(FIELD_NAMES.split(",")), st.one_of(TAGS, TEXT)), max_size=8
).map(lambda pairs: b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in pairs))
MECHANISMS = """
a mx ptr +all -all include:example.com redirect=example.com exists:%{i}.%{l}.%{d9}.test % %{
exists:%{p}.test ip4:203.0.114.0/24 ip6:::1/128 exp=example.com a:%{sr}.test/0//0 a:/24
"""
TERMS = st.one_of(st.sampled_from([*MECHANISMS.split(), "%{d" + "9" * 5_000 + "}"]), TEXT)
SPF = st.lists(TERMS, max_size=15).map(lambda terms: " ".join(["v=spf1", *terms]))
RECORDS = st.lists(st.one_of(SPF, TAGS.map("v=DMARC1; {}".format), TAGS, TEXT), max_size=3)


class _Hostile(DnsServer):
    """Says to every TXT question what a test chose, or sends what it chose as the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.wire: bytes | None = None

    async def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:  # noqa: ARG002 - as its parent
        if self.wire is not None:
            return wire[:2] + self.wire
        query_name = wire[12:]
        end = query_name.index(b"\0") + 5
        answers = b"".join(
            b"\xc0\x0c\0\x10\0\1\0\0\0\1" + _rdata(text.encode("latin-1")) for text in self.texts
        )
        counts = b"\0\1" + len(self.texts).to_bytes(2, "big") + b"\0\0\0\0"
        kind = query_name[end - 4 : end - 2]
        if kind != b"\0\x10":
            counts, answers = b"\0\1\0\0\0\0\0\0", b""
        return wire[:2] + b"\x81\x80" + counts + query_name[:end] + answers


def _rdata(text: bytes) -> bytes:
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)] or [b""]
    rdata = b"".join(bytes([len(piece)]) + piece for piece in pieces)
    return len(rdata).to_bytes(2, "big") + rdata


@pytest.fixture(scope="module")
def looked_up():
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        server = _Hostile()
        runner.run(server.start())
        stack.callback(lambda: runner.run(server.stop()))

        def look_up(raw, texts=(), *, wire=None, sender="ann@example.com"):
            async def facts():
                resolver = Resolver([server.server], timeout=0.02 if wire else 2.0, most=100)
                verifier = Verifier(resolver, (), ("bl.test",), budget=20.0)
                client = Client(ip="203.0.114.7", helo="mx.test")
                envelope = Envelope(id="1", received_at=NOW, client=client, mail_from=sender)
                try:
                    async with asyncio.timeout(30):
                        return await verifier.facts(envelope, raw, 1e9)
                finally:
                    await verifier.close()

            server.texts, server.wire = list(texts), wire
            return runner.run(facts())

        yield look_up


def _sound(facts):
    for method in ("spf", "dkim", "dmarc", "arc"):
        assert as_result(facts[method].value) != "missing"
    # Nobody here has a key: whatever is signed, nothing is proven by it.
    assert facts["dkim"].value != "pass"
    assert facts["arc"].value != "pass"
    assert all(len(str(fact.value)) < 1_000 for fact in facts.values())


def test_what_the_server_says_is_heard(looked_up):
    facts = looked_up(MESSAGE, ["v=spf1 ip4:203.0.114.7 -all", "v=DMARC1; p=reject"])
    assert (facts["spf"].value, facts["dmarc"].value) == ("pass", "pass")


@given(FIELDS, st.binary(max_size=50))
@settings(max_examples=100, deadline=None)
def test_no_header_breaks_anything(looked_up, fields, body):
    _sound(looked_up(fields + b"\r\n" + body))


@given(RECORDS, st.one_of(TEXT, TEXT.map("{}@example.com".format)))
@settings(max_examples=100, deadline=None)
def test_no_record_breaks_anything(looked_up, records, sender):
    facts = looked_up(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
        + MESSAGE,
        records,
        sender=sender,
    )
    _sound(facts)


@given(st.binary(max_size=60))
@settings(max_examples=5, deadline=None)
def test_no_answer_breaks_anything(looked_up, wire):
    _sound(looked_up(MESSAGE, wire=wire))


@given(st.binary(max_size=300))
def test_no_bytes_break_what_reads_them(raw):
    split = split_message(raw)
    author_domain(split)
    behind_relays(Envelope(id="1", received_at=NOW, client=Client(ip="127.0.0.1")), split, ())
    usable_tags(read_tags(raw))
    read_key(raw)
    parse_policy(raw.decode("latin-1"))


@given(st.text(min_size=1, max_size=300))
def test_no_name_is_walked_in_more_than_eight_steps(name):
    assert len(names_walked(name)) <= 8
