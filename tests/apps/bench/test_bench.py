"""Benchmarks measure what they say, on mail of any amount; their keys are documented."""

import gc
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.bench.machine import cpu_ms, machine
from apps.bench.table import lines
from apps.bench.warm_core import Answered, Example, warmed_up
from apps.cli.main import weir
from apps.evaluation.stream import Clock, incoming_of
from apps.installation import open_judge
from detectors.judging import STAGES
from detectors.stack import LEARNED, shipped_stack
from features.context import Limits
from models.ensemble import Ensemble
from streams.offline import Offline
from streams.settings import load

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DOCUMENTED = (ROOT / "docs" / "benchmarks.md").read_text()


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A corpus in the layout of the real one, of example messages."""
    monkeypatch.chdir(tmp_path)
    mail = ROOT / "examples" / "inbound"
    for kind, found in (("spam-1", "corpus-spam-*"), ("easy-ham-1", "corpus-ham-*")):
        folder = tmp_path / "corpora" / "sa" / kind
        folder.mkdir(parents=True)
        for path in sorted(mail.glob(found)):
            shutil.copy(path, folder)
    thresholds = gc.get_threshold()
    yield tmp_path / "corpora"
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def bench(*arguments):
    return CliRunner().invoke(weir, ["bench", *map(str, arguments)])


def test_core_reports_every_stage_of_each_mix_and_their_sum(corpora):
    result = bench("core", "--corpora", corpora, "--rounds", 1, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["mixes"].keys() == {"spamassassin"}
    mix = found["mixes"]["spamassassin"]
    assert mix["messages"] == len(list(corpora.rglob("*.eml")))
    assert mix["without"]["stages_us"].keys() == {*STAGES, "encode"}
    assert mix["with_all"]["stages_us"].keys() == {*STAGES, "state", "encode"}
    for side in (mix["without"], mix["with_all"]):
        assert all(cost > 0 for cost in side["stages_us"].values())
        assert sum(side["stages_us"].values()) == pytest.approx(side["cpu_us"], abs=0.5)
        assert side["cpu_us"] == side["cpu_us_rounds"][0]
        assert side["ratio_to_peers"] == {
            name: pytest.approx(side["cpu_us"] / cost, rel=0.02)
            for name, cost in mix["peers_us"].items()
        }


def test_the_core_with_all_knows_its_senders_and_has_learned(corpora):
    """What is measured isn't the path of unknown senders and models that know nothing."""
    core = open_judge(load(None, {})).with_models(Ensemble.fresh(shipped_stack().fresh_fusion()))
    examples = [
        Example(
            incoming_of(path.read_bytes(), path.name, Clock(NOW), Limits()), "spam" in path.name
        )
        for spam, kind in enumerate(("easy-ham-1", "spam-1"))
        for path in sorted((corpora / "sa" / kind).iterdir())
    ]
    answers = warmed_up(core, examples)
    judged = Offline(core, Answered(answers)).judge([example.incoming for example in examples])
    assert core.models.fusion.share > 0
    assert core.models.sequence == len(examples)
    for one in judged:
        assert one.evidence.history["sender.age"] >= 7 * 86_400
        models = {signal.name for signal in one.verdict.signals if signal.group == LEARNED}
        assert {"learned_text", "learned_bayes", "learned_counts", "learned_behaviour"} <= models


def test_the_core_is_measured_beside_the_peers_that_are_installed(corpora, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = bench("core", "--corpora", corpora, "--rounds", 1, "--json")
    (mix,) = json.loads(result.stdout)["mixes"].values()
    assert mix["peers_us"].keys() == {"email", "fast_mail_parser"}
    assert result.stderr.count("left out: bogofilter isn't installed") == 1


def test_every_key_of_core_is_documented(corpora):
    found = json.loads(bench("core", "--corpora", corpora, "--rounds", 1, "--json").stdout)
    missing = [key for key in keys(found) if f"`{key}`" not in DOCUMENTED]
    assert missing == []


def test_the_keys_of_the_other_benchmarks_are_documented():
    """Those take minutes to run: their keys are read from their code."""
    source = "".join(
        (ROOT / "apps" / "bench" / f"{module}.py").read_text()
        for module in (
            "worker_cost",
            "detection",
            "detection_figures",
            "state_cost",
            "memory_use",
        )
    )
    named = set(re.findall(r'^ +"([a-z_0-9]+)":', source, re.MULTILINE))
    # Names that the code makes from a tuple, or adds up under.
    named |= set(re.findall(r'(?:spent|row)\["([a-z_]+)"\] \+?=', source))
    named |= set(re.findall(r'"([a-z_]+)"', source.partition("_COLUMNS = (")[2].partition(")")[0]))
    assert {"cpu_ms", "p99_ms", "recall", "evaluation_only"} <= named
    assert {"arrival", "redis", "sighting_bytes", "most_mib", "resident_mib"} <= named
    assert {key for key in named if f"`{key}`" not in DOCUMENTED} == set()


def test_a_limit_takes_messages_evenly(corpora):
    found = json.loads(
        bench("core", "--corpora", corpora, "--rounds", 1, "--limit", 5, "--json").stdout
    )
    assert found["mixes"]["spamassassin"]["messages"] == 5


def test_a_folder_without_corpora_is_one_line(tmp_path):
    result = bench("core", "--corpora", tmp_path)
    assert result.exit_code == 3
    assert result.stderr == f"Error: {tmp_path}: holds no sa/, modern/ or phishing_pot*/\n"


def test_the_machine_is_named():
    found = machine()
    assert found["cpu"]
    assert found["cores"] >= 1


def test_cpu_time_of_a_process_grows_with_its_work():
    import os

    before = cpu_ms(os.getpid())
    while cpu_ms(os.getpid()) < before + 30:
        sum(range(100_000))
    assert cpu_ms(os.getpid()) - before >= 30


def test_a_table_has_a_row_for_each_key():
    shown = list(lines({"a": 1, "workers": {"x": {"p50": 0.5}, "y": {"p50": 12.0, "max": None}}}))
    assert [line.split() for line in shown] == [
        ["a", "1"],
        ["workers"],
        ["p50", "max"],
        ["x", "0.5"],
        ["y", "12.00", "-"],
    ]


def keys(value, below=("stages_us", "mixes", "machine")):
    for key, item in value.items():
        yield key
        if isinstance(item, dict):
            yield from keys(item)
