"""`weir models quality` and `weir models asked` over a real Kafka, as a person types them."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from features.vector import SCHEMA
from models.label import Target
from streams.label_records import label_record, new_label, retraction
from streams.topics import name
from streams.wire import Record

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 1, tzinfo=UTC)
VECTOR = b64encode(np.zeros(len(SCHEMA.names), "<f4").tobytes()).decode()


@pytest.fixture
def run(run, topics):
    return run


def verdict(settings, number, *, spam, asked=True, p=0.5):
    """Return a verdict's record: spam is rejected, all else accepted."""
    value = msgspec.json.encode(
        {
            "id": f"m{number}",
            "kind": "judged",
            "revision": 0,
            "log": {"epoch": "e", "partition": 0, "offset": number},
            "tenant": "default",
            "direction": "inbound",
            "from_domain": "example.org",
            "action": "reject" if spam else "accept",
            "score": 0.999 if spam else 0.002,
            "logit": 7_000_000 if spam else -6_500_000,
            "signals": [
                {
                    "name": "learned_text",
                    "inputs": {"logit": 5.0 if spam else -5.0},
                    "reason": "The text model leans to abuse",
                    "contribution": 5_000_000 if spam else -5_000_000,
                }
            ],
            "features": {"schema": SCHEMA.digest, "f32": VECTOR},
            "ask": {"theta": "t", "p": p, "asked": asked},
        }
    )
    return Record(name(settings, "verdicts"), f"m{number}".encode(), value, [])


def label(settings, number, truth, source="analyst"):
    given = new_label(Target(id=f"m{number}"), truth, source, reporter="r", given_at=NOW)
    return given, label_record(name(settings, "labels"), given, source="/test")


def test_audited_verdicts_become_estimates_a_plot_and_a_list_of_what_waits(
    run, settings, publish, tmp_path
):
    def records():
        for number in range(60):  # 40 accepted, 20 rejected, two of either wrongly
            yield verdict(settings, number, spam=number >= 40)
            yield verdict(settings, 100 + number, spam=number >= 40, asked=False)
            if number % 20 < 18:
                wrong = number % 20 == 3
                yield label(settings, number, "spam" if (number >= 40) != wrong else "ham")[1]
        yield label(settings, 101, "spam", "report")[1]  # reported, never asked about
        given, record = label(settings, 18, "spam")  # given, and taken back: it waits again
        yield record
        topic = name(settings, "labels")
        yield label_record(topic, retraction(given, NOW), source="/test")
        yield Record(name(settings, "verdicts"), b"x", b"no verdict", [])

    publish(*records())
    result = run("models", "quality", "--json", "--since", "1d")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["verdicts"], found["asked"], found["answered"]) == (120, 60, 54)
    assert found["misses"]["messages"] == 80
    assert found["misses"]["count"] == pytest.approx(80 * 2 / 36, abs=0.01)
    assert found["false_positives"]["count"] == pytest.approx(40 * 1 / 18, abs=0.01)
    for mistakes in (found["misses"], found["false_positives"]):
        assert mistakes["known"]
        assert 0 < mistakes["low"] < mistakes["count"] < mistakes["high"]
    sources = {(row["model"], row["source"]) for row in found["models"]}
    assert sources == {
        (model, source)
        for model in ("verdict", "text")
        for source in ("audit", "analyst", "report")
    }

    report = tmp_path / "report"
    result = run("models", "quality", "--plot", tmp_path / "q.svg", "--report", report)
    assert result.exit_code == 0, result.output
    assert "Misses" in result.output
    assert "that is" in (report / "quality.txt").read_text()
    assert json.loads((report / "quality.json").read_text())["verdicts"] == 120
    assert (tmp_path / "q.svg").read_text().startswith("<svg")

    result = run("models", "asked", "--json")
    waiting = {json.loads(line)["id"] for line in result.stdout.splitlines()}
    assert waiting == {f"m{number}" for number in (18, 19, 38, 39, 58, 59)}
    result = run("models", "asked", "-n", "1")
    assert "6 messages wait for a label, 1 of them above" in result.output
    assert "weir label m" in result.output
    assert result.exit_code == 0


def test_without_labels_it_says_that_nothing_can_be_said(run):
    result = run("models", "quality")
    assert result.exit_code == 1, result.output
    assert "No message was asked about" in result.output
    assert "no such mail" in result.output
    result = run("models", "asked")
    assert (result.exit_code, result.output.strip()) == (0, "No message waits for a label.")
