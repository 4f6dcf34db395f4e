from apps.hook.verifying.splitting import longest_blank_run, split_message


def test_fields_keep_their_folding_and_the_body_its_lines():
    split = split_message(b"A: one\r\n two\r\nB : x\n\ttab\n\nbody\n\nmore")
    assert split.fields == [(b"A", b" one\r\n two\r\n"), (b"B", b" x\r\n\ttab\r\n")]
    assert not split.broken
    assert split.all(b"a") == [b" one\r\n two\r\n"]


def test_a_message_without_header_or_body():
    assert not split_message(b"\r\nbody").fields
    assert split_message(b"A: one\r\n").fields == [(b"A", b" one\r\n")]
    assert split_message(b"").broken


def test_the_line_that_parts_messages_in_an_mbox_is_no_part_of_them():
    split = split_message(b"From ann Mon Nov 16 10:00:00 2026\nA: one\n\nbody")
    assert split.fields == [(b"A", b" one\r\n")]
    assert not split.broken


def test_a_line_that_is_no_field_or_too_many_fields_break_the_header():
    assert split_message(b"A: one\r\nno field\r\nB: two\r\n\r\n").broken
    assert split_message(b"A: one\r\n" * 1_001 + b"\r\n").broken
    assert not split_message(b"A: one\r\n" * 1_000 + b"\r\n").broken
    assert split_message(b"A: " + b"x" * 300_000 + b"\r\n\r\n").broken


def test_a_message_over_the_bound_is_not_split():
    assert split_message(b"A: one\r\n\r\n" + b"x" * 10_000_000) is None


def test_blank_runs_are_measured():
    assert longest_blank_run(b"a  b \r\n\t c") == 5
    assert longest_blank_run(b"") == 0
