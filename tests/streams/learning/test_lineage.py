"""What the log tells is what the models become, whoever reads it and however often."""

from datetime import UTC, datetime

import pytest

from models.snapshot import LabelPosition
from streams.learning.lineage import SchemaError
from streams.model_records import Claim, Marker, Pointer


def marker(published, *, fence=1, **fields):
    return Marker(fence=fence, published=published, digest="", **fields)


def claim(fence):
    return Claim(fence=fence, learner="l", at=datetime(2026, 3, 1, tzinfo=UTC))


def digests(lineage):
    return lineage.head.state_digest(), lineage.published.state_digest()


def test_steps_are_learned_at_once_and_published_by_a_marker(lineage, step):
    one = lineage()
    nothing = one.head.state_digest()
    one.follow(step(1))
    head, published = digests(one)
    assert published == nothing != head
    one.follow(marker(1))
    assert digests(one) == (head, head)
    assert (one.sequence, one.labels) == (1, LabelPosition("e", 10))


def test_steps_of_an_older_learner_do_not_count_after_a_claim(lineage, step):
    one, other = lineage(), lineage()
    one.follow(step(1))
    for record in (step(1), claim(2), step(2, fence=1), marker(2, fence=1), step(1, fence=1)):
        other.follow(record)
    assert digests(one) == digests(other)
    assert (other.fence, other.sequence) == (2, 1)
    other.follow(step(2, 7, fence=2))
    assert other.sequence == 2


def test_a_step_that_was_sent_twice_counts_once(lineage, step):
    one, other = lineage(), lineage()
    for record in (step(1), step(2)):
        one.follow(record)
    for record in (step(1), step(2), step(1), step(2, 9)):
        other.follow(record)
    assert digests(one) == digests(other)


def test_revoked_steps_leave_no_trace_and_their_labels_are_handled(lineage, step):
    one, other = lineage(), lineage()
    for record in (step(1), step(2), marker(1)):
        one.follow(record)
    assert one.waiting == 1
    one.follow(marker(1, revoked=((2, 2),)))
    other.follow(step(1))
    other.follow(marker(1))
    assert digests(one) == digests(other)
    assert one.waiting == 0
    assert one.labels == LabelPosition("e", 20), "label offsets only rise"
    assert one.memory.taught("m2") is None
    assert one.sequence == 2, "a sequence is never used again"


def test_the_learner_itself_revokes_and_publishes_as_the_log_tells_others(lineage, step):
    own, reader = lineage(), lineage()
    log = []
    for record in (step(1), step(2)):
        own.learn(record)
        log.append(record)
    own.publish()
    log.append(marker(2))
    own.learn(step(3))
    log += [step(3), marker(2, revoked=own.waiting_ranges())]
    own.revoke()
    own.learn(step(4))
    log.append(step(4))
    for record in log:
        reader.follow(record)
    assert digests(own) == digests(reader)
    assert own.memory.dump() == reader.memory.dump()


def test_a_marker_in_the_middle_leaves_the_rest_waiting(lineage, step):
    one, other = lineage(), lineage()
    for record in (step(1), step(2), marker(1)):
        one.follow(record)
    other.follow(step(1))
    assert one.published.state_digest() == other.head.state_digest()
    other.follow(step(2))
    assert one.head.state_digest() == other.head.state_digest()


@pytest.mark.parametrize("foreign", ["schema", "layout"])
def test_a_step_of_another_schema_is_refused_and_changes_nothing(lineage, step, foreign):
    one = lineage()
    before = one.head.state_digest()
    with pytest.raises(SchemaError, match="step 1: schema") as caught:
        one.follow(step(1, **{foreign: "another"}))
    assert "\n" not in str(caught.value)
    assert one.head.state_digest() == before


def test_a_gap_is_told_and_what_follows_it_is_not_learned(lineage, step):
    one, other = lineage(), lineage()
    one.follow(step(1))
    one.follow(step(3))
    other.follow(step(1))
    assert one.lost
    assert one.sequence == 3
    assert one.head.state_digest() == other.head.state_digest()


def test_a_pointer_to_a_sequence_that_no_step_has_is_loaded(lineage, step, snapshots):
    earlier, _ = snapshots.fresh()
    one = lineage(lambda _: earlier)
    for record in (step(1), step(2), marker(2)):
        one.follow(record)
    back = Pointer(fence=1, model="online", stage="live", name="online", digest="d", sequence=3)
    one.follow(back)
    assert one.head.state_digest() == snapshots.fresh()[0].state_digest()
    one.follow(step(4))
    assert (one.sequence, one.lost) == (4, False)
    assert one.head.state_digest() != one.published.state_digest()


def test_an_ordinary_pointer_changes_nothing(lineage, step):
    one = lineage(lambda _: pytest.fail("loaded"))
    one.follow(step(1))
    for stage, sequence in (("live", 1), ("shadow", 9), ("retired", 9)):
        one.follow(
            Pointer(
                fence=1, model="online", stage=stage, name="online", digest="d", sequence=sequence
            )
        )
    assert one.sequence == 1


def test_a_frozen_learner_is_frozen_after_a_restart(lineage):
    one = lineage()
    one.follow(marker(0, frozen=True))
    assert one.frozen
    one.follow(marker(0))
    assert not one.frozen
