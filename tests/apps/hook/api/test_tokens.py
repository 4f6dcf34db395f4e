"""The file of tokens, and who may do what without one."""

import pytest

from apps.hook.api.tokens import Caller, Tokens, read_tokens
from streams.settings import SettingsError

LONG = "t" * 32


@pytest.fixture
def file(tmp_path):
    """Write a file of tokens."""

    def write(text, mode=0o600):
        path = tmp_path / "tokens"
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    return write


def test_a_line_is_a_name_a_token_and_rights(file):
    tokens = read_tokens(file(f"# who\nmta {LONG} check # the MX\n\ndesk {LONG}2 label analyst\n"))
    assert tokens.caller(LONG, unix=False) == Caller("mta", frozenset({"check"}))
    assert tokens.caller(LONG + "2", unix=False) == Caller("desk", frozenset({"label", "analyst"}))


def test_without_rights_it_checks_labels_and_reads(file):
    found = read_tokens(file(f"mta {LONG}")).caller(LONG, unix=False)
    assert found == Caller("mta", frozenset({"check", "label", "read"}))


def test_a_wrong_or_missing_token_is_nobody(file):
    tokens = read_tokens(file(f"mta {LONG}"))
    assert tokens.caller(LONG[:-1], unix=False) is None
    assert tokens.caller("", unix=False) is None
    assert tokens.caller(None, unix=False) is None
    assert tokens.caller("wrong", unix=True) is None
    assert tokens.caller("\udcff", unix=False) is None


def test_over_a_unix_socket_none_is_needed(file):
    assert "analyst" in read_tokens(file(f"mta {LONG}")).caller(None, unix=True).rights


def test_where_there_are_none_a_port_gives_no_analyst():
    assert Tokens().caller(None, unix=False).rights == {"check", "label", "read"}


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"mta {LONG}", 0o604, "mode 0604 lets everybody read it"),
        ("", 0o600, "no token in it"),
        ("# only this", 0o600, "no token in it"),
        ("mta short", 0o600, "line 1: the token of mta; allowed: 16 characters"),
        ("mta", 0o600, "line 1: the token of mta"),
        (f"m/a {LONG}", 0o600, "line 1: the name"),
        (f"mta {LONG} everything", 0o600, "'everything'; allowed: check, label, analyst, read"),
        (f"mta {LONG}ü", 0o600, "not ASCII"),
    ],
)
def test_a_file_that_cant_be_used_is_one_line(file, text, mode, said):
    with pytest.raises(SettingsError, match=r"^api\.tokens_file = ") as caught:
        read_tokens(file(text, mode))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert LONG not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        read_tokens(str(tmp_path / "none"))
