import pytest

from detectors.limits import Limit
from detectors.policy import PolicyError
from detectors.policy_file import read_policy, shipped_policy

LIMIT = '[[{}limits]]\nname = "{}"\ncounts = "messages"\nover = {}\nminutes = 60\nreason = "why"\n'


def limits(text, tenant=""):
    return read_policy(text).for_tenant(tenant).limits


def test_a_limit_says_what_it_leaves_out_as_documented():
    assert limits(LIMIT.format("", "a", 3)) == (
        Limit("a", "messages", 3, 60.0, "why", by="user", action="defer", mode="live"),
    )


def test_nothing_is_limited_unless_a_policy_says_so():
    assert shipped_policy().default.limits == ()


def test_limits_change_the_digest_and_none_leaves_it_as_it_was():
    assert read_policy("limits = []\n").digest == shipped_policy().digest
    assert read_policy(LIMIT.format("", "a", 3)).digest != shipped_policy().digest


def test_a_tenants_limit_replaces_the_one_of_its_name_and_stands_before_the_others():
    text = LIMIT.format("", "a", 1) + LIMIT.format("", "b", 2) + LIMIT.format("tenant.x.", "b", 9)
    assert [(limit.name, limit.over) for limit in limits(text, "x")] == [("b", 9), ("a", 1)]
    assert [(limit.name, limit.over) for limit in limits(text)] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('counts = "mails"', '"mails" given, allowed: one of messages, recipients, new_recipients'),
        ("over = -1", "-1 given, allowed: a whole number from 0 to 10,000,000"),
        ("minutes = 0", "0 given, allowed: a number of minutes from 1 to 10,080"),
        ('action = "reject"', '"reject" given, allowed: one of defer, hold'),
        ('by = "ip"', '"ip" given, allowed: one of user, client'),
        ('reason = "two\\nlines"', "allowed: up to 150 printable ASCII characters"),
        ('name = "A b"', "allowed: up to 64 lower-case letters"),
        ("limit = 3", "unknown key"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(line, what):
    key = line.split(" ", maxsplit=1)[0]
    kept = [old for old in LIMIT.format("", "a", 3).splitlines() if not old.startswith(f"{key} ")]
    with pytest.raises(PolicyError) as caught:
        read_policy("\n".join([*kept, line]))
    assert f"limits[0].{key}" in str(caught.value)
    assert what in str(caught.value)


def test_a_limit_needs_its_five_keys_and_a_name_of_its_own():
    with pytest.raises(PolicyError, match="missing: counts, over, minutes, reason"):
        read_policy('[[limits]]\nname = "a"\n')
    with pytest.raises(PolicyError, match='"a" is also the name of the limit in line 1'):
        read_policy(LIMIT.format("", "a", 1) * 2)
