"""weir bench worker measures its contenders on a stack of its own."""

import json

import pytest
from click.testing import CliRunner

from apps.cli.main import weir

pytestmark = pytest.mark.integration


def test_every_contender_answers_every_message_and_they_are_compared():
    result = CliRunner().invoke(
        weir, ["bench", "worker", "--messages", "1000", "--seconds", "3", "--json"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["workers"].keys() == {"pass_through", "weir", "two_weirs"}
    for figures in found["workers"].values():
        assert figures["messages"] == 1000
        assert abs(figures["half_rate_messages"] - figures["half_rate"] * 3) <= 1
        assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]
    bare, ours = found["workers"]["pass_through"], found["workers"]["weir"]
    assert found["ratio_to_pass_through"]["cpu_ms"] == pytest.approx(
        ours["cpu_ms"] / bare["cpu_ms"], rel=0.02
    )
    assert found["two_workers_rate_ratio"] == pytest.approx(
        found["workers"]["two_weirs"]["rate"] / ours["rate"], abs=0.02
    )
    assert found["two_workers_cpu_ratio"] == pytest.approx(
        found["workers"]["two_weirs"]["cpu_ms"] / ours["cpu_ms"], abs=0.02
    )
    assert ours["redis_cpu_ms"] > bare["redis_cpu_ms"] >= 0  # who passes on asks Redis nothing
    for figures in found["workers"].values():
        parts = ("cpu_ms", "redis_cpu_ms", "broker_cpu_ms", "generator_cpu_ms")
        assert all(figures[part] > 0 for part in parts if part != "redis_cpu_ms")
        assert figures["cores_used"] == pytest.approx(
            sum(figures[part] for part in parts) * figures["rate"] / 1000, abs=0.02
        )
