"""What was announced before a snapshot is announced again behind it."""

from streams.learning.announced import Announced
from streams.model_records import Pointer


def pointer(digest, stage, model="classifier", fence=1):
    return Pointer(fence=fence, model=model, stage=stage, name=model, digest=digest)


def again(*pointers):
    announced = Announced()
    for each in pointers:
        announced.take(each)
    return [(each.digest, each.stage, each.fence) for each in announced.again(9)]


def test_the_live_classifier_and_all_shadows_come_again_under_the_new_fence():
    assert again(
        pointer("a", "live"), pointer("b", "shadow"), pointer("c", "shadow", model="online")
    ) == [("a", "live", 9), ("b", "shadow", 9), ("c", "shadow", 9)]


def test_the_last_live_classifier_counts_and_a_promoted_shadow_is_one_no_more():
    assert again(pointer("a", "live"), pointer("b", "shadow"), pointer("b", "live")) == [
        ("b", "live", 9)
    ]


def test_what_was_let_go_stays_gone():
    assert again(pointer("a", "live"), pointer("b", "shadow"), pointer("b", "retired")) == [
        ("a", "live", 9)
    ]
    assert again(pointer("a", "live"), pointer("a", "retired")) == []


def test_live_snapshots_announce_themselves():
    assert again(pointer("o", "live", model="online")) == []
