"""Two models on the same verdicts: counts, intervals, and which messages they differ on."""

from datetime import UTC, datetime
from importlib import resources

import msgspec
import pytest

from apps.models.comparing import LIVE, compare, logit_of
from apps.models.labelled_traffic import Labelled
from detectors.actions import logit_micro
from detectors.judging import Judge
from detectors.policy_file import read_policy
from detectors.stack import shipped_stack
from detectors.verdict import ShadowModel
from features.context import Context
from features.envelope import Envelope, Incoming
from features.history import UNKNOWN
from models.classifier import Classifier


@pytest.fixture(scope="module")
def verdict():
    policy = (resources.files("detectors") / "data" / "policy.toml").read_text("utf-8")
    judge = Judge(
        Context(), Classifier.shipped(), read_policy(policy, "policy"), shipped_stack(), "engine"
    )
    envelope = Envelope(id="m", received_at=datetime(2026, 11, 21, tzinfo=UTC))
    prepared = judge.prepare([Incoming(envelope, b"From: a@example.org\r\n\r\nhello\r\n")])
    return judge.conclude(prepared, [UNKNOWN])[0].verdict


@pytest.fixture
def make(verdict):
    """Make a labelled verdict with the live model's score and a shadow's."""
    count = 0

    def labelled(truth, live, shadow, name="classifier", version="0123456789ab"):
        nonlocal count
        count += 1
        said = () if shadow is None else (ShadowModel(name, version, logit_micro(shadow)),)
        changed = msgspec.structs.replace(
            verdict,
            id=f"m{count}",
            logit=logit_micro(live),
            shadow_models=said,
            thresholds={"add_header": 0.5, "quarantine": 0.9, "reject": 0.99},
        )
        return Labelled(changed, truth)

    return labelled


def test_what_each_holds_back_is_counted_and_disagreements_are_named_widest_first(make):
    rows = [make("ham", 0.95, 0.1), make("ham", 0.1, 0.1), make("spam", 0.999, 0.999)]
    rows += [make("phish", 0.6, 0.995), make("spam", 0.4, 0.92)]

    found = compare(rows, LIVE, "classifier@0123456789ab")

    assert (found.ham, found.spam) == (2, 3)
    assert (found.sides[0].ham_held, found.sides[1].ham_held) == (1, 0)
    assert (found.sides[0].spam_held, found.sides[1].spam_held) == (1, 3)
    assert [it.id for it in found.disagreements] == ["m1", "m5", "m4"]
    assert found.disagreements[0].actions == ("quarantine", "accept")
    assert found.differences["ham_held_pct"]["difference"] == 50.0


def test_two_equal_models_differ_by_nothing_and_the_interval_holds_zero(make):
    rows = [make("ham", p, p) for p in (0.1, 0.2, 0.95)] + [make("spam", 0.99, 0.99)] * 4

    found = compare(rows, LIVE, "classifier@0123456789ab")

    for difference in found.differences.values():
        assert difference["difference"] == 0
        assert difference["low"] <= 0 <= difference["high"]
    assert not found.disagreements


def test_enough_messages_tell_a_better_model_from_luck(make):
    rows = [make("spam", 0.5, 0.95) for _ in range(30)] + [make("ham", 0.1, 0.1)]

    interval = compare(rows, LIVE, "classifier@0123456789ab").differences["spam_held_pct"]

    assert interval["difference"] == -100
    assert interval["high"] < -70


def test_a_message_that_the_shadow_has_not_scored_is_left_out_and_counted(make):
    rows = [make("ham", 0.1, None), make("ham", 0.1, 0.2)]

    found = compare(rows, LIVE, "classifier@0123456789ab")

    assert (found.ham, found.without, found.lacking) == (1, 1, "abusive")
    assert "one_minus_roca_pct" not in found.differences


def test_nothing_to_compare_is_no_error(make):
    found = compare([make("spam", 0.5, None)], LIVE, "another")

    assert (found.ham, found.spam, found.without) == (0, 0, 1)


def test_an_online_shadow_is_known_by_its_snapshot_however_far_it_has_learned(make):
    row = make("spam", 0.5, 0.9, name="online", version="online@aaaaaaaaaaaa+1207")

    assert logit_of(row.verdict, "online@aaaaaaaaaaaa+1200") == logit_micro(0.9)
    assert logit_of(row.verdict, "online@bbbbbbbbbbbb+1200") is None
