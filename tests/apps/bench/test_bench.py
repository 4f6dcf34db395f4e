"""Benchmarks measure what they say, on mail of any amount; their keys are documented."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.bench.machine import cpu_ms, machine
from apps.bench.table import lines
from apps.cli.main import weir
from detectors.judging import STAGES

ROOT = Path(__file__).parents[3]
DOCUMENTED = (ROOT / "docs" / "benchmarks.md").read_text()


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """A corpus in the layout of the real one, of example messages."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "corpora" / "sa" / "easy-ham-1"
    folder.mkdir(parents=True)
    for path in sorted((ROOT / "examples" / "inbound").glob("corpus-*.eml")):
        shutil.copy(path, folder)
    return tmp_path / "corpora"


def bench(*arguments):
    return CliRunner().invoke(weir, ["bench", *map(str, arguments)])


def test_core_reports_every_stage_of_each_mix_and_their_sum(corpora):
    result = bench("core", "--corpora", corpora, "--rounds", 1, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["mixes"].keys() == {"spamassassin"}
    mix = found["mixes"]["spamassassin"]
    assert mix["messages"] == len(list(corpora.rglob("*.eml")))
    assert mix["stages_us"].keys() == {*STAGES, "encode"}
    assert sum(mix["stages_us"].values()) <= mix["cpu_us"] * 1.01
    assert mix["ratio_to_peers"]["email"] == pytest.approx(
        mix["cpu_us"] / mix["peers_us"]["email"], rel=0.02
    )


def test_every_key_of_core_is_documented(corpora):
    found = json.loads(bench("core", "--corpora", corpora, "--rounds", 1, "--json").stdout)
    missing = [key for key in keys(found) if f"`{key}`" not in DOCUMENTED]
    assert missing == []


def test_the_keys_of_the_other_benchmarks_are_documented():
    """Those take minutes to run: their keys are read from their code."""
    source = "".join(
        (ROOT / "apps" / "bench" / f"{module}.py").read_text()
        for module in ("worker_cost", "detection")
    )
    named = set(re.findall(r'^ +"([a-z_0-9]+)":', source, re.MULTILINE))
    assert {"cpu_ms", "p99_ms", "recall", "evaluation_only"} <= named
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
