"""weir policy test says what a policy would change, before it is put in force."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from detectors.catalogue import SPECS

MAIL = Path(__file__).parents[3] / "examples" / "inbound"
HAM = str(MAIL / "written-receipt.eml")
PHISH = str(MAIL / "written-phish-brand-1.eml")
RULE = '[[rules]]\nname = "receipts"\nwhen = "subject.contains(\'receipt\')"\n'
RULE += 'action = "{action}"\nreason = "a test"\nmode = "{mode}"\n'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No weir.toml of the working directory has a say."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="policy")
def _policy(tmp_path):
    def write(text, name="tried.toml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def run(*arguments, **keywords):
    return CliRunner().invoke(weir, ["policy", "test", *arguments], **keywords)


def test_a_policy_that_changes_nothing_exits_with_0(policy):
    result = run(policy("# nothing\n"), HAM, PHISH)
    assert result.exit_code == 0, result.output
    assert result.stdout == "2 messages: 0 with another action, 0 with another score\n"


def test_a_live_rule_changes_an_action_and_says_why(policy):
    result = run(policy(RULE.format(action="quarantine", mode="live")), HAM, PHISH)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"accept -> quarantine  (0\.\d{3}) -> \1  " + re.escape(HAM), lines[0])
    assert "    rule:receipts: a test" in lines
    assert "2 messages: 1 with another action, 0 with another score" in lines
    assert "        1  accept -> quarantine" in lines


def test_a_rule_in_shadow_changes_nothing_and_is_counted(policy):
    result = run(policy(RULE.format(action="quarantine", mode="shadow")), HAM, PHISH)
    assert result.exit_code == 0
    assert "0 with another action" in result.stdout
    assert result.stdout.endswith("would have hit:\n        1  rule:receipts\n")


def test_a_weight_changes_the_score_and_names_its_signal(policy):
    held = "".join(
        f'[signals.{name}]\nmode = "shadow"\n'
        for name in (*SPECS, "learned_classifier")
        if name != "attachment_double_extension"
    )
    alone = "[signals.attachment_double_extension]\nweight = "
    against = policy(f"{held}{alone}1.0\n", "before.toml")
    mail = str(MAIL / "written-fraud-invoice-attachment.eml")
    result = run(policy(f"{held}{alone}9.0\n"), mail, "--against", against)
    assert result.exit_code == 1
    assert re.search(r"attachment_double_extension: \+\d\.\d\d -> \+\d\.\d\d\n", result.stdout)
    assert "1 with another score" in result.stdout


def test_a_threshold_is_named_with_what_it_was(policy):
    result = run(policy("[thresholds.inbound]\nadd_header = 0.0001\n"), HAM, env={"NO_COLOR": "1"})
    assert result.exit_code == 1
    assert "add_header from 0.5 -> 0.0001" in result.stdout


def test_the_greatest_changes_are_listed_and_the_others_counted(policy):
    rules = RULE.format(action="reject", mode="live")
    rules += (
        rules.replace("receipts", "all")
        .replace("subject.contains('receipt')", "true")
        .replace('"reject"', '"add_header"')
    )
    result = run(policy(rules), PHISH, str(MAIL / "written-newsletter-1.eml"), HAM, "--top", "1")
    assert result.stdout.startswith("accept -> reject")
    assert "... and 2 more whose action changes (--top)" in result.stdout
    assert "        1  reject -> add_header" in result.stdout


def test_json_is_a_line_for_each_change_and_one_of_counts(policy):
    result = run(policy(RULE.format(action="quarantine", mode="live")), PHISH, HAM, "--json")
    change, counts = map(json.loads, result.stdout.splitlines())
    assert (change["source"], change["before"], change["after"]) == (HAM, "accept", "quarantine")
    assert change["why"] == ["rule:receipts: a test"]
    assert counts["messages"] == 2
    assert counts["moves"] == [{"before": "accept", "after": "quarantine", "messages": 1}]


def test_the_policy_in_force_is_what_it_is_compared_with(policy):
    rule = RULE.format(action="quarantine", mode="live")
    in_force = policy(rule, "in-force.toml")
    assert run(policy(rule), HAM, env={"WEIR_POLICY__FILE": in_force}).exit_code == 0
    assert run(policy("# nothing\n"), HAM, "--against", in_force).exit_code == 1


def test_a_tenants_policy_is_tried_on_its_mail(policy):
    tried = policy("[tenant.acme]\nshadow = true\n")
    assert run(tried, PHISH).exit_code == 0
    result = run(tried, PHISH, "--tenant", "acme")
    assert result.exit_code == 1
    assert "reject -> add_header" in result.stdout


def test_a_wrong_policy_is_refused_with_its_place_and_a_hint(policy):
    result = run(policy('\n[signals.link_cheap_tdl]\nmode = "draft"\n'), HAM)
    assert result.exit_code == 2
    assert "tried.toml:2:1: signals.link_cheap_tdl: no such signal" in result.stderr
    assert "did you mean link_cheap_tld?" in result.stderr


def test_unreadable_mail_is_named_and_the_rest_judged(policy, tmp_path):
    result = run(policy("# nothing\n"), str(tmp_path / "none.eml"), HAM)
    assert result.exit_code == 3
    assert "none.eml: No such file or directory" in result.stderr
    assert "1 message: 0 with another action" in result.stdout
