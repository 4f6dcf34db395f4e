import pytest

from streams.marks import refusal


@pytest.mark.parametrize(
    ("ends", "marks"),
    [({0: 10, 1: 5}, {0: 9, 1: 4}), ({0: 10}, {}), ({1: 3}, {0: 9})],
    ids=["all counted", "nothing counted", "another worker's"],
)
def test_a_log_that_reaches_beyond_the_marks_is_the_one_that_was_counted(ends, marks):
    assert refusal("mail.messages", ends, marks) is None


@pytest.mark.parametrize("end", [0, 9])
def test_a_log_that_ends_below_a_mark_is_told_in_one_line_with_what_to_do(end):
    line = refusal("mail.messages", {0: 20, 3: end}, {0: 7, 3: 9})
    assert line is not None
    assert "\n" not in line
    for part in ("mail.messages", "partition 3", f"offset {end}", "up to 9"):
        assert part in line
    assert "weir topics create" in line
    assert "weir state rebuild" in line
