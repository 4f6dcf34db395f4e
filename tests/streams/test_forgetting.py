from features.envelope import LogPosition
from streams.forgetting import Forgetting


def places(*offsets, partition=0):
    return [LogPosition("e", partition, offset) for offset in offsets]


def test_a_record_is_due_once_its_offset_was_committed_for_the_time():
    forgetting = Forgetting(60)
    for place in places(0, 1, 2, 3):
        forgetting.recorded(place)
    forgetting.committed(0, 2, now=100)
    forgetting.committed(0, 3, now=130)
    assert forgetting.due(159) == []
    assert forgetting.due(160) == places(0, 1)
    assert forgetting.due(160) == []
    assert forgetting.due(200) == places(2)
    assert forgetting.due(9999) == []


def test_partitions_are_told_apart():
    forgetting = Forgetting(0)
    forgetting.recorded(places(5, partition=1)[0])
    forgetting.committed(0, 100, now=0)
    assert forgetting.due(10) == []
    forgetting.committed(1, 6, now=10)
    assert forgetting.due(10) == places(5, partition=1)


def test_a_lost_partition_is_left_to_its_new_worker():
    forgetting = Forgetting(0)
    forgetting.recorded(places(5)[0])
    forgetting.committed(0, 6, now=0)
    forgetting.lost(0)
    assert forgetting.due(10) == []
