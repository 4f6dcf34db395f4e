"""What a scorer does about each record of the models' log, without a broker."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.snapshot import LabelPosition
from models.step import Step
from streams.following.order import Apply, Jump, Load, Order, Refuse, Reload, Rewind, Seen, Verify
from streams.model_records import Claim, Executed, Marker, Pointer, StepRecord, Theta

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def step(sequence, *, fence=1, schema="s", layout="l"):
    at = LabelPosition("e", sequence)
    return StepRecord(fence, sequence, at, schema, layout, "report", f"m{sequence}", Step(()))


def marker(published, *revoked, fence=1, **fields):
    return Marker(
        fence=fence, published=published, revoked=revoked, digest=f"d{published}", **fields
    )


def claim(fence):
    return Claim(fence=fence, learner="l", at=NOW)


def pointer(fence=1, **fields):
    given = {"model": "online", "stage": "live", "name": "online", "digest": "ab"} | fields
    return Pointer(fence=fence, **given)


class Log:
    """Records at rising offsets, read by an order; `size` bytes each."""

    def __init__(self, *, size=1, **settings):
        self.order = Order(schema="s", layout="l", **settings)
        self.records = []
        self.size = size

    def read(self, *records):
        found = []
        for record in records:
            self.records.append(record)
            found += self._read(len(self.records) - 1)
        return found

    def again(self, offset):
        return [action for at in range(offset, len(self.records)) for action in self._read(at)]

    def _read(self, offset):
        return self.order.read(Seen(self.records[offset], offset, 100.0 + offset, self.size))


def applied(actions):
    """Return the sequences of the steps that became due."""
    return [
        due.record.sequence
        for action in actions
        if isinstance(action, Apply)
        for due in action.steps
    ]


def test_steps_wait_for_their_marker_and_are_due_in_order_with_the_digest_they_must_lead_to():
    log = Log()
    assert log.read(step(1), step(2), step(3)) == []
    assert log.order.behind == 3
    found = log.read(marker(2))
    assert applied(found) == [1, 2]
    assert found[-1] == Verify(2, "d2")
    assert (log.order.applied, log.order.behind) == (2, 1)
    assert applied(log.read(marker(3))) == [3]


def test_a_due_step_knows_when_it_was_appended_and_when_it_was_let_out():
    log = Log()
    log.read(step(1))
    (apply, _) = log.read(marker(1))
    assert (apply.steps[0].step_at, apply.steps[0].published_at) == (100.0, 101.0)


def test_a_marker_that_lets_nothing_new_out_makes_nothing_due():
    log = Log()
    log.read(step(1), marker(1), step(2))
    assert log.read(marker(1, closed="known ham shifted")) == []
    assert log.order.marker.closed == "known ham shifted"
    assert log.order.behind == 1


def test_revoked_steps_are_never_applied_wherever_they_stand():
    log = Log()
    log.read(*map(step, range(1, 7)))
    assert applied(log.read(marker(5, (2, 3), (5, 5)))) == [1, 4]
    assert log.order.applied == 5
    assert applied(log.read(marker(6))) == [6]


def test_a_step_that_was_revoked_before_it_was_read_is_not_applied():
    log = Log()
    assert applied(log.read(marker(0, (1, 1)), step(1), step(2), marker(2))) == [2]


def test_where_all_waiting_steps_are_revoked_the_state_is_that_of_before_under_the_new_sequence():
    log = Log()
    log.read(step(1), marker(1), step(2), step(3))
    assert log.read(marker(3, (2, 3))) == [Verify(3, "d3")]
    assert log.order.applied == 3


def test_repeated_steps_count_once():
    log = Log()
    log.read(step(1), step(1), step(2), step(1))
    assert applied(log.read(marker(2))) == [1, 2]
    assert log.read(step(1), step(2)) == []
    assert log.order.held == 0


def test_steps_in_the_snapshot_are_passed_over():
    log = Log(sequence=2)
    log.read(*map(step, range(1, 4)))
    assert log.read(marker(2)) == []
    assert applied(log.read(marker(3))) == [3]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_gap_asks_for_a_snapshot_and_applies_what_stands_before_it(missing):
    log = Log()
    log.read(*[step(at) for at in (1, 2, 3) if at != missing])
    found = log.read(marker(3))
    assert applied(found) == list(range(1, missing))
    assert found[-1] == Reload(3)
    assert not any(isinstance(action, Verify) for action in found)


def test_a_gap_above_what_is_published_is_none_yet():
    log = Log()
    log.read(step(1), step(3))
    assert applied(log.read(marker(1))) == [1]
    assert applied(log.read(step(2), marker(3))) == [2, 3]


def test_an_older_learner_is_ignored_after_the_claim_of_a_newer():
    log = Log()
    log.read(claim(1), step(1), claim(2))
    assert log.read(step(2, fence=1), marker(2, fence=1)) == [Refuse("fence"), Refuse("fence")]
    assert log.read(pointer(fence=1)) == [Refuse("fence")]
    assert applied(log.read(step(2, fence=2), marker(2, fence=2))) == [1, 2]
    assert log.order.fence == 2


def test_steps_that_stood_before_the_claim_are_the_new_learners_too():
    log = Log()
    log.read(claim(1), step(1), step(2), claim(2))
    assert applied(log.read(marker(2, fence=2))) == [1, 2]


def test_a_claim_with_a_lower_fence_changes_nothing():
    log = Log()
    log.read(claim(3))
    assert log.read(claim(2)) == [Refuse("fence")]
    assert log.order.fence == 3


def test_a_fence_holds_even_where_its_claim_was_not_read():
    log = Log()
    log.read(step(1, fence=4))
    assert log.read(step(2, fence=3)) == [Refuse("fence")]


@pytest.mark.parametrize("bound", ["schema", "layout"])
def test_a_step_of_another_schema_or_layout_is_refused_and_leaves_a_gap(bound):
    log = Log()
    assert log.read(step(1), step(2, **{bound: "other"})) == [Refuse(bound)]
    found = log.read(marker(2))
    assert applied(found) == [1]
    assert found[-1] == Reload(2)


def test_what_has_no_room_is_read_again_when_it_is_let_out():
    log = Log(size=10, room=25)
    log.read(*map(step, range(1, 6)))
    assert log.order.held == 20
    found = log.read(marker(4))
    assert applied(found) == [1, 2]
    assert found[-1] == Rewind(2)
    found = log.again(2)
    assert applied(found) == [3, 4]
    assert found[-1] == Verify(4, "d4")
    assert applied(log.read(marker(5))) == [5]


def test_a_second_reading_heeds_neither_markers_nor_pointers_again():
    log = Log(size=10, room=15)
    log.read(step(1), marker(1, closed="old"), pointer(), step(2), step(3), step(4))
    assert log.read(marker(4))[-1] == Rewind(4)
    assert not any(isinstance(action, Load) for action in log.again(1))
    assert (log.order.applied, log.order.marker.closed) == (4, "")


def test_steps_before_a_claim_count_on_a_second_reading_too():
    log = Log(size=10, room=15)
    log.read(step(1), step(2), step(3), claim(2), step(4, fence=1))
    assert log.read(marker(3, fence=2))[-1] == Rewind(1)
    assert applied(log.again(1)) == [2, 3]
    assert log.again(4)[0] == Refuse("fence")


def test_memory_is_bounded_while_the_gate_is_closed():
    log = Log(size=1000, room=10_000)
    log.read(*map(step, range(1, 500)))
    assert log.order.held <= 10_000
    assert log.order.behind == 499


def test_pointers_are_told_once_and_not_those_heeded_before():
    log = Log(heeded=0)
    assert log.read(pointer()) == []
    other = pointer(digest="cd", stage="shadow", sequence=7)
    assert log.read(other) == [Load(other)]
    assert log.order.heeded == 1


def test_answers_to_commands_are_nothing_to_a_scorer():
    log = Log()
    assert log.read(Executed(fence=9, command="c")) == []
    assert log.order.fence == 0


def test_theta_is_that_of_the_last_marker_that_counts():
    log = Log()
    theta = Theta("t", (), (0.1,))
    log.read(claim(2), marker(0, fence=2, theta=theta), marker(0, fence=1))
    assert log.order.marker.theta == theta


def test_a_snapshot_of_the_state_that_steps_lead_to_is_no_jump():
    log = Log()
    log.read(step(1), step(2), marker(1))
    assert log.read(pointer(sequence=1)) == [Load(pointer(sequence=1))]
    assert log.read(pointer(sequence=2)) == [Load(pointer(sequence=2))]


def test_a_snapshot_whose_sequence_no_step_has_makes_all_before_it_void():
    log = Log()
    log.read(*map(step, range(1, 5)), marker(2))
    assert log.read(pointer(sequence=5)) == [Jump(pointer(sequence=5))]
    assert (log.order.applied, log.order.behind, log.order.held) == (5, 0, 0)
    assert log.read(step(4), marker(5)) == []
    assert applied(log.read(step(6), marker(6))) == [6]


def test_the_sequences_of_revoked_steps_were_used():
    log = Log()
    log.read(step(1), marker(1, (2, 4)))
    assert isinstance(log.read(pointer(sequence=4))[0], Load)
    assert isinstance(log.read(pointer(sequence=5))[0], Jump)


def test_a_classifier_never_makes_steps_void():
    log = Log()
    assert isinstance(log.read(pointer(model="classifier", sequence=9))[0], Load)


@given(data=st.data())
def test_whatever_comes_each_published_step_is_due_once_in_order_and_no_revoked_one(data):
    """Steps in runs, repeated, let out or revoked at any time, with room for only a few of them."""
    log = Log(size=10, room=data.draw(st.integers(0, 60)))
    sequence, settled, gone, found = 0, 0, set(), []

    def read(record):
        log.records.append(record)
        offset = len(log.records) - 1
        while offset < len(log.records):
            actions = log._read(offset)
            found.extend(applied(actions))
            assert not any(isinstance(action, Reload | Refuse) for action in actions)
            moved = [action.offset for action in actions if isinstance(action, Rewind)]
            offset = moved[0] if moved else offset + 1

    for _ in range(data.draw(st.integers(1, 8))):
        for _ in range(data.draw(st.integers(0, 6))):
            sequence += 1
            read(step(sequence))
            if data.draw(st.booleans()):
                read(step(data.draw(st.integers(1, sequence))))
        if sequence > settled and data.draw(st.booleans()):
            first = data.draw(st.integers(settled + 1, sequence))
            last = data.draw(st.integers(first, sequence))
            gone |= {*range(first, last + 1)}
            read(marker(settled, (first, last)))
        settled = data.draw(st.integers(settled, sequence))
        read(marker(settled))
        assert log.order.held <= 60 + log.size
    assert found == [it for it in range(1, settled + 1) if it not in gone]
