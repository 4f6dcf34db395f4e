"""A message's sender is counted as it is proven; nobody else's name is touched."""

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.addresses import hash_address
from features.context import Context
from features.history import UNKNOWN
from features.rolling import KINDS, counted, sighting
from features.sender import labelled, narrowed, outcome

DKIM = {"dkim": "pass", "dkim.domains": "example.org"}
SPF = {"spf": "pass", "spf.domain": "example.org"}
KEYED = Context(hash_key=b"a key of a test", hash_key_id="k")
NETWORK = "192.0.2.0/24"


@pytest.mark.parametrize(
    ("facts", "sender"),
    [
        (DKIM | SPF, "dkim:example.org"),
        ({"dkim": "pass", "dkim.domains": "mail.example.org"}, "dkim:example.org"),
        (SPF | {"dkim": "fail"}, "spf:example.org"),
        ({"dkim": "pass", "dkim.domains": "evil.example"} | SPF, "spf:example.org"),
        ({"dkim": "pass", "dkim.domains": "evil.example"}, "dkim:evil.example"),
        ({"spf": "pass", "spf.domain": "evil.example"}, "spf:evil.example"),
        ({"spf": "fail", "dkim": "fail"}, f"claimed:example.org@{NETWORK}"),
        ({}, f"claimed:example.org@{NETWORK}"),
    ],
)
def test_the_sender_is_the_proven_domain_or_what_a_network_claims(letter, labels, facts, sender):
    """Aligned DKIM before aligned SPF before any other; what isn't aligned proves only itself."""
    assert labels(letter(facts=facts))[0] == sender


def test_a_claim_without_a_known_client_has_a_record_of_its_own(letter, labels):
    assert labels(letter(ip=None), "domain") == ["claimed:example.org@unknown"]


def test_a_domain_below_a_private_suffix_is_a_sender_of_its_own(letter, labels):
    facts = {"dkim": "pass", "dkim.domains": "shop.github.io"}

    assert labels(letter("From: a@shop.github.io", facts=facts))[0] == "dkim:shop.github.io"


def test_an_internationalized_domain_is_one_sender_however_it_is_written(letter, state):
    """From may bear the letters (RFC 6532), a signature bears their ASCII form."""
    facts = {"dkim": "pass", "dkim.domains": "xn--bcher-kva.de"}
    wrote = {"direction": "outbound", "user": "bob@our.example", "mail_from": "bob@our.example"}
    state.receive(letter("From: bob@our.example", rcpt_to=("eva@xn--bcher-kva.de",), **wrote))
    for author in ("ida@bücher.de", "ida@BÜCHER.de", "ida@xn--bcher-kva.de"):
        evidence = letter(f"From: {author}", facts=facts)
        assert evidence.authentication.aligned
        assert evidence.touches.sender.label == "dkim:xn--bcher-kva.de"
        assert state.receive(evidence)["correspondent.domain"] == 0, "it is the correspondent's own"


def test_senders_with_free_mail_are_known_by_address(letter, labels):
    facts = {"dkim": "pass", "dkim.domains": "gmail.com"}
    one = letter("From: one@gmail.com", facts=facts)
    other = letter("From: other@gmail.com", facts=facts)

    assert labels(one, "domain") != labels(other, "domain")
    assert labels(one, "domain")[0].startswith("dkim:gmail.com/k:")
    assert "one@gmail.com" not in "".join(labels(one))
    assert labels(one, "address") == []


def test_customers_of_a_mail_service_are_told_apart(letter, labels):
    def sender(domains, author="a@brand.example"):
        facts = {"dkim": "pass", "dkim.domains": domains}
        return labels(letter(f"From: {author}", facts=facts))[0]

    assert sender("em1.sendgrid.net") == "dkim:em1.sendgrid.net"
    assert sender("sendgrid.net").startswith("dkim:sendgrid.net/k:")
    assert sender("sendgrid.net") != sender("sendgrid.net", "b@other.example")


def test_the_address_is_counted_under_the_same_proof(letter, labels):
    proven, claimed = letter(facts=DKIM), letter()

    hashed = hash_address("erika@example.org", KEYED)
    assert labels(proven, "address") == [f"address:dkim:example.org/{hashed}"]
    assert labels(claimed, "address") == [f"address:claimed:example.org/{hashed}@{NETWORK}"]


FORGERS = st.tuples(
    st.sampled_from(
        [
            {"spf": "fail", "dkim": "fail"},
            {"spf": "none"},
            {"spf": "pass", "spf.domain": "evil.example"},
            {"dkim": "pass", "dkim.domains": "evil.example"},
            {"dkim": "pass", "dkim.domains": "example.org.evil.example"},
        ]
    ),
    st.ip_addresses(v=4).map(str),
    st.sampled_from(["erika@example.org", "x@evil.example", "", None]),
)


@given(forgers=st.lists(FORGERS, min_size=1, max_size=20))
@settings(derandomize=True, max_examples=50, deadline=None)
def test_no_forgery_touches_what_is_kept_of_the_proven_sender(letter, forgers):
    """Domain, address, route and pairs; client, links and content are not the sender's."""
    own = {"domain", "address", "route", "pair"}
    true = letter(facts=DKIM | SPF).touches
    kept = {it.entity.key for it in true.increments if it.entity.kind.name in own}
    kept.discard(true.watch.key)

    for facts, ip, mail_from in forgers:
        forged = letter(facts=facts, ip=ip, mail_from=mail_from).touches
        touched = {it.entity.key for it in forged.increments if it.entity is not forged.watch}
        assert kept.isdisjoint(touched)


def test_a_thousand_forgeries_leave_the_proven_readings_as_they_were(letter, state):
    true = letter(facts=DKIM, ip="198.51.100.1")
    state.receive(true)
    at = true.touches.at + 10
    own = [it.entity for it in true.touches.increments if it.entity.kind.name in ("domain", "pair")]
    before = [state.read(entity, at) for entity in own]

    forged = letter(facts={"spf": "fail"}, seconds=5)
    for _ in range(1_000):
        history = state.receive(forged)
        state.apply(outcome(forged.touches, history, delivered=True, bad=True), at, arrival=False)
        state.apply(labelled(forged.touches, abuse=True), at, arrival=False)

    assert [state.read(entity, at) for entity in own] == before
    assert history["sender.messages"] == 1_000
    assert history["sender.proven"] == 0


def test_a_forged_author_does_not_have_the_authors_correspondents(letter, state):
    bob = letter(
        "From: bob@our.example\nTo: erika@example.org",
        direction="outbound", mail_from="bob@our.example", rcpt_to=("erika@example.org",),
    )  # fmt: skip
    state.receive(bob)

    assert state.receive(letter(facts=DKIM))["pair.known"] == 1
    assert state.receive(letter(facts={"spf": "fail"}))["pair.known"] == 0
    assert state.receive(letter())["pair.known"] == 1  # nobody looked: all are equal


def test_tenants_share_senders_and_not_pairs(letter):
    one, other = letter(tenant="one").touches, letter(tenant="other").touches

    same = {
        mine.entity.kind.name: mine.entity.key == theirs.entity.key
        for mine, theirs in zip(one.increments, other.increments, strict=True)
    }
    assert {kind for kind, equal in same.items() if not equal} == {"pair", "name", "likeness"}
    assert one.increments[0].entity.kind.name == "domain"


def test_keys_depend_on_the_installations_key_and_labels_show_no_address(letter, labels):
    one = letter(context=Context(hash_key=b"1")).touches
    other = letter(context=Context(hash_key=b"2")).touches

    pairs = zip(one.increments, other.increments, strict=True)
    assert not [mine.entity.label for mine, theirs in pairs if mine.entity.key == theirs.entity.key]
    assert not [label for label in labels(one) if "erika" in label.lower() or "bob" in label]


def test_the_client_is_the_first_host_outside_our_relays_and_greets_for_itself(letter, labels):
    context = Context(trusted_relays=(ip_network("10.0.0.0/8"),))
    head = (
        "Received: from mx.sender-site.net (mx.sender-site.net [203.0.113.7]) by relay; "
        "Sun, 1 Mar 2026 12:00:00 +0000\nFrom: erika@example.org"
    )
    evidence = letter(head, ip="10.0.0.1", helo="relay.our.example", context=context)

    assert labels(evidence, "ip") == ["ip:203.0.113.7"]
    assert labels(evidence, "network") == ["network:203.0.113.0/24"]
    assert labels(evidence, "helo") == ["helo:sender-site.net"]


def test_an_ipv6_client_is_its_subnet(letter, labels):
    evidence = letter(ip="2001:db8:1:2:3:4:5:6")

    assert labels(evidence, "ip") == ["ip:2001:db8:1:2::/64"]
    assert labels(evidence, "network") == ["network:2001:db8:1::/48"]


def test_what_is_over_a_bound_is_flagged_and_left_out(letter, labels):
    body = " ".join(f"http://site{number}.example.com.site{number}.net/" for number in range(10))
    many = tuple(f"user{number}@our.example" for number in range(20))
    evidence = letter(body=body, rcpt_to=many)

    assert labels(evidence, "link") == [f"link:site{number}.net" for number in range(8)]
    assert len(labels(evidence, "pair")) == 16
    assert {"recipients_over", "links_over"} <= set(evidence.flags)
    assert "attachments_over" not in evidence.flags
    assert counted(KINDS["domain"], "recipients", 20) in evidence.touches.increments[0].items


def test_a_long_text_is_known_by_two_bands_and_a_short_one_as_a_whole(letter, labels):
    words = "the quick brown fox jumps over a lazy dog while seven other animals watch it go home"
    long = letter(body=words)
    bands = long.fingerprint.split("-")

    assert labels(long, "content") == [f"content:0.{bands[0]}", f"content:1.{bands[1]}"]
    short = letter(body="Hi there")
    assert labels(short, "content") == [f"content:{short.fingerprint}"]


def test_a_replayed_signature_is_one_entity_however_it_is_folded(letter, labels):
    def signed(value):
        head = f"DKIM-Signature: v=1; d=example.org; {value}\nFrom: a@b.de"
        return labels(letter(head), "signature")

    assert signed("bh=x; b=AbCd") == signed("bh=y;\n b=Ab\n\tCd; t=1") != []
    assert signed("b=AbCd") != signed("b=AbCe")
    assert signed("bh=AbCd") == []


@pytest.mark.parametrize(("result", "count"), [("pass", 1), ("fail", 0), ("none", 0)])
def test_a_copied_signature_that_does_not_pass_is_not_its_signers(letter, labels, result, count):
    head = "DKIM-Signature: v=1; d=example.org; b=AbCd\nFrom: erika@example.org"
    facts = {"dkim": result, "dkim.domains": "example.org"}
    assert len(labels(letter(head, facts=facts), "signature")) == count


def outbound(letter, head="From: bob@our.example", **changes):
    fields = {
        "mail_from": "bob@our.example", "rcpt_to": ("erika@example.org",),
        "direction": "outbound", "user": "bob@our.example",
    }  # fmt: skip
    return letter(head, **(fields | changes))


def test_outbound_mail_is_its_accounts_and_not_our_domains(letter, labels):
    evidence = outbound(letter, facts={"dkim": "pass", "dkim.domains": "our.example"})

    assert labels(evidence)[0].startswith("account:k:")
    watched = (evidence.touches.watch, evidence.touches.outbound_watch)
    own = [it.entity for it in evidence.touches.increments if it.entity not in watched]
    kinds = {entity.kind.name for entity in own}
    assert kinds.isdisjoint({"domain", "address", "route", "helo", "signature"})


def test_an_account_stays_one_whatever_it_writes_as_mail_from(letter, labels):
    assert labels(outbound(letter, user="bob"), "account") == labels(
        outbound(letter, user="bob", mail_from="x@our.example"), "account"
    )
    assert labels(outbound(letter, user=None), "account") == labels(outbound(letter), "account")


@pytest.mark.parametrize(
    ("head", "changes"),
    [
        ("From: bob@our.example\nAuto-Submitted: auto-replied", {}),
        ("From: bob@our.example\nPrecedence: bulk", {}),
        ("From: bob@our.example", {"mail_from": "", "user": None}),
    ],
)
def test_what_a_program_sends_makes_nobody_a_correspondent(letter, added, head, changes):
    assert [it.items for it in added(outbound(letter), "pair")] == [counted(KINDS["pair"], "sent")]
    assert [it.items for it in added(outbound(letter, head, **changes), "pair")] == [b""]
    assert added(outbound(letter, head, **changes), "likeness") == []


def test_recipients_of_one_account_are_counted_up_to_a_hundred(letter, labels):
    many = tuple(f"user{number}@example{number}.org" for number in range(120))
    evidence = outbound(letter, rcpt_to=many)

    assert len(labels(evidence, "pair")) == 100
    assert "recipients_over" in evidence.flags
    assert len(labels(evidence, "likeness")) <= 32


def test_our_own_and_free_mail_domains_are_nobodys_likeness(letter, labels):
    evidence = outbound(
        letter,
        user="bob@our-firm.de",
        rcpt_to=("a@our-firm.de", "b@gmail.com", "c@partner-firm.de"),
    )

    assert labels(evidence, "likeness") == ["likeness:=partner-firm.de", "likeness:partnerfirm"]


def test_a_copy_for_other_recipients_adds_them_and_nothing_else(letter):
    touches = letter("From: Erika Muster <erika@example.org>", "see http://site.net/").touches

    few = narrowed(touches)

    assert [it.entity for it in few] == [it.entity for it in touches.increments]
    changed = {it.entity.kind.name: it.items for it in few if it.items}
    assert set(changed) == {"domain", "content", "pair"}
    assert changed["domain"][:3] == counted(KINDS["domain"], "recipients")
    assert len(changed["domain"]) == 6  # the count, and the one recipient's item
    assert changed["pair"] == counted(KINDS["pair"], "received")


def test_a_label_counts_for_all_that_keep_labels_and_can_be_taken_back(letter, state):
    evidence = letter(body="see http://site.net/", facts=DKIM)
    state.receive(evidence)
    touches = evidence.touches

    state.apply(labelled(touches, abuse=True, amount=3), touches.at, arrival=False)
    state.apply(labelled(touches, abuse=True, amount=-1), touches.at, arrival=False)
    state.apply(labelled(touches, abuse=False), touches.at, arrival=False)

    entities = [entity for entity, _, _ in labelled(touches, abuse=True)]
    assert {entity.kind.name for entity in entities} == {
        "domain", "address", "ip", "network", "link", "content", "pair",
    }  # fmt: skip
    readings = [state.read(entity, touches.at) for entity in entities]
    assert {(reading.total("spam"), reading.total("ham")) for reading in readings} == {(2, 1)}


def test_an_outcome_counts_inbox_and_bad_content_where_they_are_kept(letter, state):
    evidence = letter(facts=DKIM)
    history = state.receive(evidence)

    found = outcome(evidence.touches, history, delivered=True, bad=True)

    kept = {it.entity.kind.name: it.items for it in found}
    domain = KINDS["domain"]
    assert kept["domain"] == b"".join(
        (counted(domain, "inbox"), counted(domain, "bad"), counted(domain, "first_contacts"))
    )
    assert set(kept) == {"domain", "address", "ip", "network"}


def test_only_the_first_message_to_someone_is_a_first_contact(letter, state):
    def firsts(evidence):
        history = state.receive(evidence)
        items = outcome(evidence.touches, history, delivered=False, bad=False)
        state.apply(items, evidence.touches.at, arrival=False)
        return sum(item.items[2] for item in items)

    both = ("a@our.example", "b@our.example")
    answer = {"rcpt_to": ("erika@example.org",), "user": "a@our.example"}
    assert firsts(letter(facts=DKIM, rcpt_to=both)) == 2
    assert firsts(letter(facts=DKIM, rcpt_to=both[:1], seconds=1)) == 0
    assert firsts(outbound(letter, **answer, seconds=2)) == 0
    assert firsts(outbound(letter, rcpt_to=("new@example.org",), seconds=3)) == 1


def test_without_a_history_no_first_contact_is_counted(letter):
    found = outcome(letter().touches, UNKNOWN, delivered=False, bad=False)

    assert found == ()


def test_every_kind_that_a_message_counts_fits_a_first_sighting(letter):
    """The sender's holds outcome and one of each distinct count, else first sights cost 400 B."""
    evidence = letter(facts=DKIM, body="see http://site.net/")

    for entity, items, _ in evidence.touches.increments:
        later = [counted(entity.kind, "messages")] * 2 if entity.kind.name == "domain" else []
        assert sighting(evidence.touches.at, items + b"".join(later)) is not None, entity.label


def test_hostile_names_raise_nothing_and_keep_keys_short(letter):
    evil = "a" * 4_000
    evidence = letter(
        f'From: "{evil}" <{evil}@{evil}.{evil}>',
        rcpt_to=(evil + "@" + evil, "\udcff@x", ""),
        helo=evil,
        mail_from=evil,
        user=evil,
    )

    assert {len(increment.entity.key) for increment in evidence.touches.increments} == {12}
