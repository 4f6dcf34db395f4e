"""Steps go into the models in small parts, between which the judge's thread is free."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from features.context import Context
from features.tokens import layout
from models.ensemble import Ensemble
from streams.following.applying import Applier
from streams.following.metrics import FollowingMetrics
from streams.following.order import Due

from .learner_by_hand import LearnerByHand

STEPS = 300


@pytest.fixture
def numbers():
    return CollectorRegistry()


@pytest.fixture
def learner(tmp_path):
    return LearnerByHand(tmp_path / "snapshots", layout(Context()))


async def test_a_batch_is_judged_between_two_parts_and_sees_whole_steps_alone(learner, numbers):
    due = [Due(learner.step(), 1.0, 2.0) for _ in range(STEPS)]
    models = Ensemble.fresh(names=("text", "bayes"))
    with ThreadPoolExecutor(1) as executor:
        applier = Applier(executor, FollowingMetrics(numbers))
        applying = asyncio.create_task(applier.apply(models, due, STEPS))
        loop, seen = asyncio.get_running_loop(), []
        while not applying.done():
            seen.append(await loop.run_in_executor(executor, lambda: models.version("text")))
        await applying
    assert models.sequence == STEPS
    assert len({*seen}) > 2, "no batch came between"
    assert {*seen} <= {f"text@new+{number}" for number in range(STEPS + 1)}


async def test_the_state_bears_the_sequence_that_was_let_out(learner, numbers):
    due = [Due(learner.step(), 1.0, 2.0)]
    models = Ensemble.fresh(names=("text", "bayes"))
    with ThreadPoolExecutor(1) as executor:
        await Applier(executor, FollowingMetrics(numbers)).apply(models, due, 4)
    assert models.version("bayes") == "bayes@new+4", "2 to 4 were revoked"


def test_delays_are_told_by_stage(learner, numbers):
    metrics = FollowingMetrics(numbers)
    record = learner.step()
    metrics.took_effect(Due(record, record.at + 2, record.at + 60), record.at + 61)

    def total(stage):
        return numbers.get_sample_value("weir_learning_delay_seconds_sum", {"stage": stage})

    assert [total(stage) for stage in ("learned", "published", "applied", "whole")] == (
        pytest.approx([2, 58, 1, 61], abs=1e-3)
    )
