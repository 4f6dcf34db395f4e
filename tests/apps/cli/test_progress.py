"""Progress where no terminal is: a line from time to time, with rate and time left."""

from apps.cli.progress import bar, log_lines


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
