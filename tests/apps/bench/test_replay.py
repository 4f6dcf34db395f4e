"""`weir bench replay`: each way's cost, on verdicts that the ways really judge."""

import shutil
from pathlib import Path

import pytest

from apps.bench.replay import measure_replay
from streams.settings import load

EXAMPLES = sorted(Path("examples/inbound").glob("*.eml"))


def test_each_way_has_its_cost_and_rate(tmp_path):
    (tmp_path / "sa").mkdir()
    for path in EXAMPLES[:6]:
        shutil.copy(path, tmp_path / "sa")
    found = measure_replay(load(None, {}), tmp_path, limit=5, say=lambda _: None)
    assert found["messages"] == 5
    assert set(found["ways"]) == {"relive", "verify_raw", "verify_vector", "what_if"}
    assert all(way["cpu_us"] > 0 < way["per_second_a_core"] for way in found["ways"].values())


def test_corpora_without_the_mix_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        measure_replay(load(None, {}), tmp_path, limit=5, say=lambda _: None)
