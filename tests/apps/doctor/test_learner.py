"""What the doctor says of a learner."""

import time
from datetime import UTC, datetime

from apps.doctor.learner import of_listing
from models.snapshot import LabelPosition
from streams.listing import Listing
from streams.model_records import Claim, Marker, model_record

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def listing(**said):
    found = Listing()
    marker = Marker(fence=1, published=7, digest="d", labels=LabelPosition("e", 9), **said)
    for each in (Claim(fence=1, learner="host-1", at=NOW), marker):
        record = model_record("mail.models", each, NOW)
        found.take(record.headers, record.value, time.time())
    return found


def test_a_learner_that_runs_and_has_published_is_fine():
    found = of_listing(listing(), 10, 1)
    assert (found.level, found.todo) == ("fine", "")
    assert "step 7, labels up to offset 9" in found.said


def test_labels_that_no_learner_hears_are_a_warning_with_their_number():
    found = of_listing(listing(), 11, 0)
    assert found.level == "warning"
    assert found.said.startswith("none runs.")
    assert "1 record of the topic of labels waits." in found.said
    assert "weir learner" in found.todo


def test_where_none_ever_ran_it_says_so():
    assert "No learner has run here yet" in of_listing(Listing(), 0, 0).said


def test_a_closed_gate_and_a_frozen_learner_are_warnings_that_say_why():
    closed = of_listing(listing(closed="known ham moved by 0.4"), 10, 1)
    frozen = of_listing(listing(frozen=True), 10, 1)
    assert (closed.level, frozen.level) == ("warning", "warning")
    assert "known ham moved by 0.4" in closed.said
    assert "weir models thaw" in frozen.said
