from datetime import UTC, datetime

import pytest

from detectors.policy import PolicyError, SignalSetting, _canonical
from detectors.policy_file import read_policy, shipped_policy, shipped_policy_text
from models.trust import Trust, Weights

RULE = '[[rules]]\nname = "r"\nwhen = "{}"\naction = "accept"\nreason = "why"\n'


def problems(text):
    with pytest.raises(PolicyError) as caught:
        read_policy(text, "my.toml")
    return str(caught.value).splitlines()


def test_an_empty_file_is_the_shipped_policy():
    assert read_policy("") == shipped_policy()
    assert read_policy("").digest == shipped_policy().digest
    assert read_policy(shipped_policy_text()) == shipped_policy()


def test_a_file_changes_only_what_it_says():
    changed = read_policy("[thresholds.inbound]\nquarantine = 0.8\n").default
    shipped = shipped_policy().default
    assert changed.thresholds_for("inbound", "spam") == {
        **shipped.thresholds_for("inbound", "spam"),
        "quarantine": 0.8,
    }
    assert changed.thresholds["outbound"] == shipped.thresholds["outbound"]


def test_a_class_lays_its_thresholds_over_those_for_any():
    policy = read_policy("[thresholds.inbound.phish]\nquarantine = 0.7\nreject = false\n").default
    assert policy.thresholds_for("inbound", "phish")["quarantine"] == 0.7
    assert policy.thresholds_for("inbound", "phish")["reject"] == 0.0
    assert policy.thresholds_for("inbound", "spam")["reject"] > 0


def test_a_tenant_differs_only_in_what_it_says():
    policies = read_policy(
        "reject_needs_groups = 3\n"
        + RULE.format("score > 0.5")
        + '[tenant.school]\nshadow = true\n[[tenant.school.rules]]\nname = "own"\n'
        'when = "true"\naction = "reject"\nreason = "x"\n'
    )
    school = policies.for_tenant("school")
    assert school.shadow
    assert school.reject_needs_groups == 3
    assert [rule.name for rule in school.rules] == ["own", "r"]
    assert not policies.for_tenant("another").shadow
    assert policies.for_tenant("another") is policies.default


def test_a_rule_of_a_tenant_replaces_the_one_of_its_name():
    text = RULE.format("score > 0.5") + RULE.format("score > 0.9").replace(
        "[[rules]]", "[[tenant.a.rules]]"
    )
    assert [rule.when for rule in read_policy(text).for_tenant("a").rules] == ["score > 0.9"]


def test_the_digest_sees_values_and_not_their_spelling():
    plain = read_policy("shadow = true\nclass_threshold = 3.0\n")
    assert read_policy("# why\nclass_threshold = 3\n\nshadow = true").digest == plain.digest
    assert read_policy("shadow = true\nclass_threshold = 3.5\n").digest != plain.digest
    assert read_policy("shadow = true\nclass_threshold = 3\n[tenant.a]").digest != plain.digest
    assert len(plain.digest) == 16


def test_labels_of_a_tenant_lie_over_those_of_the_file_key_by_key():
    policies = read_policy(
        "[labels]\nreporters = 5\ntraps = ['Old@Example.com']\n[labels.weights]\nuser = 0.9\n"
        "[tenant.a.labels]\ndaily_cap = 7\n[tenant.a.labels.weights]\ntrap = 0.9\n"
    )
    assert policies.default.labels == Trust(
        reporters=5, traps=("old@example.com",), weights=Weights(user=0.9)
    )
    assert policies.for_tenant("a").labels == Trust(
        reporters=5,
        daily_cap=7,
        traps=("old@example.com",),
        weights=Weights(trap=0.9, user=0.9),
    )


def test_a_section_on_labels_that_says_what_is_shipped_leaves_the_digest():
    assert read_policy("[labels]\nreporters = 3\n").digest == shipped_policy().digest
    assert read_policy("[labels]\nreporters = 4\n").digest != shipped_policy().digest
    assert "labels" not in _canonical(shipped_policy().default)


def test_signals_take_a_weight_and_a_mode():
    policy = read_policy("[signals.high_priority]\nweight = 1\nmode = 'shadow'\n").default
    assert policy.signals == {"high_priority": SignalSetting(1.0, "shadow")}


def test_a_date_holds_to_its_end_and_a_time_to_the_second():
    policy = read_policy(
        '[[deny]]\ndomain = "a.example"\nreason = "x"\nexpires = 2026-01-31\n'
        '[[deny]]\nnetwork = "192.0.2.0/24"\nreason = "x"\nexpires = 2026-01-31T12:00:00+02:00\n'
    ).default
    assert [entry.expires for entry in policy.deny] == [
        datetime(2026, 2, 1, tzinfo=UTC),
        datetime(2026, 1, 31, 10, tzinfo=UTC),
    ]
    assert [entry.action for entry in policy.deny] == ["reject", "reject"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("shadw = true", "my.toml:1:1: shadw: unknown key; did you mean shadow?"),
        ("zzz = 1", "my.toml:1:1: zzz: unknown key; allowed: allow, allow_discard,"),
        ("\nshadow = 1", "my.toml:2:10: shadow: 1 given, allowed: true or false"),
        ("on_failure = 'reject'", 'my.toml:1:14: on_failure: "reject" given, allowed: one of acc'),
        ("reject_needs_groups = 0", "my.toml:1:23: reject_needs_groups: 0 given, allowed: a whole"),
        ("class_threshold = nan", "my.toml:1:19: class_threshold: nan given"),
        ("thresholds = 1", "my.toml:1:1: thresholds: 1 given, allowed: a table"),
        ("[thresholds.inbund]\n", "my.toml:1:1: thresholds.inbund: unknown key; did you mean inb"),
        (
            "[thresholds.inbound]\nquarantine = 1.5",
            "my.toml:2:14: thresholds.inbound.quarantine: 1.5 given, allowed: a probability above",
        ),
        (
            "[thresholds.inbound]\naccept = 0.1",
            "my.toml:2:1: thresholds.inbound.accept: unknown key",
        ),
        (
            "[thresholds.inbound]\nreject = 0.6",
            "my.toml:1:1: thresholds.inbound: quarantine = 0.9 doesn't lie below reject = 0.6",
        ),
        (
            "[tenant.a.thresholds.inbound.phish]\nreject = 0.6",
            "my.toml:1:1: tenant.a.thresholds.inbound.phish: quarantine = 0.9 doesn't lie below",
        ),
        (
            "[thresholds.inbound]\ndiscard = 0.999",
            "my.toml:2:1: thresholds.inbound.discard: discard is off",
        ),
        ("[signals.nosuch]\nweight = 1", "my.toml:1:1: signals.nosuch: no such signal; docs/"),
        (
            "[signals.high_priority]\nweight = -1",
            "my.toml:2:10: signals.high_priority.weight: -1 given, allowed: at least 0",
        ),
        ("[rules]\nname = 'x'", "my.toml:1:1: rules: a table given, allowed: tables [[rules]]"),
        ("[[rules]]\nname = 'x'", "my.toml:1:1: rules[0]: missing: when, action, reason"),
        (RULE.format("scor > 0.5"), "my.toml:3:9: rules[0].when: unknown variable 'scor'"),
        (RULE.format("score > "), "my.toml:3:17: rules[0].when: Syntax error: mismatched input"),
        (RULE.format("now() > 1"), "my.toml:3:9: rules[0].when: unknown function 'now'"),
        (RULE.format("score"), "my.toml:3:9: rules[0].when: gives float, allowed: a condition"),
        (
            RULE.format("true") + RULE.format("true"),
            'my.toml:7:1: rules[1].name: "r" is also the name of the rule in line 1',
        ),
        ("[[allow]]\nreason = 'x'", "my.toml:1:1: allow[0]: 0 of domain, address, network given"),
        ("[[allow]]\ndomain = 'a.b'", "my.toml:1:1: allow[0]: missing: reason"),
        (
            "[[allow]]\nurl_domain = 'a.b'\nreason = 'x'",
            "my.toml:2:1: allow[0].url_domain: unknown key",
        ),
        (
            "[[deny]]\nnetwork = '192.0.2.1/24'\nreason = 'x'",
            'my.toml:2:11: deny[0].network: "192.0.2.1/24" given, allowed: a network such as',
        ),
        (
            "[[deny]]\ndomain = 'münchen.example'\nreason = 'x'",
            'my.toml:2:10: deny[0].domain: "münchen.example" given, allowed: a domain in ASCII',
        ),
        (
            "[[deny]]\ndomain = 'a.b'\nreason = 'x'\nexpires = 2026-01-01T00:00:00",
            "my.toml:4:11: deny[0].expires: 2026-01-01 00:00:00 given, allowed: a date, or a time",
        ),
        ("[labels]\nreporter = 4", "my.toml:2:1: labels.reporter: unknown key; did you mean repor"),
        ("[labels]\nreporters = 0", "my.toml:2:13: labels.reporters: 0 given, allowed: a whole n"),
        ("[labels]\ntraps = ['x']", 'my.toml:2:9: labels.traps: "x" given, allowed: addresses'),
        ("labels = 1", "my.toml:1:1: labels: 1 given, allowed: a table"),
        ("[labels.weights]\ntrap = 2", "my.toml:2:8: labels.weights.trap: 2 given, allowed: a num"),
        (
            "[tenant.a.labels.weights]\nuser = 0.1",
            "my.toml:1:1: tenant.a.labels: weights.automatic = 0.3 lies above weights.user = 0.1",
        ),
        (
            "[labels]\nreputation_earned = 0.2",
            "my.toml:1:1: labels: reputation_prior = 0.25 doesn't lie below reputation_earned = 0",
        ),
        ("tenant = 1", "my.toml:1:1: tenant: allowed: tables [tenant.NAME]"),
        ("[tenant.'A B']", "my.toml:1:1: tenant.A B: a tenant's name is"),
        ("[tenant.a]\nshadw = true", "my.toml:2:1: tenant.a.shadw: unknown key"),
        ("[tenant.a.tenant.b]", "my.toml:1:1: tenant.a.tenant: unknown key"),
        ("a = ", "my.toml:1:5: no valid TOML: Invalid value"),
        ("a = 1\na = 2", "my.toml:2:6: no valid TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "my.toml:1:1: no valid TOML: nested too deep"),
    ],
)
def test_a_mistake_is_named_with_line_column_key_and_what_is_allowed(text, line):
    found = problems(text)
    assert len(found) >= 1
    assert any(each.startswith(line) for each in found), found


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    text = "shadow = 1\nzzz = 2\n[thresholds.inbound]\nreject = 2.0\n" + RULE.format("scor > 1")
    assert [line.split(":")[1] for line in problems(text)] == ["1", "2", "4", "7"]


def test_a_condition_over_several_lines_is_placed_in_the_file():
    text = RULE.format("X").replace('"X"', '"""\nscore > 0.5 &&\n  sco < 1.0"""')
    assert problems(text) == [
        "my.toml:5:3: rules[0].when: unknown variable 'sco'; did you mean score?"
    ]


def test_escapes_before_a_mistake_are_counted_as_written():
    text = RULE.format(r"subject == \"x\" && sco > 1")
    line = text.splitlines()[2]
    assert problems(text) == [
        (
            f"my.toml:3:{line.index('sco') + 1}: rules[0].when: unknown variable 'sco'; "
            "did you mean score?"
        )
    ]


def test_discard_may_be_asked_for_once_it_is_allowed():
    policy = read_policy("allow_discard = true\n[thresholds.inbound]\ndiscard = 0.9999").default
    assert policy.thresholds_for("inbound", "spam")["discard"] == 0.9999


def test_a_rule_may_not_discard_where_a_tenant_forbids_it():
    text = "allow_discard = true\n" + RULE.format("true").replace("accept", "discard")
    read_policy(text)
    assert problems(text + "[tenant.a]\nallow_discard = false\n")[0].startswith(
        "my.toml:2:1: rules[0]: discard is off"
    )


def test_defer_may_stand_anywhere_among_the_thresholds():
    policy = read_policy("[thresholds.inbound]\ndefer = 0.6\n").default
    assert policy.thresholds_for("inbound", "spam")["defer"] == 0.6


def test_a_tenants_list_entries_stand_before_the_files():
    entry = '[[{}]]\ndomain = "{}.example"\nreason = "x"\n'
    policy = read_policy(
        entry.format("allow", "a")
        + entry.format("deny", "b")
        + entry.format("tenant.t.allow", "c")
        + entry.format("tenant.t.deny", "d")
    ).for_tenant("t")
    assert [each.value for each in policy.allow] == ["c.example", "a.example"]
    assert [each.value for each in policy.deny] == ["d.example", "b.example"]


@pytest.mark.parametrize("expires", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_beyond_the_calendar_is_a_mistake_like_others(expires):
    with pytest.raises(PolicyError, match=r"policy\.toml:4:11: allow\[0\]\.expires: "):
        read_policy(f"[[allow]]\ndomain = 'a.example'\nreason = 'x'\nexpires = {expires}\n")


def test_what_a_refused_sender_reads_is_the_tenants_or_the_files():
    policies = read_policy(
        'refusal = "Not here"\nappeal = "postmaster@a.example"\n[tenant.t]\nrefusal = "Nor here"\n'
    )
    assert (policies.default.refusal, policies.default.appeal) == (
        *("Not here", "postmaster@a.example"),
    )
    assert policies.for_tenant("t").refusal == "Nor here"
    assert policies.for_tenant("t").appeal == "postmaster@a.example"
    assert policies.default.subject_tag == shipped_policy().default.subject_tag


@pytest.mark.parametrize("key", ["refusal", "appeal", "subject_tag"])
@pytest.mark.parametrize("value", ["", "a\\r\\nb", "caf\\u00e9", " a", "x" * 151])
def test_what_smtp_can_t_carry_in_a_line_is_a_mistake(key, value):
    (problem,) = problems(f'{key} = "{value}"\n')
    assert problem.startswith(f"my.toml:1:{len(key) + 4}: {key}: ")
    assert problem.endswith("allowed: up to 150 printable ASCII characters, not empty")


def test_texts_that_say_what_is_shipped_leave_the_digest():
    shipped = shipped_policy()
    assert read_policy(f'refusal = "{shipped.default.refusal}"\n').digest == shipped.digest
    assert read_policy('appeal = "postmaster@a.example"\n').digest != shipped.digest
