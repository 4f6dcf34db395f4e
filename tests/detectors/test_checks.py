"""A detector made of checks says what its checks find, in their order."""

import pytest

from detectors.checks import Checks, Hit
from detectors.signals import Spec


@pytest.fixture
def detector():
    checks = Checks("links", lambda evidence, *_: evidence)

    @checks.signal("second_word", "phish", "The second word is there.", raw=True)
    def _second(view):
        return Hit("Two words", {"word": view[1]}, 0.5) if len(view) > 1 else None

    @checks.signal("first_word", "spam", "The first word is there.")
    def _first(view):
        return Hit("One word") if view else None

    return checks


def test_specs_are_the_catalogue_entries_in_order(detector):
    assert detector.specs == (
        Spec("second_word", "links", "phish", "The second word is there.", raw=True),
        Spec("first_word", "links", "spam", "The first word is there."),
    )


def test_what_fires_is_found_with_reason_inputs_and_strength(detector):
    found = list(detector.detect(["a", "b"], None))

    assert [(f.name, f.reason, f.strength, f.inputs) for f in found] == [
        ("second_word", "Two words", 0.5, {"word": "b"}),
        ("first_word", "One word", 1.0, {}),
    ]


def test_what_does_not_fire_is_left_out(detector):
    assert [f.name for f in detector.detect(["a"], None)] == ["first_word"]


def test_each_message_is_prepared_once():
    seen = []
    checks = Checks("links", lambda evidence, *_: seen.append(evidence))
    checks.signal("a_check", "spam", "One.")(lambda _: None)
    checks.signal("b_check", "spam", "Two.")(lambda _: None)

    list(checks.detect("mail", None))

    assert seen == ["mail"]


def test_no_check_is_asked_where_there_is_nothing_to_look_at():
    """Most mail has nothing attached: what it costs would be paid by every message."""
    asked = []
    checks = Checks("links", lambda evidence, *_: evidence or None)
    checks.signal("a_check", "spam", "One.")(asked.append)

    found = [*checks.detect([], None), *checks.detect(["a link"], None)]

    assert (found, asked) == ([], [["a link"]])


def test_a_check_that_breaks_silences_no_other(detector):
    """Else one crafted crash would disarm a whole subject."""

    @detector.signal("third_word", "spam", "The third word is there.")
    def _third(view):
        return Hit(view[2])

    @detector.signal("any_word", "spam", "Some word is there.")
    def _any(view):
        return Hit("A word") if view else None

    found = []
    with pytest.raises(IndexError):
        found.extend(detector.detect(["a"], None))

    assert [finding.name for finding in found] == ["first_word", "any_word"]
