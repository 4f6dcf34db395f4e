"""`weir bench replay`: each way's cost, on verdicts that the ways really judge."""

import shutil
from pathlib import Path

import pytest

from apps.bench.replay import measure_replay
from apps.bench.replay_spread import measure_spread
from apps.installation import open_judge
from apps.replay import archive_reading
from apps.replay.in_order import Received
from apps.replay.relive import Relive
from apps.subscriber.recorded import KeptMail, arrival_of
from detectors.verdict import LogPlace
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


def test_verdicts_of_their_own_are_asked_what_if_over_an_archive(monkeypatch):
    monkeypatch.setattr(archive_reading, "BATCH", 4)
    settings = load(None, {})
    mail = [
        Received(arrival_of(KeptMail(path.read_bytes(), None, 1_000), LogPlace("e", 0, at)))
        for at, path in enumerate(EXAMPLES[:3])
    ]
    relive = Relive(open_judge(settings))
    ways = {"one_process": 1}
    found = measure_spread(settings, relive, mail, 10, lambda _: None, ways)
    assert (found["verdicts"], found["ways"]["one_process"]["ratio"]) == (10, 1.0)
    assert found["ways"]["one_process"]["per_second"] > 0


def test_corpora_without_the_mix_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        measure_replay(load(None, {}), tmp_path, limit=5, say=lambda _: None)
