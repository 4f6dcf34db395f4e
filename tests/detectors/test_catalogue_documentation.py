"""docs/detectors.md and the weights keep up with the catalogue."""

from importlib.resources import files
from pathlib import Path

import pytest

from detectors.catalogue import SPECS
from detectors.weights import read_weights

PAGE = Path(__file__).parents[2] / "docs" / "detectors.md"
WEIGHTS = read_weights((files("detectors") / "data" / "weights.toml").read_text("utf-8"), SPECS)


@pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.name)
def test_a_signal_has_its_line_with_the_weight_in_force(spec):
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if f"| `{spec.name}` (" in line]

    assert len(lines) == 1, "run: weir bench detection --corpora DIR --write"
    text, weight, phishing, ham, cost = lines[0].strip("| ").split(" | ")
    what, reason = text.split("<br>")[1:]
    assert what.startswith(spec.what)
    assert reason.strip("*")
    assert weight.removesuffix("\\*") == f"{WEIGHTS.signals[spec.name].weight:.1f}"
    assert 0 <= float(phishing) <= 100
    assert ham
    assert float(cost) >= 0


def test_no_line_is_about_a_signal_that_is_gone():
    named = [
        line.split("`")[1] for line in PAGE.read_text("utf-8").splitlines() if line[:3] == "| `"
    ]

    assert sorted(named) == sorted(SPECS), "run: weir bench detection --corpora DIR --write"


def test_every_signal_has_a_weight_and_a_measurement():
    assert sorted(WEIGHTS.signals) == sorted(SPECS)
    assert all(signal.on for signal in WEIGHTS.signals.values())
