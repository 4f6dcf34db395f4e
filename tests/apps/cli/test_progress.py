"""Progress where no terminal is: a line from time to time, with rate and time left."""

from apps.cli import progress
from apps.cli.progress import bar, bar_from_report, log_lines


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(capsys):
    now = [100.0]
    advance = log_lines("evaluating", 37_710, "messages", lambda: now[0])
    for _ in range(60):
        now[0] += 1.0
        advance(205)

    assert capsys.readouterr().err.splitlines() == [
        "evaluating: 3,075 of 37,710 messages, 205/s, 2 min 49 s left",
        "evaluating: 6,150 of 37,710 messages, 205/s, 2 min 34 s left",
        "evaluating: 9,225 of 37,710 messages, 205/s, 2 min 19 s left",
        "evaluating: 12,300 of 37,710 messages, 205/s, 2 min 4 s left",
    ]


def test_a_short_run_and_one_of_unknown_length_say_nothing(capsys):
    with bar("evaluating", 3, "messages") as advance:
        advance(3)
    with bar("evaluating", None, "messages") as advance:
        advance(3)

    assert capsys.readouterr().err == ""


def test_a_bar_that_begins_with_a_report_counts_what_is_done_once(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    with bar_from_report("rebuilding", "records") as told:
        for done in (3, 3, 10):
            told(done, 10)

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" records")[0] for line in lines] == [
        "rebuilding: 3 of 10",
        "rebuilding: 3 of 10",
        "rebuilding: 10 of 10",
    ]


def test_a_bar_without_a_report_shows_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    with bar_from_report("rebuilding", "records"):
        pass

    assert capsys.readouterr().err == ""
