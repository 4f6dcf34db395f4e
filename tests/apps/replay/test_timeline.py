"""The online models of any sequence are those that a worker had there, to the bit."""

from datetime import UTC, datetime

import pytest

from apps.replay.model_history import ModelHistory
from apps.replay.timeline import BY_VECTOR, MissingModelsError, Timeline
from apps.subscriber.recorded import ModelLogRecord
from detectors.stack import shipped_stack
from features.context import Context
from features.tokens import layout
from models.ensemble import VOTERS
from models.manifest import ArtifactError
from streams.model_records import Claim, Marker, model_record
from tests.streams.following.learner_by_hand import THETA, LearnerByHand

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CONTEXT = Context(hash_key=b"k" * 32)


class Run:
    """A learner's log, with the state's digest at each sequence."""

    def __init__(self, folder):
        self.folder = folder
        self.learner = LearnerByHand(folder / "snapshots", layout(CONTEXT))
        self.records = []
        self.states = {0: self.learner.models.state_digest()}
        self.loaded = []

    def learn(self, count):
        for _ in range(count):
            self.records.append(self.learner.step())
            self.states[self.learner.models.sequence] = self.learner.models.state_digest()
        self.records.append(self.learner.marker())

    def snapshot(self):
        self.records.append(self.learner.snapshot())
        return self.records[-1]

    def timeline(self, names=VOTERS):
        records = [model_record("models", it, NOW) for it in self.records]
        logged = [ModelLogRecord(it.headers, it.value) for it in records]
        self.history = ModelHistory.write(self.folder / "history", logged)
        return Timeline(self.history, self.artifact, CONTEXT, shipped_stack(), names=names)

    def artifact(self, pointer):
        self.loaded.append(pointer.sequence)
        return self.learner.registry.read(pointer)


@pytest.fixture
def a_run(tmp_path):
    return Run(tmp_path)


def test_any_sequence_in_any_order_has_the_state_that_its_steps_lead_to(a_run):
    a_run.learn(6)
    timeline = a_run.timeline()
    for sequence in (3, 5, 4, 0, 6, 1):
        models = timeline.at("new", sequence)
        assert models.state_digest() == a_run.states[sequence]
        assert models.version("text") == f"text@new+{sequence}"


def test_a_state_goes_by_the_snapshot_that_the_verdict_names(a_run):
    a_run.learn(2)
    pointer = a_run.snapshot()
    timeline = a_run.timeline()
    assert timeline.at("new", 2).version("fusion") == "fusion@new+2"
    named = timeline.at(pointer.digest[:12], 2).version("fusion")
    assert named == f"fusion@{pointer.digest[:12]}+2"


def test_a_state_begins_at_the_nearest_snapshot_and_is_led_on_from_there(a_run):
    a_run.learn(2)
    a_run.snapshot()
    a_run.learn(2)
    second = a_run.snapshot()
    a_run.learn(2)
    timeline = a_run.timeline()
    assert timeline.at(second.digest[:12], 5).state_digest() == a_run.states[5]
    assert timeline.at(second.digest[:12], 6).state_digest() == a_run.states[6]
    assert a_run.loaded == [4]


def test_sequences_that_go_to_and_fro_a_little_load_no_snapshot_again(a_run):
    a_run.learn(1)
    base = a_run.snapshot()
    a_run.learn(9)
    timeline = a_run.timeline()
    for sequence in (6, 3, 7, 4, 8, 5):
        assert timeline.at(base.digest[:12], sequence).state_digest() == a_run.states[sequence]
    assert a_run.loaded == [1, 1]


def test_a_revoked_step_and_one_of_a_replaced_learner_are_never_applied(a_run):
    a_run.learn(2)
    bad = [a_run.learner.step() for _ in range(2)]
    a_run.records += [*bad, Marker(fence=1, published=2, revoked=((3, 4),), digest="")]
    a_run.learner.restart()
    for _ in range(2):
        a_run.learner.step()
    a_run.learner.models.sequence = 4
    a_run.learn(1)
    a_run.records.insert(0, Claim(fence=1, learner="this", at=NOW))
    late = a_run.learner.step()
    a_run.learner.restart(5)
    a_run.learner.fence = 2
    a_run.records += [Claim(fence=2, learner="another", at=NOW), late]
    timeline = a_run.timeline()
    assert timeline.at("new", 5).state_digest() == a_run.states[5]
    assert a_run.history.missing(5, 6, late.schema, late.layout) == 6


def test_a_snapshot_that_no_step_led_to_is_where_later_states_begin(a_run):
    a_run.learn(3)
    a_run.learner.restart(9)
    promoted = a_run.snapshot()
    a_run.learn(2)
    timeline = a_run.timeline()
    assert timeline.at("new", 3).state_digest() == a_run.states[3]
    assert timeline.at(promoted.digest[:12], 11).state_digest() == a_run.states[11]
    assert timeline.at(promoted.digest[:12], 9).state_digest() == a_run.states[0]


def test_without_steps_or_snapshot_it_says_what_is_missing(a_run):
    a_run.learn(4)
    del a_run.records[1]
    timeline = a_run.timeline()
    assert timeline.at("new", 1).state_digest() == a_run.states[1]
    with pytest.raises(MissingModelsError, match=r"@new\+3: .*step 2 isn't"):
        timeline.at("new", 3)


def test_a_snapshot_that_cannot_be_read_is_told_unless_steps_lead_on(a_run):
    a_run.learn(2)
    pointer = a_run.snapshot()
    a_run.learn(1)

    def gone(pointer):
        raise ArtifactError(f"{pointer.name} is gone")

    a_run.artifact = gone
    assert a_run.timeline().at(pointer.digest[:12], 3).state_digest() == a_run.states[3]
    del a_run.records[0]
    with pytest.raises(MissingModelsError, match="online is gone"):
        a_run.timeline().at(pointer.digest[:12], 3)


def test_without_the_text_model_fusion_and_behaviour_are_the_same(a_run):
    a_run.learn(5)
    whole = a_run.timeline().at("new", 5).state()
    parts = a_run.timeline(BY_VECTOR).at("new", 5).state()
    assert parts.keys() == {"behaviour", "fusion"}
    for name, state in parts.items():
        assert {key: repr(value) for key, value in state.items()} == {
            key: repr(value) for key, value in whole[name].items()
        }


def test_the_audit_is_known_by_its_version(a_run):
    a_run.learn(1)
    a_run.timeline()
    assert a_run.history.theta(THETA.version) == THETA
    assert a_run.history.theta("another") is None
