from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from detectors.policy_file import read_policy, shipped_policy
from detectors.record import decode, encode
from detectors.recorded_values import RECORDED
from detectors.rejudging import Needs, needs_findings, rejudge
from detectors.rule_values import READERS
from features.client import client_network
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming
from features.history import UNKNOWN, known

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.eml"))
MISSING = {"subject", "user", "recipients", "client_ip"}


def _incoming(name, raw):
    return Incoming(
        Envelope(
            id=name,
            received_at=datetime(2026, 1, 1, tzinfo=UTC),
            client=Client("192.0.2.77", "mail.example.org", "mail.example.org"),
            mail_from="carol@mail.example.org",
            rcpt_to=("dave@example.com",),
            facts={
                "dnsbl.bl.example": Fact("127.0.0.2", "edge", None),
                "dmarc.policy": Fact("reject", "edge", None),
            },
        ),
        raw,
    )


def _mail():
    return [_incoming(path.name, path.read_bytes()) for path in EXAMPLES]


def _histories():
    kept = known({"sender.age": 86_400.0, "sender.messages": 5.0, "pair.received": 3.0})
    return [UNKNOWN if at % 2 else kept for at in range(len(EXAMPLES))]


def _under(judge, text):
    return judge.with_policies(read_policy(text))


def _verdicts(judge):
    prepared = judge.prepare(_mail())
    return [encode(judged.verdict) for judged in judge.conclude(prepared, _histories())]


# Each touches another part of the decision; together they read all that is recorded.
POLICIES = {
    "as it was": "",
    "thresholds": "[thresholds.inbound]\nadd_header = 0.2\nquarantine = 0.4\nreject = 0.6\n",
    "weights": '[signals.spf_fail]\nweight = 3.0\n[signals.learned_text]\nmode = "draft"\n',
    "shadow": 'shadow = true\n[signals.dmarc_fail]\nmode = "shadow"\n',
    "lists": """
[[deny]]
domain = "example.org"
reason = "r"
[[deny]]
network = "192.0.0.0/16"
reason = "r"
[[allow]]
network = "192.0.2.0/24"
reason = "r"
[[allow]]
domain = "example.net"
reason = "r"
[[deny]]
address = "carol@mail.example.org"
action = "quarantine"
reason = "r"
""",
    "rules": """
[[rules]]
name = "all"
when = 'score > 0.1 && logit > -20.0 && action != "" && class != "" && size(signals) > 1 \
 && direction == "inbound" && tenant == "default" && rcpt_count == 1 && message_bytes > 0'
action = "quarantine"
reason = "r"
[[rules]]
name = "places"
when = 'from_host != from_domain || mail_from_domain == "example.org" || proven_domain != "" \
 || proven_by == "dkim" || spf == "pass" || dkim == "pass" || dmarc == "pass" || arc_sealer != ""'
action = "reject"
reason = "r"
mode = "shadow"
[[rules]]
name = "edge"
when = '"bl.example" in blocklists && dmarc_policy == "reject" && listed == ""'
action = "defer"
reason = "r"
[[rules]]
name = "content"
when = 'size(url_domains) > 0 || "pdf" in attachment_kinds || size(flags) > 0'
action = "add_header"
reason = "r"
[[rules]]
name = "known"
when = 'sender_age > 1.0 && sender_messages < 9.0 && !first_contact && !known_correspondent'
action = "accept"
reason = "r"
[[rules]]
name = "fails"
when = 'url_domains[7] == "example.net"'
action = "accept"
reason = "r"
""",
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_verdict_judged_anew_is_what_the_judge_says_of_the_mail(judge, name):
    other = _under(judge, POLICIES[name])
    terms = other.terms_of(_incoming("any", b""))
    for recorded, wanted in zip(_verdicts(judge), _verdicts(other), strict=True):
        found = rejudge(decode(recorded), terms)
        assert not isinstance(found, Needs)
        assert encode(found) == wanted
    assert name == "as it was" or _verdicts(judge) != _verdicts(other)


def test_every_variable_of_rules_is_recorded_or_known_to_be_missing():
    assert RECORDED.keys() | MISSING == READERS.keys()
    assert not RECORDED.keys() & MISSING


@pytest.mark.parametrize("name", sorted(MISSING))
def test_a_rule_that_reads_what_is_not_recorded_needs_the_mail(judge, name):
    text = f"[[rules]]\nname = 'r'\nwhen = 'size({name}) > 3'\naction = 'reject'\nreason = 'r'\n"
    terms = _under(judge, text).terms_of(_incoming("any", b""))
    assert rejudge(decode(_verdicts(judge)[0]), terms) == Needs((name,))


def test_a_rule_that_stood_then_is_known_although_it_reads_the_subject(judge):
    rule = """
[[rules]]
name = "r"
when = 'subject.contains("a")'
action = "quarantine"
reason = "r"
"""
    then, now = _under(judge, rule), _under(judge, rule + "[thresholds.inbound]\nreject = 0.95\n")
    before, after = then.terms_of(_incoming("any", b"")), now.terms_of(_incoming("any", b""))
    matched = set()
    for recorded, wanted in zip(_verdicts(then), _verdicts(now), strict=True):
        found = rejudge(decode(recorded), after, before=before.policy)
        assert not isinstance(found, Needs)
        assert encode(found) == wanted
        matched.add(bool(found.overrides))
    assert matched == {True, False}


def test_a_rule_that_was_a_draft_then_said_nothing_and_needs_the_mail(judge):
    rule = "[[rules]]\nname = 'r'\nwhen = 'subject != \"\"'\naction = 'quarantine'\nreason = 'r'\n"
    then, now = _under(judge, rule + "mode = 'draft'\n"), _under(judge, rule)
    before, after = then.terms_of(_incoming("any", b"")), now.terms_of(_incoming("any", b""))
    recorded = decode(_verdicts(then)[0])
    assert rejudge(recorded, after, before=before.policy) == Needs(("subject",))


def test_a_rule_that_failed_then_fails_again_without_the_mail(judge):
    rule = """
[[rules]]
name = "r"
when = 'recipients[9] == "x"'
action = "quarantine"
reason = "r"
"""
    failing = _under(judge, rule)
    terms = failing.terms_of(_incoming("any", b""))
    recorded = _verdicts(failing)[0]
    assert "rule_error:r" in decode(recorded).flags
    assert encode(rejudge(decode(recorded), terms, before=terms.policy)) == recorded


def test_a_rule_whose_other_readings_moved_needs_the_mail(judge):
    rule = """
[[rules]]
name = "r"
when = 'score > 0.5 && subject != ""'
action = "quarantine"
reason = "r"
"""
    then = _under(judge, rule)
    now = _under(judge, rule + "[signals.learned_classifier]\nweight = 0.1\n")
    before, after = then.terms_of(_incoming("any", b"")), now.terms_of(_incoming("any", b""))
    recorded = decode(_verdicts(then)[0])
    assert rejudge(recorded, after, before=before.policy) == Needs(("subject",))
    assert not isinstance(rejudge(recorded, before, before=before.policy), Needs)


def test_a_rule_that_reads_the_sender_needs_the_vector(judge):
    text = "[[rules]]\nname = 'r'\nwhen = 'sender_age > 3.0'\naction = 'reject'\nreason = 'r'\n"
    terms = _under(judge, text).terms_of(_incoming("any", b""))
    recorded = decode(_verdicts(judge)[0])
    assert not isinstance(rejudge(recorded, terms), Needs)
    kept = msgspec.structs.replace(recorded.features, f32="")
    without = msgspec.structs.replace(recorded, features=kept)
    assert rejudge(without, terms) == Needs(("sender_age",))
    assert not isinstance(rejudge(without, judge.terms_of(_incoming("any", b""))), Needs)


def test_an_address_alone_needs_the_mail_only_in_its_own_network(judge):
    def needed(network):
        text = f'[[deny]]\nnetwork = "{network}"\nreason = "r"\n'
        terms = _under(judge, text).terms_of(_incoming("any", b""))
        return rejudge(decode(_verdicts(judge)[0]), terms)

    assert client_network("192.0.2.77") == "192.0.2.0/24"
    assert needed("192.0.2.77/32") == Needs(("client_ip",))
    assert needed("192.0.2.0/28") == Needs(("client_ip",))
    assert not isinstance(needed("198.51.100.7/32"), Needs)


def test_addresses_hashed_under_another_key_need_the_mail(judge):
    text = '[[deny]]\naddress = "carol@example.org"\nreason = "r"\n'
    terms = _under(judge, text).terms_of(_incoming("any", b""))
    turned = replace(terms, context=Context(hash_key=b"n" * 32, hash_key_id="new"))
    assert rejudge(decode(_verdicts(judge)[0]), turned) == Needs(("addresses",))


def test_a_broken_message_is_decided_by_on_failure(judge):
    recorded = decode(encode(judge.degraded(_incoming("m", b"x"))))
    other = _under(judge, 'on_failure = "quarantine"\n[thresholds.inbound]\nreject = 0.95\n')
    found = rejudge(recorded, other.terms_of(_incoming("any", b"")))
    assert found == decode(encode(other.degraded(_incoming("m", b"x"))))


def test_a_verdict_of_an_older_release_needs_the_mail(judge):
    recorded = msgspec.structs.replace(decode(_verdicts(judge)[0]), basis=msgspec.UNSET)
    assert rejudge(recorded, judge.terms_of(_incoming("any", b""))) == Needs(("basis",))


def test_what_detectors_read_of_a_policy_changes_the_findings():
    def differs(text):
        return needs_findings(shipped_policy().default, read_policy(text).default)

    assert differs("") == differs("[thresholds.inbound]\nreject = 0.95\n") == ()
    assert differs('own_domains = ["example.com"]') == ("own_domains",)
    assert differs('[[brands]]\nname = "Acme"\nphrases = ["acme"]\ndomains = ["acme.com"]\n') == (
        "brands",
    )
    assert differs("[labels]\nreporters = 4\n") == ("labels",)


@pytest.mark.parametrize("proof", ["pass", "fail"])
def test_an_allowed_author_is_known_by_hash_where_the_domain_is_proven(judge, proof):
    raw = (
        b"From: Carol <Carol@mail.example.org>\r\nTo: dave@example.com\r\nSubject: s\r\n\r\nHi\r\n"
    )
    incoming = _incoming("m", raw)
    facts = {"spf": Fact(proof, "edge", None)}
    incoming = incoming._replace(envelope=msgspec.structs.replace(incoming.envelope, facts=facts))
    other = _under(judge, '[[allow]]\naddress = "carol@mail.example.org"\nreason = "r"\n')
    ((recorded,), (wanted,)) = (each.judge([incoming]) for each in (judge, other))
    found = rejudge(decode(encode(recorded.verdict)), other.terms_of(incoming))
    assert not isinstance(found, Needs)
    assert encode(found) == encode(wanted.verdict)
    assert bool(found.overrides) is (proof == "pass")
