"""What stands of a message by the labels in the topic."""

from datetime import UTC, datetime

from apps.quality.truths import Truth, Truths
from models.label import Label, Place, Target

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def label(truth, source="analyst", reporter="a", **changes):
    plain = {
        "id": f"{source}-{reporter}",
        "of": Target(id="m"),
        "truth": truth,
        "source": source,
        "reporter": reporter,
        "given_at": NOW,
    }
    return Label(**(plain | changes))


def truths(*labels):
    found = Truths()
    for each in labels:
        found.add(each)
    return found


def test_who_ranks_higher_decides_however_many_say_otherwise():
    users = [label("ham", "report", f"u{n}") for n in range(20)]
    assert truths(*users).of("m") == Truth(abuse=False, source="report")
    assert truths(label("phish"), *users).of("m") == Truth(abuse=True, source="analyst")


def test_the_last_word_of_a_reporter_counts():
    assert truths(label("spam"), label("ham")).of("m") == Truth(abuse=False, source="analyst")


def test_what_is_withdrawn_leaves_what_stood_beside_it():
    given, user = label("spam"), label("ham", "rescue", "u")
    back = label(None, retracts=given.id, id="back")
    assert truths(given, user, back).of("m") == Truth(abuse=False, source="rescue")
    assert truths(given, back).of("m") is None


def test_analysts_at_odds_leave_nothing():
    assert truths(label("spam"), label("ham", reporter="b")).of("m") is None


def test_unwanted_is_one_recipients_word():
    assert truths(label("unwanted", "report")).of("m") is None


def test_only_trusted_labels_answer_the_audit():
    assert truths(label("spam", "report")).asked("m") is None
    assert truths(label("spam", "trap")).asked("m") is True
    assert truths(label("ham")).asked("m") is False


def test_a_message_is_found_by_its_place_too():
    found = truths(label("ham", of=Target(position=Place("e", 3, 7))))
    assert found.of("other", Place("e", 3, 7)) == Truth(abuse=False, source="analyst")
    assert found.of("other", Place("e", 3, 8)) is None


def test_labels_that_name_no_verdict_are_counted():
    found = truths(label("ham", of=Target(raw=b"x")), label("ham"))
    assert (found.labels, found.unmatched) == (2, 1)
