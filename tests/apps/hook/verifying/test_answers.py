from apps.hook.verifying.answers import Answer, Answers


def test_an_answer_is_kept_until_it_expires():
    answers = Answers(10)
    answers.put(("a", "TXT"), Answer(("one",)), 5.0)
    assert answers.get(("a", "TXT"), 4.9) == Answer(("one",))
    assert answers.get(("a", "TXT"), 5.0) is None
    assert len(answers) == 0


def test_what_was_used_longest_ago_goes_first():
    answers = Answers(2)
    answers.put(("a", "TXT"), Answer(), 9.0)
    answers.put(("b", "TXT"), Answer(), 9.0)
    answers.get(("a", "TXT"), 1.0)
    answers.put(("c", "TXT"), Answer(), 9.0)
    assert answers.get(("a", "TXT"), 1.0) is not None
    assert answers.get(("b", "TXT"), 1.0) is None


def test_large_answers_do_not_fill_the_memory_whatever_their_number():
    answers = Answers(1_000_000)
    for number in range(2_000):
        answers.put((f"{number}", "TXT"), Answer(("x" * 16_000,)), 9.0)
    assert 100 < len(answers) < 600


def test_an_answer_that_is_put_again_takes_its_room_once():
    answers = Answers(10)
    for _ in range(10_000):
        answers.put(("a", "TXT"), Answer(("x" * 16_000,)), 9.0)
    answers.put(("b", "TXT"), Answer(), 9.0)
    assert len(answers) == 2


def test_with_no_room_nothing_is_kept():
    answers = Answers(0)
    answers.put(("a", "TXT"), Answer(), 9.0)
    assert answers.get(("a", "TXT"), 1.0) is None
