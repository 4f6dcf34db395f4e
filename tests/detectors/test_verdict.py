import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.actions import MICRO, logit_micro, probability
from detectors.deciding import class_of
from detectors.policy_file import shipped_policy
from detectors.signals import Finding
from detectors.stack import Weighed
from detectors.verdict import ModelVersion, _values
from features.envelope import Fact
from models.classifier import Prediction

RULE = '[[rules]]\nname = "{}"\nwhen = "{}"\naction = "{}"\nreason = "why"\nmode = "{}"\n'


def fired(*names):
    return [Finding(name, f"Because of {name}") for name in names]


def margin(logit):
    return [Prediction("classifier", "v1", logit)]


def test_score_logit_bias_and_contributions_agree(judge_with):
    verdict = judge_with(findings=fired("bad_link", "known"), predictions=margin(3.5))
    assert verdict.logit == verdict.bias + sum(s.contribution for s in verdict.signals)
    assert verdict.logit == (-4.0 + 5.0 - 3.0 + 1.75) * MICRO
    assert verdict.score == probability(verdict.logit)
    assert verdict.models == (ModelVersion("classifier", "v1"),)
    assert [s.reason for s in verdict.signals[:2]] == ["Because of bad_link", "Because of known"]


@pytest.mark.parametrize(
    ("findings", "logit", "action"),
    [
        ((), 0.0, "accept"),
        (("bad_link",), 0.0, "add_header"),
        (("bad_link", "mass"), 0.0, "reject"),
        (("bad_link",), 3.8, "quarantine"),
        (("bad_link",), 4.0, "reject"),  # the model is the second group
        ((), 15.0, "quarantine"),  # a model alone doesn't reject
        (("bad_link", "bad_file"), 15.0, "reject"),
    ],
)
def test_the_action_follows_the_thresholds_and_reject_needs_two_groups(
    judge_with, findings, logit, action
):
    text = "[thresholds.inbound]\nreject = 0.95\n"
    assert judge_with(text, fired(*findings), margin(logit)).action == action


def test_thresholds_are_compared_as_logits(judge_with):
    exactly = probability(1 * MICRO)
    text = f"[thresholds.inbound]\nquarantine = {exactly!r}\nreject = false\n"
    reached = judge_with(text, fired("bad_link")).logit >= logit_micro(exactly)
    assert reached == (judge_with(text, fired("bad_link")).action == "quarantine")


def test_directions_have_thresholds_of_their_own(judge_with):
    text = "[thresholds.inbound]\nquarantine = 0.6\n"
    assert judge_with(text, fired("bad_link")).action == "quarantine"
    outbound = judge_with(text, fired("bad_link"), direction="outbound")
    assert outbound.action == "accept"
    assert set(outbound.thresholds) == {"quarantine"}


@pytest.mark.parametrize(
    ("findings", "logit", "class_"),
    [
        ((), 0.0, "ham"),
        (("bad_link",), 0.0, "phish"),
        (("bad_file", "bad_link"), 0.0, "malware"),  # equal sums: the worse names it
        (("mass",), 0.0, "bulk"),
        (("spammy",), 0.0, "ham"),  # below class_threshold and not above even odds
        (("spammy",), 4.0, "spam"),
        (("bad_link",), 15.0, "spam"),  # the model's class, as it says more
        (("known",), -5.0, "ham"),
    ],
)
def test_the_class_is_the_one_that_most_evidence_names(judge_with, findings, logit, class_):
    assert judge_with(findings=fired(*findings), predictions=margin(logit)).class_ == class_


def test_a_class_may_have_thresholds_of_its_own(judge_with):
    text = "[thresholds.inbound.phish]\nquarantine = 0.6\n"
    assert judge_with(text, fired("bad_link")).action == "quarantine"
    assert judge_with(text, fired("bad_file")).action == "add_header"
    assert judge_with(text, fired("bad_link")).thresholds["quarantine"] == 0.6


def test_the_first_live_rule_decides_and_all_that_spoke_are_named(judge_with):
    text = (
        RULE.format("s", "true", "discard", "shadow").replace("discard", "reject")
        + RULE.format("no", "score > 0.9", "reject", "live")
        + RULE.format("one", "'bad_link' in signals", "defer", "live")
        + RULE.format("two", "true", "quarantine", "live")
        + RULE.format("d", "true", "reject", "draft")
    )
    verdict = judge_with(text, fired("bad_link"))
    assert verdict.action == "defer"
    assert [o.name for o in verdict.overrides] == ["rule:one", "rule:two"]
    assert verdict.shadow == ("rule:s",)


def test_rules_come_before_the_deny_list_and_that_before_the_allow_list(judge_with, proven):
    allow = "[[allow]]\ndomain = 'example.com'\nreason = 'x'\n"
    deny = "[[deny]]\nurl_domain = 'example.net'\nreason = 'x'\n"
    rule = RULE.format("r", "listed == 'deny'", "quarantine", "live")
    facts = proven("example.com")
    bad = fired("bad_link", "mass", "spammy")
    assert judge_with("", bad, facts=facts).action == "reject"
    assert judge_with(allow, bad, facts=facts).action == "accept"
    assert judge_with(allow + deny, facts=facts).action == "reject"
    assert judge_with(allow + deny + rule, facts=facts).action == "quarantine"


def test_an_allow_entry_does_not_cover_malware(judge_with, proven):
    allow = "[[allow]]\ndomain = 'example.com'\nreason = 'x'\n"
    verdict = judge_with(allow, fired("bad_file"), margin(4.0), facts=proven("example.com"))
    assert verdict.class_ == "malware"
    assert (verdict.action, verdict.overrides) == ("quarantine", ())


def test_other_evidence_beside_malware_brings_no_allow_entry_back(judge_with, proven):
    """Else whoever took an account over would add a lure, and the class would be another."""
    allow = "[[allow]]\ndomain = 'example.com'\nreason = 'x'\n"
    found = fired("bad_file", "bad_link", "spammy")
    verdict = judge_with(allow, found, margin(15.0), facts=proven("example.com"))
    assert verdict.class_ == "spam"
    assert (verdict.action, verdict.overrides) == ("reject", ())


def test_a_rule_that_fails_is_a_flag_and_decides_nothing(judge_with):
    verdict = judge_with(RULE.format("r", "url_domains[9] == 'x'", "reject", "live"))
    assert verdict.action == "accept"
    assert verdict.flags == ("rule_error:r",)


def test_a_rule_reads_what_the_message_is(judge_with, proven):
    when = (
        "from_domain == 'example.com' && from_host == 'mail.shop.example.com'"
        " && mail_from_domain == 'example.com' && proven_domain == 'example.com'"
        " && proven_by == 'dkim' && dkim == 'pass' && spf == 'missing' && dmarc == 'missing'"
        " && client_ip == '192.0.2.7' && rcpt_count == 1 && subject == 'Your order'"
        " && url_domains == ['example.net'] && attachment_kinds == [] && message_bytes > 100"
        " && flags == ['odd'] && direction == 'inbound' && tenant == 'default' && user == ''"
        " && class == 'ham' && action == 'accept' && score < 0.1 && logit == -4.0"
        " && signals == [] && listed == ''"
    )
    verdict = judge_with(
        RULE.format("r", when, "defer", "live"), facts=proven("example.com"), flags=["odd"]
    )
    assert verdict.action == "defer"


def test_in_shadow_mode_only_the_header_is_added_and_the_action_noted(judge_with):
    bad = fired("bad_link", "bad_file", "mass")
    verdict = judge_with("shadow = true", bad)
    assert (verdict.action, verdict.shadow) == ("add_header", ("action:reject",))
    assert judge_with("shadow = true").action == "accept"
    assert judge_with("shadow = true").shadow == ()
    deny = "[[deny]]\ndomain = 'example.com'\nreason = 'x'\n"
    assert judge_with("shadow = true\n" + deny).shadow == ("action:reject",)


def test_a_signal_in_shadow_is_named_and_does_not_count(judge_with, stack):
    verdict = judge_with("[signals.bad_link]\nmode = 'shadow'", fired("bad_link"))
    assert verdict.logit == -4 * MICRO
    assert verdict.shadow == ("signal:bad_link",)


def test_a_tenant_is_judged_by_its_own_policy(judge_with):
    text = "[tenant.strict.thresholds.inbound]\nquarantine = 0.6\n"
    assert judge_with(text, fired("bad_link"), tenant="strict").action == "quarantine"
    assert judge_with(text, fired("bad_link"), tenant="other").action == "add_header"


def test_the_record_holds_domains_hashes_and_networks_but_no_address(judge_with, client):
    verdict = judge_with(
        findings=fired("bad_link"), position=("e", 3, 14), facts={"asn": Fact(64500)}
    )
    assert (verdict.from_domain, verdict.mail_from_domain) == ("example.com", "example.com")
    assert verdict.sender.startswith("t1:")
    assert verdict.client_net == "192.0.2.0/24"
    assert verdict.rcpt_count == 1
    assert verdict.log.offset == 14
    assert verdict.facts == {"asn": Fact(64500)}
    assert "news@" not in repr(verdict)
    assert "someone" not in repr(verdict)
    assert judge_with(client=client("10.0.0.1")).client_net == "192.0.2.0/24"


def test_what_stands_in_a_domains_place_is_no_local_part(judge_with):
    verdict = judge_with(raw=b"From: <a@b someone>\n\nx", mail_from="someone")
    assert (verdict.from_domain, verdict.mail_from_domain) == ("b", "")


def test_degraded_parts_are_named(judge_with):
    assert judge_with(degraded=["model:classifier"]).degraded == ("model:classifier",)


def test_nothing_asks_for_a_label_without_a_learner(judge_with):
    ask = judge_with().ask
    assert (ask.theta, ask.p, ask.asked) == ("", 0.0, False)


def test_missing_values_have_one_bit_pattern():
    odd = np.array([np.float32("nan"), 1.5], dtype=np.float32)
    odd.view(np.uint32)[0] |= 0x80000001
    assert _values(odd) == _values(np.array([np.nan, 1.5], dtype=np.float32))
    assert _values(odd).f32 == "AADAfwAAwD8="


@settings(derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["spam", "phish", "malware", "bulk"]), st.integers(0, 10_000_000)
    ),
    st.integers(-9_000_000, 9_000_000),
)
def test_every_message_has_one_class(sums, logit):
    policy_default = shipped_policy().default
    class_ = class_of(Weighed(0, logit, (), sums, 0, (), {}), policy_default)
    if any(total > policy_default.class_threshold * MICRO for total in sums.values()):
        assert sums[class_] == max(sums.values())
    else:
        assert class_ == ("spam" if logit > 0 else "ham")
