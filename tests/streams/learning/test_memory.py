import pytest

from models.manifest import ArtifactError
from streams.learning.memory import Memory


def test_labelled_mail_is_kept_by_side_and_the_oldest_makes_room(step):
    memory = Memory(20)
    for number in range(1, 31):
        memory.take(step(number, abuse=False), -1.0)
    for number in range(31, 36):
        memory.take(step(number), 0.0)
    known = memory.known()
    assert len(known.ham) == 20
    assert len(known.spam) == 2, "a tenth"
    assert memory.ham[0].sender == "s11"
    assert known.trusted == 5, "labels of analysts, of the rarer side"


def test_one_sender_can_not_fill_it(step):
    memory = Memory(40)
    for number in range(1, 11):
        memory.take(step(number, abuse=False), -1.0)
    for number in range(11, 31):
        memory.take(step(number, abuse=False, sender="flood"), -1.0)
    senders = [kept.sender for kept in memory.ham]
    assert senders.count("flood") == 2
    assert len(senders) == 12


def test_what_a_thousand_accounts_call_honest_is_neither_replayed_nor_measured(step):
    memory = Memory(100)
    for number in range(1, 31):
        memory.take(step(number, abuse=False), -1.0)
    for number in range(31, 1031):
        memory.take(step(number, abuse=False, source="rescue"), -1.0)
    assert [kept.sender for kept in memory.ham] == [f"s{number}" for number in range(1, 31)]
    assert len(memory.known().ham) == 30
    memory.take(step(2000, 1, source="report"), 1.0)
    memory.take(step(2001, 2, abuse=False, source="rescue"), -1.0)
    assert len(memory.ham) == 30, "whom users contradict stays, as it was"
    memory.take(step(2002, 3, abuse=False, weight=-1.0, source="report"), 0.0)
    assert len(memory.known().ham) == 99, "too few: all are asked"
    assert Memory.load(memory.dump(), 100).ham == memory.ham


def test_one_senders_share_is_what_trusted_people_labelled(step):
    memory = Memory(40)
    for number in range(1, 3):
        memory.take(step(number, abuse=False, sender="bank"), -1.0)
    for number in range(3, 9):
        memory.take(step(number, abuse=False, sender="bank", source="rescue"), -1.0)
    assert [kept.trusted for kept in memory.ham] == [True, True]


def test_what_a_label_taught_is_known_until_it_is_taken_back(step):
    memory = Memory(20)
    memory.take(step(1, abuse=False, weight=0.5), -1.0)
    taught = memory.taught("m1")
    assert (taught.abuse, taught.weight) == (False, 0.5)
    memory.take(step(2, 1, abuse=False, weight=-0.5), 0.0)
    assert memory.taught("m1") is None
    assert memory.ham == ()
    assert memory.known().trusted == 0


def test_ham_that_turns_out_to_be_abuse_is_no_known_ham(step):
    memory = Memory(20)
    memory.take(step(1, abuse=False), -1.0)
    memory.take(step(2, 1, abuse=True), 0.0)
    assert memory.ham == ()
    assert len(memory.known().spam) == 1


def test_it_is_read_back_as_it_was_written(step):
    memory = Memory(20)
    for number in range(1, 9):
        memory.take(step(number, abuse=number % 2 == 0), -0.25)
    found = Memory.load(memory.dump(), 20)
    assert found.dump() == memory.dump()
    assert found.known() == memory.known()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"x" + b[1:], lambda _: b""])
def test_bytes_that_are_damaged_are_refused(step, damage):
    memory = Memory(20)
    memory.take(step(1), 0.0)
    with pytest.raises(ArtifactError, match="known mail"):
        Memory.load(damage(memory.dump()), 20)
