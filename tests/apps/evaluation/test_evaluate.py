"""weir evaluate judges an index in order, learns from it, and says how well it went."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.training.metrics import roc

ROOT = Path(__file__).parents[3]
INDEX = ROOT / "examples" / "index"
LABELS = [line.split()[0] for line in INDEX.read_text().splitlines()]
SPAM, HAM = LABELS.count("spam"), LABELS.count("ham")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No weir.toml of the working directory has a say."""
    monkeypatch.chdir(tmp_path)


def evaluate(*arguments, index=INDEX):
    return CliRunner().invoke(weir, ["evaluate", "--index", str(index), *map(str, arguments)])


def write(tmp_path, lines, messages=()):
    for name, raw in messages:
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "index").write_text(lines)
    return tmp_path / "index"


def test_the_report_is_of_every_message_of_the_index():
    result = evaluate("--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["messages"], found["spam"], found["ham"]) == (len(LABELS), SPAM, HAM)
    assert found["taught"] == len(LABELS)
    assert found["trained_on"] == 0
    assert found["thresholds"].keys() == {"add_header", "quarantine", "reject"}
    assert {"parse", "features", "predict", "state", "learn"} <= found["cpu_us_stages"].keys()
    assert "Warning" not in result.stderr


def test_a_person_reads_tables():
    result = evaluate("--models", "signals")
    assert result.exit_code == 0
    assert f"{len(LABELS)} messages, {SPAM} spam and {HAM} ham" in result.stdout
    assert "1-ROCA%" in result.stdout


def test_out_has_a_line_each_in_the_streams_order_with_the_scores_of_the_report(tmp_path):
    found = json.loads(evaluate("--out", tmp_path / "out.jsonl", "--json").stdout)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    written = [line.split() for line in INDEX.read_text().splitlines()]
    assert [[line["label"], line["path"]] for line in lines] == written
    assert all(line.keys() == {"path", "label", "score", "logit", "action"} for line in lines)
    import numpy as np

    by_label = {
        label: np.array([line["logit"] for line in lines if line["label"] == label])
        for label in ("spam", "ham")
    }
    area = roc(by_label["spam"], by_label["ham"])
    assert found["one_minus_roca_pct"] == pytest.approx(100 * area.complement)


def test_it_says_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        evaluate("--out", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_label_changes_later_scores_and_none_is_shown_without_learning(tmp_path):
    evaluate("--models", "text,bayes", "--out", tmp_path / "taught")
    evaluate("--models", "text,bayes", "--no-learn", "--out", tmp_path / "untaught")
    taught, untaught = (
        [json.loads(line)["logit"] for line in (tmp_path / name).read_text().splitlines()]
        for name in ("taught", "untaught")
    )
    assert taught[0] == untaught[0]
    assert len(set(untaught)) == 1
    assert len(set(taught)) > 20


def test_the_text_model_is_both_of_its_halves_and_one_can_be_had_alone():
    """Somebody who asks for text,behaviour wants the text model, not a half of it."""
    named = {
        given: json.loads(evaluate("--models", given, "--json").stdout)["models"]
        for given in ("text,behaviour", "text,bayes", "bayes")
    }
    assert named == {
        "text,behaviour": ["text", "bayes", "behaviour"],
        "text,bayes": ["text", "bayes"],
        "bayes": ["bayes"],
    }


@pytest.mark.parametrize("option", ["--out", "--save", "--plot"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(tmp_path, option, monkeypatch):
    monkeypatch.setattr("apps.evaluation.index.read_index", lambda _: pytest.fail("it ran"))
    result = evaluate(option, tmp_path / "nowhere" / "file")
    assert result.exit_code == 3
    assert result.stderr == f"Error: {tmp_path / 'nowhere' / 'file'}: its folder isn't there\n"


def test_the_index_is_never_overwritten(tmp_path):
    index = write(tmp_path, "spam 0\n", [("0", b"cheap pills")])
    assert evaluate("--out", index, index=index).exit_code == 2
    assert index.read_text() == "spam 0\n"


def test_a_part_of_the_stream_that_is_all_of_it_is_not_shown_twice(tmp_path):
    raws = [("0", b"From: a@b.example\n\ncheap pills"), ("1", b"From: a@b.example\n\nhello")]
    shown = evaluate("--models", "text", index=write(tmp_path, "spam 0\nham 1\n", raws)).stdout
    assert "1-ROCA%" in shown
    assert "first 500" not in shown


def test_a_sentence_is_not_broken_where_no_terminal_is():
    assert "Score of text, bayes, counts, behaviour, classifier, signals." in evaluate().stdout


def test_a_capitalised_label_is_scored_and_never_shown(tmp_path):
    raws = [(f"{n}", b"From: a@b.example\n\ncheap pills %d\n" % n) for n in range(4)]
    hidden = write(tmp_path, "SPAM 0\nSpam 1\nHAM 2\nHam 3\n", raws)
    found = json.loads(evaluate("--json", index=hidden).stdout)
    assert (found["taught"], found["spam"], found["ham"]) == (0, 2, 2)


def test_models_that_were_saved_go_on_where_they_were(tmp_path):
    evaluate("--models", "text,bayes", "--save", tmp_path / "online.snapshot")
    first = json.loads(evaluate("--models", "text,bayes", "--no-learn", "--json").stdout)
    again = json.loads(
        evaluate(
            "--models", "text,bayes", "--from", tmp_path / "online.snapshot", "--no-learn", "--json"
        ).stdout
    )
    assert first["one_minus_roca_pct"] == 50
    assert again["one_minus_roca_pct"] < 1


def test_a_snapshot_that_lacks_a_model_is_named_with_what_it_lacks(tmp_path):
    snapshot = tmp_path / "text.snapshot"
    evaluate("--models", "text", "--save", snapshot)
    result = evaluate("--from", snapshot)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {snapshot}: snapshot: holds no behaviour model\n"


def test_a_file_that_is_no_snapshot_is_refused_in_one_line(tmp_path):
    (tmp_path / "none.snapshot").write_bytes(b"nothing")
    result = evaluate("--from", tmp_path / "none.snapshot")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_mail_that_the_classifier_was_trained_on_is_told_and_the_way_out(tmp_path):
    """Its own list is made to name one of the examples."""
    from apps.training.trained_on import pack
    from models.manifest import digest

    folder = tmp_path / "model"
    shutil.copytree(ROOT / "models" / "artifacts", folder)
    known = ROOT / "examples" / "inbound" / "corpus-ham-list-1.eml"
    from apps.training.trained_on import mark_of

    content = pack([mark_of(known.read_bytes()).hex()])
    (folder / "trained_on.bin").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["trained_on"] = digest(content)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "weir.toml").write_text(f'[models]\nclassifier = "{folder}"\n')

    result = evaluate("--json")
    assert json.loads(result.stdout)["trained_on"] == 1
    assert "corpus-ham-list-1.eml is among the mail that the classifier was" in result.stderr
    assert "--models text,bayes,counts,behaviour,signals" in result.stderr
    assert f"1 of {len(LABELS)} messages" in result.stderr

    without = evaluate("--models", "text,bayes,signals", "--json")
    assert json.loads(without.stdout)["trained_on"] == 0
    assert "Warning" not in without.stderr


def test_a_classifier_without_its_list_is_not_taken_for_innocent(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(ROOT / "models" / "artifacts", folder)
    (folder / "trained_on.bin").write_bytes(b"12345678")
    (tmp_path / "weir.toml").write_text(f'[models]\nclassifier = "{folder}"\n')
    result = evaluate("--json")
    assert json.loads(result.stdout)["trained_on"] is None
    assert "doesn't say which mail it was trained on" in result.stderr


def test_unreadable_mail_is_judged(tmp_path):
    raws = [("0", b""), ("1", bytes(range(256)) * 40), ("2", b"\xff\xfe" * 99)]
    result = evaluate("--json", index=write(tmp_path, "spam 0\nham 1\nspam 2\n", raws))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["messages"] == 3


def test_a_malformed_line_and_a_missing_file_are_one_line_each(tmp_path):
    malformed = evaluate(index=write(tmp_path, "junk x\n"))
    assert malformed.exit_code == 2
    assert malformed.stderr == (
        f"Error: {tmp_path / 'index'}:1: 'junk x' isn't `spam PATH` or `ham PATH`\n"
    )
    missing = evaluate(index=write(tmp_path, "spam none\n"))
    assert missing.exit_code == 3
    assert missing.stderr == (
        f"Error: {tmp_path / 'none'}: no such file; {tmp_path / 'index'}:1 names it\n"
    )


def test_an_unknown_model_is_named_with_those_there_are():
    result = evaluate("--models", "text,magic")
    assert result.exit_code == 2
    assert "'magic' given" in result.stderr
    assert "text, bayes, counts, behaviour, classifier, signals" in result.stderr


def test_the_names_of_models_are_those_that_the_core_knows():
    """The command spells them out, since its help must not import the models."""
    from apps.cli.evaluate import _ALL
    from apps.evaluation.parts import PARTS

    assert tuple(_ALL.split(",")) == PARTS


def test_the_curve_is_drawn_as_svg_that_a_browser_reads(tmp_path):
    from xml.etree import ElementTree as ET

    evaluate("--plot", tmp_path / "roc.svg")
    drawing = ET.parse(tmp_path / "roc.svg").getroot()
    (path,) = drawing.iter("{http://www.w3.org/2000/svg}path")
    assert path.get("d").startswith("M92.0 38.0")  # no ham misjudged, all spam missed
    assert f"{SPAM} spam missed" in "".join(drawing.itertext())


def test_every_figure_is_documented():
    documented = (ROOT / "docs" / "evaluation.md").read_text()
    found = json.loads(evaluate("--json").stdout)
    names = set(found) | {key for part in found["thresholds"].values() for key in part}
    names |= set(found["calibration"]) | set(found["roc"][0])
    assert {name for name in names if f"`{name}`" not in documented} == set()


def test_a_written_protocol_is_followed_and_told(tmp_path):
    found = json.loads(evaluate("--protocol", "partial:50", "--seed", 4, "--json").stdout)
    assert found["protocol"]["name"] == "partial:50"
    assert 0.25 * len(LABELS) < found["taught"] < 0.75 * len(LABELS)
    again = json.loads(evaluate("--protocol", "partial:50", "--seed", 4, "--json").stdout)
    assert again["one_minus_roca_pct"] == found["one_minus_roca_pct"]


def test_people_report_after_the_first_messages(tmp_path):
    options = ["--protocol", "reports", "--first", 20, "--late", 0]
    options += ["--reported", 100, "--rescued", 100, "--replied", 100]
    found = json.loads(evaluate(*options, "--report", tmp_path / "page", "--json").stdout)
    assert found["taught"] > 30
    assert found["protocol"]["labelled_first"] == 20
    assert (tmp_path / "page" / "index.html").read_text().startswith("<!doctype html>")
    figures = json.loads((tmp_path / "page" / "figures.json").read_text())
    assert figures["taught"] == found["taught"]


def test_frozen_scores_no_longer_move_and_differ_from_learned_ones(tmp_path):
    evaluate("--frozen-after", 30, "--models", "text", "--out", tmp_path / "frozen")
    evaluate("--models", "text", "--out", tmp_path / "open")
    result = evaluate("--compare", tmp_path / "frozen", tmp_path / "open", "--json", index=INDEX)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found["first_less_second"]) == {"one_minus_roca_pct", "missed_pct_at_0.1%"}
    assert found["first"]["one_minus_roca_pct"] != found["second"]["one_minus_roca_pct"]
    assert "1-ROCA%" in evaluate("--compare", tmp_path / "frozen", tmp_path / "open").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--protocol", "sometimes"], "wanted is one of immediate"),
        (["--noise", "list:400"], "a share in %"),
        (["--noise", "x"], "a share in %"),
    ],
)
def test_what_is_asked_wrong_is_refused_before_the_run(options, said):
    result = evaluate(*options)
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", "").split())


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"path":"a","label":"spam","logit":1}\n', "and 2 messages"),
        ("no json\n", "no line of --out"),
        ('{"path":"a","label":"eggs","logit":1}\n', "spam or ham wanted"),
    ],
)
def test_files_that_do_not_compare_are_refused(tmp_path, lines, said):
    good = '{"path":"a","label":"spam","logit":1}\n{"path":"b","label":"ham","logit":0}\n'
    (tmp_path / "a").write_text(lines)
    (tmp_path / "b").write_text(good)
    result = evaluate("--compare", tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", "").split())
