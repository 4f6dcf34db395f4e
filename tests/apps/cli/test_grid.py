from datetime import UTC, date, datetime
from decimal import Decimal

import orjson

from apps.cli.grid import grid, json_lines


def test_columns_are_as_wide_as_they_need_and_numbers_stand_right():
    rows = [("ab", 1, None), ("c", 200, 0.5)]
    assert list(grid(("name", "n", "share"), iter(rows))) == [
        "name    n  share",
        "----  ---  -----",
        "ab      1",
        "c     200    0.5",
    ]


def test_what_comes_from_mail_neither_moves_the_cursor_nor_makes_a_line():
    rows = [("\x1b[2J\nfake\u202e", {"a\x07": ["\x1b]0;x\x07"]})]
    _, _, row = grid(("from\x1b[31m", "b"), iter(rows))
    assert "\x1b" not in row
    assert "\u202e" not in row
    assert "\x07" not in row


def test_a_terminal_is_not_overrun(monkeypatch):
    monkeypatch.setattr("apps.cli.grid.terminal_width", lambda: 40)
    for line in grid(("a", "b", "c"), iter([("x" * 100, "y" * 100, "z")])):
        assert len(line) <= 40


def test_times_lists_and_yes_or_no_read_well():
    row = (datetime(2025, 11, 20, 8, 1, 2, 3, tzinfo=UTC), date(2025, 11, 20), True, ["a", 1])
    *_, line = grid(("t", "d", "b", "l"), iter([row]))
    assert line.split("  ") == ["2025-11-20 08:01:02", "2025-11-20", "true", '["a",1]']


def test_no_rows_leave_the_names():
    assert list(grid(("a", "bb"), iter([]))) == ["a  bb", "-  --"]


def test_json_has_what_json_can_say_and_every_column():
    row = (float("nan"), Decimal("1.5"), b"\xff", datetime(2025, 1, 1, tzinfo=UTC), {"k": [None]})
    (line,) = json_lines(("a", "b", "b", "t", "m"), iter([row]))
    assert orjson.loads(line) == {
        "a": None,
        "b": 1.5,
        "b_2": "/w==",
        "t": "2025-01-01T00:00:00Z",
        "m": {"k": [None]},
    }
