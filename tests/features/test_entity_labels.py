"""What a person types is the entity that a message touches."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.context import Context
from features.entity_labels import FORMS, entity_of
from features.rolling import KINDS

CONTEXT = Context(hash_key=b"a key of a test", hash_key_id="k")
FREE = {"dkim": "pass", "dkim.domains": "gmail.com"}
DKIM = {"dkim": "pass", "dkim.domains": "example.org"}
HEAD = "DKIM-Signature: v=1; b=xyz\nFrom: Erika Muster <{}>\nMIME-Version: 1.0"
TEXT = "the quick brown fox jumps over a lazy dog while seven other animals watch it go home"


def named(text):
    return entity_of(text, CONTEXT, "default")


def test_every_label_names_its_own_entity(letter):
    messages = [
        letter(HEAD.format(author), body, facts=facts, ip=ip, helo="mx.site.org", **more)
        for author in ("erika@example.org", "erika@gmail.com", "a@em1.sendgrid.net", "x@nowhere")
        for facts in ({}, DKIM, FREE, {"spf": "pass", "spf.domain": "sendgrid.net"})
        for ip in ("192.0.2.9", "2001:db8::1", None)
        for body in ("see http://site.net/", TEXT)
        for more in (
            {},
            {"direction": "outbound", "user": "bob@our.example", "rcpt_to": ("a@partner.de",)},
        )
    ]
    file = (
        "From: a@b.de\nTo: Jo Doe <jo@partner.de>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=x"
    )
    parts = "--x\n\nHello\n--x\nContent-Type: application/pdf\n\n%PDF-1\n--x--"
    messages.append(letter(file, parts, direction="outbound", rcpt_to=("jo@partner.de",)))

    found = {it.entity.key: it.entity for message in messages for it in message.touches.increments}

    assert {entity.kind.name for entity in found.values()} == set(KINDS)
    for entity in found.values():
        assert named(entity.label) == entity


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("dkim:Mail.Example.org", "dkim:example.org"),
        ("claimed:example.org@192.0.2.77", "claimed:example.org@192.0.2.0/24"),
        ("network:192.0.2.77", "network:192.0.2.0/24"),
        ("ip:2001:db8:1:2:3::4", "ip:2001:db8:1:2::/64"),
        ("link:www.example.co.uk", "link:example.co.uk"),
        ("route:dkim:example.org@192.0.2.1", "route:dkim:example.org@192.0.2.0/24"),
        ("route:*outbound@default", "route:*outbound@default"),
        ("likeness:examp1e.net", "likeness:exampie"),
        ("content:0123abcd-11111111-22222222-33333333-44444444-55555555", "content:0.0123abcd"),
        (" LINK: example.org ", "link:example.org"),
    ],
)
def test_what_is_typed_is_read_as_messages_are(typed, label):
    assert named(typed).label == label


@pytest.mark.parametrize(
    "typed",
    [
        "dkim:erika@gmail.com", "address:dkim:erika@example.org", "account:bob@our.example",
        "pair:bob@our.example,erika@example.org", "name:bob@our.example,Erika Muster",
        "claimed:erika@gmail.com@192.0.2.1", "address:claimed:erika@example.org@unknown",
        "pair:bob@our.example,erika@example.org@192.0.2.1", "dkim:sendgrid.net/erika@example.org",
    ],
)  # fmt: skip
def test_an_address_typed_in_clear_is_hashed(typed):
    entity = named(typed)

    assert not any(word in entity.label.lower() for word in ("erika", "bob", "muster"))
    assert named(entity.label) == entity


def test_what_is_typed_finds_what_the_messages_count(letter):
    keys = {it.entity.key for it in letter(facts=DKIM).touches.increments}

    for typed in (
        "dkim:example.org", "address:dkim:ERIKA@example.org", "ip:192.0.2.9",
        "pair:bob@our.example,erika@example.org", "name:bob@our.example,Muster Erika",
    ):  # fmt: skip
        assert named(typed).key in keys, typed


def test_pairs_and_accounts_are_the_tenants_own():
    for typed in ("account:bob", "pair:a@b.de,c@d.de", "likeness:=example.org"):
        assert entity_of(typed, CONTEXT, "one").key != entity_of(typed, CONTEXT, "other").key
    assert entity_of("ip:192.0.2.1", CONTEXT, "one") == entity_of("ip:192.0.2.1", CONTEXT, "other")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("example.org", "begins with none of dkim:, spf:, claimed:"),
        ("domain:example.org", "begins with none of"),
        ("dkim:gmail.com", "dkim:ADDRESS where many share the domain"),
        ("dkim:", "wanted dkim:DOMAIN"),
        ("claimed:example.org", "claimed:DOMAIN@NETWORK"),
        ("address:dkim:example.org", "address:dkim:ADDRESS"),
        ("address:erika@example.org", "address:dkim:ADDRESS"),
        ("route:claimed:example.org@192.0.2.0/24", "route:dkim:DOMAIN@NETWORK"),
        ("ip:example.org", "ip:ADDRESS"),
        ("network:300.0.0.1", "network:"),
        ("attachment:abc", "SHA256"),
        ("content:xyz", "FINGERPRINT"),
        ("pair:bob", "pair:OURS,THEIRS"),
        ("name:bob@our.example,Bob", "DISPLAY NAME"),
        ("link:localhost", "link:DOMAIN"),
        ("dkim:" + "a" * 9_000, "dkim:DOMAIN"),
    ],
)
def test_what_is_no_entity_is_refused_in_one_line_that_says_what_is_allowed(typed, said):
    with pytest.raises(ValueError, match=r"wanted|begins") as refused:
        named(typed)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@given(sort=st.sampled_from(sorted(FORMS)), rest=st.text(max_size=60))
@settings(derandomize=True, max_examples=300)
def test_whatever_is_typed_is_an_entity_or_a_value_error(sort, rest):
    try:
        entity = named(f"{sort}:{rest}")
    except ValueError:
        return
    assert len(entity.key) == 12
