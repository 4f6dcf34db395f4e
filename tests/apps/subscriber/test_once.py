from aiokafka import TopicPartition

from apps.subscriber.once import Once

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)


def test_an_identity_is_first_once_in_its_partition():
    once = Once(10)
    assert once.first(FIRST, b"a")
    assert not once.first(FIRST, b"a")
    assert once.first(FIRST, b"b")
    assert once.first(SECOND, b"a")


def test_what_lies_further_back_than_the_window_is_forgotten():
    once = Once(2)
    assert [once.first(FIRST, it) for it in (b"a", b"b", b"a", b"c", b"a")] == [
        True,
        True,
        False,
        True,
        True,
    ]
