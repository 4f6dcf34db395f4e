"""weir check judges mail without a broker, says what it found, and exits by what it saw."""

import json
import shutil
from pathlib import Path

import click
import jsonschema
import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from detectors.stack import shipped_stack

ROOT = Path(__file__).parents[3]
MAIL = ROOT / "examples" / "inbound"
PHISH = str(MAIL / "written-phish-brand-1.eml")
HAM = str(MAIL / "corpus-ham-list-1.eml")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No weir.toml of the working directory has a say."""
    monkeypatch.chdir(tmp_path)


def check(*arguments, **keywords):
    return CliRunner().invoke(weir, ["check", *arguments], **keywords)


def test_one_phish_is_told_in_full_and_the_exit_code_is_1():
    result = check(PHISH)
    assert result.exit_code == 1
    assert "reject  phish" in result.stdout
    assert "The link says paypal.com and leads to example-login.top" in result.stdout
    assert "where every message starts" in result.stdout


def test_one_legitimate_message_exits_with_0():
    result = check(HAM)
    assert result.exit_code == 0
    assert "accept  ham" in result.stdout


def test_many_are_summed_up_the_worst_first():
    result = check(HAM, PHISH)
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert "reject" in lines[0]
    assert "accept" in lines[1]
    assert "2 messages: 1 reject, 1 accept" in result.stdout


def test_the_summary_lists_no_more_than_asked_for():
    result = check(str(MAIL), "--top", "3")
    assert len([line for line in result.stdout.splitlines() if ".eml" in line]) == 3
    assert "less bad" in result.stdout


def test_full_prints_every_verdict():
    result = check(HAM, PHISH, "--full")
    assert result.stdout.count("where every message starts") == 2


def test_json_is_one_verdict_a_line_with_its_source():
    schema = json.loads((ROOT / "docs" / "topics" / "verdict.schema.json").read_text())
    result = check(HAM, PHISH, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.pop("source") for line in lines] == [HAM, PHISH]
    for line in lines:
        jsonschema.validate(line, schema)


def test_judging_a_file_twice_says_the_same():
    assert check(PHISH, "--json").stdout == check(PHISH, "--json").stdout


def test_a_message_comes_from_standard_input():
    result = check("-", input=Path(PHISH).read_bytes())
    assert result.exit_code == 1
    assert result.stdout.startswith("stdin\n")


def test_an_unreadable_file_is_named_and_the_others_are_judged(tmp_path):
    result = check(str(tmp_path / "none.eml"), HAM)
    assert result.exit_code == 3
    assert "none.eml: No such file or directory" in result.stderr
    assert "1 message: 1 accept" in result.stdout


def test_a_policy_file_decides(tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rules]]\nname = "all"\nwhen = "true"\naction = "reject"\nreason = "test"\n'
    )
    result = check(HAM, "--policy", str(policy))
    assert result.exit_code == 1, result.output
    assert "reject because test (rule:all)" in result.stdout


def test_a_wrong_policy_is_refused_with_its_place(tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text("\nshadow = 3\n")
    result = check(HAM, "--policy", str(policy))
    assert result.exit_code == 2
    assert f"{policy}:2:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_policy_file_is_one_line(tmp_path):
    result = check(HAM, "--policy", str(tmp_path / "none.toml"))
    assert result.exit_code == 3
    assert result.stderr == f"Error: {tmp_path / 'none.toml'}: No such file or directory\n"


def test_an_artifact_that_was_changed_is_refused_in_one_line(tmp_path):
    for file in ("manifest.json", "classifier.onnx"):
        shutil.copy(ROOT / "models" / "artifacts" / file, tmp_path)
    with (tmp_path / "classifier.onnx").open("ab") as file:
        file.write(b"\0")
    result = check(HAM, env={"WEIR_MODELS__CLASSIFIER": str(tmp_path)})
    assert result.exit_code == 2
    assert "SHA-256" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_control_characters_of_mail_never_reach_the_terminal(tmp_path):
    path = tmp_path / "evil.eml"
    path.write_bytes(
        b'From: "\x1b[31mred\x1b[0m" <a@example.org>\n'
        b"Subject: =?utf-8?b?G1syShtdMDtvd25lZAc=?= \xe2\x80\xae gnp.exe\n\nhello\n"
    )
    for arguments in ((str(path),), (str(path), HAM), (str(path), "--json")):
        said = check(*arguments).stdout
        assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_colour_is_left_out_where_no_color_is_set():
    with_colour = check(PHISH, color=True)
    without = check(PHISH, color=True, env={"NO_COLOR": "1"})
    assert "\x1b[" in with_colour.stdout
    assert "\x1b[" not in without.stdout


def test_a_message_over_the_limit_is_judged_by_its_first_part(tmp_path):
    path = tmp_path / "large.eml"
    path.write_bytes(Path(HAM).read_bytes() + b"x" * 2_000_000)
    verdict = json.loads(check(str(path), "--json").stdout)
    assert verdict["action"] == "accept"


HELD_BACK = '[signals.lure_subject]\nmode = "draft"\n[signals.link_cheap_tld]\nweight = 0.5\n'


@pytest.fixture(name="held_back")
def _held_back(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(HELD_BACK)
    return ("--policy", str(path))


def test_an_explanation_says_what_each_signal_became(held_back):
    said = check(PHISH, "--explain", *held_back).stdout
    assert "reject needs 2 groups against it: " in said
    assert "half: 2nd of group" in said
    assert f"policy 0.5, shipped {shipped_stack().shipped('link_cheap_tld'):g}" in said
    assert not any(line.endswith(" ") for line in said.splitlines())
    assert "where every message starts" in said
    assert "needs the sender's history" in said
    assert "Tried, and found nothing" in said


def test_an_explanation_says_what_a_draft_would_do(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('[signals.link_shortener_only]\nmode = "draft"\n')
    parcel = str(MAIL / "written-phish-parcel-de.eml")
    lines = check(parcel, "--explain", "--policy", str(path)).stdout.splitlines()
    start = lines.index("Held back: what shadow and draft would do")
    assert "draft" in lines[start + 1]
    assert "All it asks you to click is hidden behind bit.ly" in lines[start + 1]
    assert any(line.startswith(" Were all of it live: reject") for line in lines[start:])


def test_an_explanation_as_json_fits_its_schema(held_back):
    schema = json.loads((ROOT / "docs" / "topics" / "explanation.schema.json").read_text())
    result = check(HAM, PHISH, "--explain", "--json", *held_back)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.pop("source") for line in lines] == [HAM, PHISH]
    for line in lines:
        jsonschema.validate(line, schema)
    verdicts = [
        json.loads(line) for line in check(HAM, PHISH, "--json", *held_back).stdout.split("\n")[:2]
    ]
    for line, verdict in zip(lines, verdicts, strict=True):
        del verdict["source"]
        assert line["verdict"] == verdict


def test_one_signal_or_group_is_explained_alone():
    said = check(PHISH, "--only", "link_cheap_tld", "--only", "wallet_phrases").stdout
    assert "under a throw-away ending" in said
    assert "looks for" in said
    assert "display_name_brand" not in said
    shown = json.loads(check(PHISH, "--only", "links", "--json").stdout)
    assert {signal["group"] for signal in shown["signals"]} == {"links"}


def test_an_unknown_signal_is_answered_with_the_nearest():
    result = check(PHISH, "--only", "link_cheap_tdl")
    assert result.exit_code == 2
    assert "did you mean link_cheap_tld?" in result.stderr


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_an_explanation_fits_the_terminal_and_a_hundred_columns(monkeypatch, columns):
    from apps.cli.explained import page
    from apps.cli.judging import judge_mail
    from apps.installation import open_judge
    from detectors.explaining import Explainer
    from streams.settings import load

    settings = load(None, {})
    core = open_judge(settings)
    [answer] = judge_mail([core], settings, [PHISH], direction="inbound", tenant="default")
    explained = Explainer(core).explain(answer.incoming, answer.judged[0])
    lines = click.unstyle(page(answer.shown(), explained, int(columns))).splitlines()
    assert max(map(len, lines)) <= min(100, int(columns))


def test_reasons_against_come_first_and_what_speaks_for_it_apart():
    lines = check(PHISH).stdout.splitlines()
    against = lines.index("  Against it")
    numbers = [
        float(line.split()[0]) for line in lines[against + 1 :] if line[2:4].strip()[:1] == "+"
    ]
    assert numbers[:-1] == sorted(numbers[:-1], reverse=True)
    parcel = check(str(MAIL / "written-parcel-de.eml")).stdout.splitlines()
    assert parcel.index("  Against it") < parcel.index("  In its favour")


def test_what_two_signals_say_in_the_same_words_is_said_once():
    said = check(PHISH).stdout
    assert said.count("The name claims PayPal, but the address is at example-mailing.top") == 1
    assert "(display_name_brand, display_name_contains_brand)" in said


def test_what_is_no_message_is_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "saved.msg"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500))
    result = check(str(path))
    assert result.exit_code == 3
    assert "saved.msg: not a message but an Outlook or Office file; save" in result.stderr


def test_text_without_a_header_is_judged_and_doubted(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"just some words\nwithout a header\n")
    result = check(str(path))
    assert result.exit_code in {0, 1}
    assert "words.txt: no header: is this a message?" in result.stderr
    assert "From     (none)" in result.stdout
    many = check(str(path), HAM)
    assert "1 without any header: maybe no messages" in many.stdout
    assert "Note" not in many.stderr


def test_a_folder_without_mail_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    result = check(str(tmp_path / "empty"))
    assert result.exit_code == 0
    assert result.stdout.startswith("no message found")


def test_attachments_are_opened_as_a_worker_opens_them():
    said = check(str(MAIL / "written-phish-callback-pdf.eml")).stdout
    assert "The PDF bills for an order and wants you to call a telephone number" in said


def test_an_explanation_says_the_same_reason_once(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[signals.display_name_contains_brand]\nweight = 1.0\n")
    said = check(PHISH, "--explain", "--policy", str(path)).stdout
    assert said.count("The name claims PayPal") == 1
    assert "the same once more (display_name_contains_brand)" in said


def test_an_explanation_shows_what_a_reason_rests_on_beyond_what_it_says():
    said = check(str(MAIL / "written-phish-parcel-de.eml"), "--explain").stdout
    assert "(link_shortener_only)" in said, "its host is in the reason"
    assert "(learned_classifier; logit=" in said
