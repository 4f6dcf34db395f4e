"""What is live, a shadow or frozen follows from the records of mail.models in their order."""

from datetime import UTC, datetime

from models.snapshot import LabelPosition
from streams.listing import Listing
from streams.model_records import Claim, Executed, Marker, Pointer, model_record

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def listing(*records):
    found = Listing()
    for at, record in enumerate(records):
        sent = model_record("models", record, NOW)
        found.take(sent.headers, sent.value, float(at))
    return found


def pointer(digest, stage="live", model="classifier", fence=1, sequence=0):
    return Pointer(
        fence=fence, model=model, stage=stage, name=model, digest=digest, sequence=sequence
    )


def marker(fence=1, *, frozen=False, closed=""):
    labels = LabelPosition("e", 5)
    return Marker(fence=fence, published=9, digest="d", labels=labels, frozen=frozen, closed=closed)


def states(found):
    return {entry.pointer.digest: entry.state for entry in found.entries()}


def test_what_was_live_becomes_earlier_when_another_of_its_model_is():
    found = listing(
        pointer("a"), pointer("o", model="online"), pointer("b", "shadow"), pointer("b")
    )

    assert states(found) == {"a": "earlier", "b": "live", "o": "live"}
    assert found.live("classifier").pointer.digest == "b"
    assert found.live("classifier").since == 3.0


def test_a_pointer_said_again_is_as_old_as_the_first():
    found = listing(pointer("a"), pointer("x", "shadow"), pointer("a"))

    assert found.live("classifier").since == 0.0


def test_a_retired_shadow_is_let_go():
    assert states(listing(pointer("b", "shadow"), pointer("b", "retired"))) == {"b": "retired"}


def test_what_is_live_stays_live_though_somebody_shadows_it():
    assert states(listing(pointer("a"), pointer("a", "shadow"))) == {"a": "live"}


def test_an_older_learner_is_not_listened_to():
    claim = Claim(fence=2, learner="new", at=NOW)
    found = listing(pointer("a"), claim, pointer("b", fence=1), marker(fence=1, frozen=True))

    assert states(found) == {"a": "live"}
    assert not found.frozen
    assert found.claim == claim


def test_frozen_since_the_first_marker_that_says_so():
    found = listing(marker(), marker(frozen=True), marker(frozen=True))

    assert (found.frozen, found.frozen_since, found.marked_at) == (True, 1.0, 2.0)
    assert not listing(marker(frozen=True), marker()).frozen


def test_an_executed_command_is_known_with_its_refusal():
    found = listing(Executed(fence=1, command="c", refused="no such artifact"))

    assert found.executed["c"].refused == "no such artifact"


def test_what_cannot_be_read_is_counted_and_changes_nothing():
    found = listing(pointer("a"))
    for headers, value in (
        ([("ce_type", b"weir.model.snapshot")], b"{"),
        ([("ce_type", b"weir.model.publish")], None),
        ([("ce_type", b"other")], b"{}"),
        ([], b"\xff"),
    ):
        found.take(headers, value, 9.0)

    assert found.malformed == 4
    assert states(found) == {"a": "live"}


def test_steps_are_not_opened_only_dated():
    found = listing()
    found.take([("ce_type", b"weir.model.step")], b"not even MessagePack", 77.0)

    assert (found.learned, found.malformed) == (77.0, 0)
