"""What published steps make of a worker's models, and how they are mended; without a broker."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.tokens import layout
from models.classifier import Classifier
from models.step import Step
from streams.following.applying import Applier
from streams.following.artifacts import Artifacts
from streams.following.metrics import FollowingMetrics
from streams.following.order import Seen
from streams.following.roles import Roles
from streams.following.state import State
from streams.in_force import InForce
from streams.metrics import Metrics, StageClock
from streams.model_records import Claim

from .learner_by_hand import LearnerByHand, another_classifier

CONTEXT = Context(hash_key=b"k")
SHIPPED = Classifier.shipped()


class Scorer:
    """A worker's following without worker and broker: reads a list of records."""

    def __init__(self, folder, executor):
        judge = Judge(CONTEXT, SHIPPED, shipped_policy(), shipped_stack(), "engine")
        self.in_force = InForce(judge, StageClock(Metrics()))
        self.numbers = CollectorRegistry()
        metrics = FollowingMetrics(self.numbers)
        self.learner = LearnerByHand(folder, layout(CONTEXT))
        artifacts = Artifacts(self.learner.registry, str(folder), CONTEXT, judge.stack)
        self.roles = Roles(self.in_force, artifacts, metrics)
        applier = Applier(executor, metrics)
        self.state = State(self.in_force, artifacts, applier, self.roles, metrics, epoch="e")
        self.log = []

    async def start(self):
        self.next = await self.state.start()
        await self._read_on()

    async def publish(self, *records):
        """Append records and read on, wherever the state says."""
        self.log += records
        await self._read_on()
        await self.roles.cast()

    async def _read_on(self):
        while self.next < len(self.log):
            seen = [Seen(r, at, 1.0 * at, 1) for at, r in enumerate(self.log)][self.next :]
            moved = await self.state.take(seen)
            self.next = len(self.log) if moved is None else moved

    @property
    def judge(self):
        return self.in_force.judge

    @property
    def models(self):
        return self.judge.models

    def count(self, name, **labels):
        return self.numbers.get_sample_value(f"weir_models_{name}", labels)


@pytest.fixture
async def scorer(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        scorer = Scorer(tmp_path / "snapshots", executor)
        await scorer.start()
        yield scorer


async def test_without_snapshot_and_steps_there_are_no_online_models(scorer):
    before = scorer.judge
    assert scorer.next == 0
    await scorer.publish(Claim(fence=1, learner="l", at="2026-05-01T00:00:00Z"))
    await scorer.publish(scorer.learner.marker())
    assert scorer.judge is before
    assert scorer.models is None


async def test_published_steps_lead_to_the_learners_state_under_its_sequence(scorer):
    made = [scorer.learner.step() for _ in range(3)]
    await scorer.publish(*made)
    assert scorer.models is None
    await scorer.publish(scorer.learner.marker())
    assert scorer.models.version("text") == "text@new+3"
    assert scorer.models.state_digest() == scorer.learner.models.state_digest()
    assert scorer.count("sequence") == 3
    assert scorer.count("steps_applied_total") == 3
    assert scorer.count("refused_total", reason="digest") == 0


async def test_a_snapshot_of_the_state_names_the_models_on_all_workers(scorer):
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    pointer = scorer.learner.snapshot()
    await scorer.publish(pointer, scorer.learner.step(), scorer.learner.marker())
    assert scorer.models.version("text") == f"text@{pointer.digest[:12]}+2"
    assert scorer.count("reloads_total", reason="jump") == 0


async def test_the_learners_first_snapshot_is_where_a_worker_without_models_begins(scorer):
    pointer = scorer.learner.snapshot()
    await scorer.publish(pointer)
    assert scorer.models.version("text") == f"text@{pointer.digest[:12]}+0"


async def test_a_wrong_digest_is_tried_once_more_from_the_snapshot_and_then_held_there(scorer):
    pointer = scorer.learner.snapshot()
    await scorer.publish(pointer)
    await scorer.publish(scorer.learner.step(), scorer.learner.marker(digest="0" * 64))
    assert scorer.count("refused_total", reason="digest") == 2
    assert scorer.state.held
    assert scorer.models.version("text") == f"text@{pointer.digest[:12]}+0"
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    assert scorer.models.sequence == 0
    newer = scorer.learner.snapshot()
    await scorer.publish(newer, scorer.learner.step(), scorer.learner.marker())
    assert not scorer.state.held
    assert scorer.models.version("text") == f"text@{newer.digest[:12]}+3"
    assert scorer.models.state_digest() == scorer.learner.models.state_digest()


async def test_a_state_that_went_wrong_here_alone_is_mended_from_the_snapshot(scorer):
    await scorer.publish(scorer.learner.snapshot())
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    scorer.models.fusion.learn({"learned_text": 1.0}, abuse=True)  # a bit that flipped
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    assert scorer.count("refused_total", reason="digest") == 1
    assert scorer.models.state_digest() == scorer.learner.models.state_digest()
    assert not scorer.state.held


async def test_missing_steps_hold_the_last_good_state_until_a_snapshot_leads_on(scorer):
    first, _, third = (scorer.learner.step() for _ in range(3))
    await scorer.publish(first, third, scorer.learner.marker())
    assert scorer.state.held
    assert scorer.models.sequence == 1
    await scorer.publish(scorer.learner.snapshot())
    assert not scorer.state.held
    assert scorer.models.sequence == 3
    assert scorer.count("reloads_total", reason="gap") == 1


async def test_a_snapshot_in_the_folder_mends_a_gap_though_none_was_named(scorer):
    first, _, third = (scorer.learner.step() for _ in range(3))
    scorer.learner.snapshot()
    await scorer.publish(first, third, scorer.learner.marker())
    assert scorer.models.sequence == 3


async def test_a_truncated_snapshot_is_refused_and_the_last_good_models_stay(scorer, tmp_path):
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    scorer.learner.restart(sequence=7)
    pointer = scorer.learner.snapshot()
    (path,) = (tmp_path / "snapshots").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    await scorer.publish(pointer)
    assert scorer.models.version("text") == "text@new+1"
    assert scorer.count("refused_total", reason="artifact") == 1
    assert scorer.state.held
    path.write_bytes(whole)
    assert await scorer.state.mend() is not None
    assert scorer.models.version("text") == f"text@{pointer.digest[:12]}+7"


async def test_a_step_that_is_not_readable_is_refused_and_changes_nothing(scorer):
    good = scorer.learner.step()
    (lesson,) = good.step.lessons
    torn = msgspec.structs.replace(lesson, slots=lesson.slots[:-1])
    bad = msgspec.structs.replace(scorer.learner.step(), step=Step((torn,)))
    await scorer.publish(good, bad, scorer.learner.marker())
    assert scorer.count("refused_total", reason="step") == 1
    assert scorer.models.sequence == 1
    assert scorer.state.held


async def test_a_worker_begins_at_the_folders_last_snapshot_and_applies_what_it_lacks(
    scorer, tmp_path
):
    early = [scorer.learner.step() for _ in range(2)]
    pointer = scorer.learner.snapshot()
    scorer.log += [*early, scorer.learner.marker(), pointer]
    await scorer.start()
    assert scorer.models.version("text") == f"text@{pointer.digest[:12]}+2"
    assert scorer.count("steps_applied_total") == 0
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    assert scorer.models.state_digest() == scorer.learner.models.state_digest()


async def test_a_batch_in_hand_keeps_its_judge_when_models_change(scorer):
    await scorer.publish(scorer.learner.step(), scorer.learner.marker())
    judge, models = scorer.judge, scorer.models
    scorer.learner.restart(sequence=5)
    await scorer.publish(scorer.learner.snapshot())
    assert scorer.models is not models
    assert judge.models is models
    assert models.sequence == 1


async def test_a_classifier_is_swapped_and_let_go_again(scorer):
    bundle = another_classifier()
    live = scorer.learner.point(bundle.dump())
    await scorer.publish(live)
    assert scorer.judge.classifier.version == bundle.version
    await scorer.publish(msgspec.structs.replace(live, stage="retired"))
    assert scorer.judge.classifier is SHIPPED


async def test_a_classifier_of_another_schema_or_name_is_refused(scorer):
    for changes in ({"schema": "0" * 12}, {"name": "stranger"}):
        await scorer.publish(scorer.learner.point(another_classifier(**changes).dump()))
        assert scorer.judge.classifier is SHIPPED
    assert scorer.count("refused_total", reason="artifact") == 2


async def test_shadows_are_bounded_and_change_nothing_that_acts(scorer):
    wanted = []
    for number in range(5):
        data = another_classifier(license=f"L{number}")
        wanted.append(scorer.learner.point(data.dump(), stage="shadow"))
    await scorer.publish(*wanted, scorer.learner.snapshot(stage="shadow"))
    assert len(scorer.judge.shadows) == 4
    assert scorer.judge.classifier is SHIPPED
    assert scorer.models is None
    assert scorer.count("refused_total", reason="shadows") == 2
    await scorer.publish(msgspec.structs.replace(wanted[0], stage="retired"))
    assert [shadow.name for shadow in scorer.judge.shadows].count("classifier") == 4
