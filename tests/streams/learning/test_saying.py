"""What is remembered of models is what they would say, and nothing of another state."""

import pytest
from msgspec.structs import replace

from streams.learning.lineage import logit_of, logits_of
from streams.learning.saying import Said


@pytest.fixture
def taught(lineage, step):
    """A lineage that knows both sides, so that its models have a say."""
    found = lineage()
    for number in range(1, 9):
        found.learn(step(number, abuse=bool(number % 2)))
    return found


def test_what_was_said_of_one_state_isnt_taken_for_another(taught, step):
    lessons = [step(number).step.lessons[0] for number in range(20, 25)]
    said = Said()
    before = said.of(taught.head, lessons)
    assert before == said.of(taught.head, lessons[:3]) + said.of(taught.head, lessons[3:])
    taught.learn(step(9, 20, abuse=True))
    after = said.of(taught.head, lessons)
    assert after == logits_of(taught.head, lessons)
    assert after[0] > before[0]


def test_an_honest_message_that_nobody_judged_is_kept_and_weighed(taught, step):
    lesson = replace(step(30, abuse=False).step.lessons[0], vector=b"")
    record = step(9, 30, abuse=False)
    taught.learn(replace(record, step=replace(record.step, lessons=(lesson,))))
    assert taught.memory.ham[-1].anchor == logit_of(taught.head, lesson) != 0.0


def test_models_that_know_one_side_have_no_say(lineage, step):
    one_sided = lineage()
    one_sided.learn(step(1))
    assert logits_of(one_sided.head, [step(2).step.lessons[0]]) == [0.0]
