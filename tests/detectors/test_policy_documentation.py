from pathlib import Path

from detectors.policy_keys import KEYS
from detectors.rule_values import READERS
from detectors.rules import VARIABLES

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")


def documented(name):
    return any(f"`{name}`" in line.split("|")[1] for line in TEXT.splitlines() if "|" in line)


def test_every_key_of_a_policy_file_is_documented():
    assert [key for key in KEYS if not documented(key)] == []


def test_every_variable_of_a_rule_is_documented_and_has_a_value():
    assert [name for name in VARIABLES if not documented(name)] == []
    assert READERS.keys() == VARIABLES.keys()
