import pytest

from detectors.policy import Rule
from detectors.rules import VARIABLES, ExpressionError, Rules, compile_condition


def rule(when, mode="live", name="r"):
    return Rule(name, when, "reject", "why", mode)


def run(rules, **values):
    return Rules(rules).run(lambda name: values[name])


def test_live_and_shadow_rules_that_match_are_told_apart_and_drafts_left_alone():
    rules = [
        rule("score > 0.5", name="a"),
        rule("score > 0.9", name="b"),
        rule("score > 0.1", "shadow", "c"),
        rule("true", "draft", "d"),
    ]
    outcome = run(rules, score=0.7)
    assert [r.name for r in outcome.live] == ["a"]
    assert [r.name for r in outcome.shadow] == ["c"]


def test_only_variables_that_some_rule_reads_are_asked_for():
    asked = []
    Rules([rule("score > 0.5"), rule("size(subject) > 1", "draft")]).run(
        lambda name: asked.append(name) or 0.5
    )
    assert asked == ["score"]


def test_nothing_is_asked_for_without_rules():
    Rules([]).run(pytest.fail)
    Rules([rule("score > 0.5", "draft")]).run(pytest.fail)


def test_a_rule_that_fails_on_a_message_did_not_match_and_is_named():
    outcome = run(
        [rule("url_domains[3] == 'x'", name="far"), rule("1 / rcpt_count > 0", name="zero")],
        url_domains=[],
        rcpt_count=0,
    )
    assert outcome.live == ()
    assert outcome.failed == ("far", "zero")


def test_text_that_is_no_unicode_reaches_a_rule_as_escapes():
    assert run([rule("subject.contains('x')")], subject="\udce4x").live
    assert run([rule("'x' in url_domains")], url_domains=["\udce4", "x"]).live


def test_macros_bind_names_of_their_own():
    assert run([rule("signals.exists(s, s.startsWith('link'))")], signals=["link_ip"]).live


def test_every_variable_has_an_example_that_its_name_can_be_used_with():
    for name in VARIABLES:
        compile_condition(f"{name} == {name}")


@pytest.mark.parametrize(
    ("when", "what", "line", "column"),
    [
        ("score >", "Syntax error", 1, 8),
        ("score > 0.5\n&& nosuch", "unknown variable 'nosuch'", 2, 4),
        ("true || nosuch", "unknown variable 'nosuch'", 1, 9),
        ("now() == 1", "unknown function 'now'", 1, 1),
        ("score > 'a'", "No such overload", 1, 1),
        ("subject.matches('[')", "not a valid regex", 1, 1),
        ("subject", "gives str", 1, 1),
    ],
)
def test_a_mistake_is_found_before_any_mail(when, what, line, column):
    with pytest.raises(ExpressionError, match=what.replace("(", r"\(")) as caught:
        compile_condition(when)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_rule_that_gives_no_condition_on_a_message_did_not_match():
    outcome = run([rule("rcpt_count > 1 ? dyn(1) : dyn(true)")], rcpt_count=2)
    assert (outcome.live, outcome.failed) == ((), ("r",))
