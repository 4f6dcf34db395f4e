"""Weir's verdict as an opinion of a filter under evaluation."""

from types import SimpleNamespace
from typing import Any

import pytest

from apps.evaluation.subject import opinion_of


def opinion(logit):
    verdict: Any = SimpleNamespace(
        logit=logit, score=None, action="reject", thresholds={}, direction="inbound", signals=()
    )
    return opinion_of(SimpleNamespace(verdict=verdict))


def test_scores_rank_as_the_logits_do_where_all_is_nearly_sure():
    logits = [-40_000_000, -20_000_001, -20_000_000, 16_000_000, 16_000_001, 20_000_000]
    scores = [opinion(logit).score for logit in logits]
    assert scores == sorted(set(scores))
    assert opinion(2_000_000).score == pytest.approx(0.880797, abs=1e-6)


def test_a_message_that_broke_the_pipeline_has_neither():
    found = opinion(None)
    assert (found.logit, found.score, found.action) == (None, None, "reject")
