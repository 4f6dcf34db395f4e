"""`weir data`: what is known beforehand is listed, shown and checked against a policy."""

import json

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from apps.cli.main import weir
from features.data_files import data_names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments, **keywords):
    return CliRunner().invoke(weir, ["data", *arguments], **keywords)


def test_every_file_is_listed_with_what_it_says_of_itself():
    listed = json.loads(run("list", "--json").stdout)

    assert {file["name"] for file in listed} == {*data_names(), "brands"}
    for file in listed:
        assert file["entries"] > 0
        assert file["version"] >= 1
        assert file["date"].startswith("20")
        assert file["source"]
        assert file["read_by"].endswith(".py")


def test_the_list_is_readable_too():
    shown = run("list").stdout

    assert "phrases/parcel" in shown
    assert "features/lexicon.py" in shown


def test_a_brand_is_found_by_its_domain_and_shown_with_its_names():
    shown = run("show", "brands", "--find", "paypal.me")

    assert shown.exit_code == 0
    assert shown.stdout.startswith("PayPal  paypal\n")
    assert "xoom.com" in shown.stdout


def test_ambiguous_and_shared_names_are_marked():
    assert "apple (ambiguous)" in run("show", "brands", "--find", "icloud").stdout
    assert "others bear the name too" in run("show", "brands", "--find", "sparkasse").stdout


def test_phrases_are_shown_by_language():
    shown = json.loads(run("show", "phrases/greeting", "--find", "cliente", "--json").stdout)

    assert "prezado cliente" in shown["pt"]
    assert "en" not in shown


def test_a_table_is_shown_a_line_an_entry():
    assert "google.com  /url" in run("show", "redirectors", "--find", "maps.google").stdout


def test_what_is_not_there_is_exit_code_1_and_an_unknown_file_2():
    nothing = run("show", "freemail", "--find", "no such thing")
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert nothing.stderr == "Note: no entry of freemail holds 'no such thing'\n"
    refused = run("show", "frebmail")
    assert refused.exit_code == 2
    assert "freemail" in refused.output


def test_names_of_files_are_completed():
    complete = ShellComplete(weir, {}, "weir", "_WEIR_COMPLETE")
    found = complete.get_completions(["data", "show"], "phrases/p")

    assert [item.value for item in found] == [
        "phrases/parcel",
        "phrases/payment_request",
        "phrases/prize",
    ]


def test_the_shipped_files_and_policy_contradict_nothing():
    checked = run("check")

    assert checked.exit_code == 0, checked.output
    assert checked.stdout.startswith("ok: ")


def test_a_policy_is_checked_with_its_tenants(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'own_domains = ["gmail.com", "brookvale.org"]\n[tenant.a]\nown_domains = ["bit.ly"]\n'
    )
    checked = run("check", "mine.toml", "--json")
    found = json.loads(checked.stdout)

    assert checked.exit_code == 1
    assert not found["ok"]
    assert any("gmail.com is a free mail" in line for line in found["contradictions"]["policy"])
    assert found["contradictions"]["tenant a"] == ["own_domains: bit.ly is a URL shortener"]


def test_a_wrong_policy_is_exit_code_2(tmp_path):
    (tmp_path / "mine.toml").write_text("own_domains = 3\n")

    assert run("check", "mine.toml").exit_code == 2
