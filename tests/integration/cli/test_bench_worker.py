"""weir bench worker measures both workers on a stack of its own."""

import json

import pytest
from click.testing import CliRunner

from apps.cli.main import weir

pytestmark = pytest.mark.integration


def test_both_workers_answer_every_message_and_are_compared():
    result = CliRunner().invoke(
        weir, ["bench", "worker", "--messages", "1000", "--seconds", "3", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["workers"].keys() == {"pass_through", "weir"}
    for figures in found["workers"].values():
        assert figures["messages"] == 1000
        assert abs(figures["half_rate_messages"] - figures["half_rate"] * 3) <= 1
        assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    bare, ours = found["workers"]["pass_through"], found["workers"]["weir"]
    assert found["ratio_to_pass_through"]["cpu_ms"] == pytest.approx(
        ours["cpu_ms"] / bare["cpu_ms"], rel=0.02
    )
