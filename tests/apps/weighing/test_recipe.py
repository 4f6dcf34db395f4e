"""Weights from rates: the recipe, and what stays of the shipped."""

import math
from collections import Counter
from datetime import date

import pytest

from apps.weighing.counts import Counts, count, pools
from apps.weighing.recipe import CAP, Kept, reweighed, weight_of
from apps.weighing.seen import Seen
from detectors.signals import Finding, Spec
from detectors.weights import SignalWeight

DAY = date(2026, 11, 21)
KEPT = Kept()
SPECS = {
    "loud": Spec("loud", "g", "spam", "It is loud."),
    "judged": Spec("judged", "g", "spam", "Nobody measured it."),
    "kind": Spec("kind", "g", "ham", "It is kind."),
}
BEFORE = {
    "loud": SignalWeight(weight=9.0, measured=DAY, on="elsewhere", recall=0.2),
    "judged": SignalWeight(weight=4.0, measured=DAY, on="set by judgement: rare"),
    "kind": SignalWeight(weight=-1.0, measured=DAY, on="elsewhere"),
}


def seen(source, *names, times=1, pool=""):
    fired = tuple(Finding(name, "") for name in names)
    return [Seen(source, source, pool, fired, (), "accept")] * times


def counted(*messages):
    flat = [one for group in messages for one in group]
    return count(flat, {one.source: one.source for one in flat})


def weighed(counts, kept=KEPT, before=BEFORE):
    return reweighed(before, SPECS, kept, DAY, counts)


def test_a_weight_is_the_log_of_recall_over_the_highest_rate_of_any_source():
    counts = counted(
        seen("a", "loud", times=10), seen("a", times=990), seen("b", "loud"), seen("b", times=99)
    )
    found = weighed(counts)["loud"]
    assert found.weight == round(math.log(0.15 / 0.01), 1)
    assert found.fp == {"a": 0.01, "b": 0.01}
    assert found.recall == 0.2


def test_a_source_where_it_fires_more_sets_the_weight_however_small_it_is():
    counts = counted(seen("large", times=10_000), seen("b", "loud", times=15), seen("b", times=85))
    assert weighed(counts)["loud"].weight == 0.0


def test_no_hit_counts_as_three_in_the_mail_of_all_sources_but_the_largest():
    counts = counted(seen("large", times=10_000), seen("b", times=600), seen("c", times=400))
    assert weighed(counts)["loud"].weight == round(math.log(0.15 / 0.003), 1)


def test_one_source_however_large_says_little_of_other_mail():
    assert weighed(counted(seen("a", times=100_000)))["loud"].weight == 2.7


def test_no_hit_counts_as_three_in_all_and_the_weight_is_capped():
    assert weight_of({"a": 0.0}, 1_000) == round(math.log(0.15 / 0.003), 1)
    assert weight_of({"a": 0.0}, 10_000_000) == CAP


def test_a_weight_is_never_below_zero():
    assert weight_of({"a": 0.5}, 1_000) == 0.0


@pytest.mark.parametrize(("hits", "weight"), [(0, 4.0), (1, 1.6), (20, 0.0)])
def test_a_weight_set_by_judgement_is_kept_until_mail_says_less(hits, weight):
    counts = counted(seen("a", "judged", times=hits), seen("a", times=100 - hits))
    found = weighed(counts)["judged"]
    assert found.weight == weight
    assert found.on.startswith("set by judgement") == (hits < 10)


def test_few_hits_never_raise_a_weight_set_by_judgement():
    counts = counted(seen("a", "judged"), seen("a", times=99_999), seen("b", times=99_999))
    assert weighed(counts)["judged"].weight == 4.0


def test_judgement_gives_way_where_that_is_asked_for():
    counts = counted(seen("a", times=3_000), seen("b", times=3_000))
    assert weighed(counts, Kept(judgement=False))["judged"].weight == 5.0
    assert weighed(counts, Kept(measure=frozenset({"judged"})))["judged"].weight == 5.0


def test_the_rates_of_a_survey_count_as_long_as_they_are_kept():
    before = BEFORE | {
        "loud": SignalWeight(weight=1.0, measured=DAY, on="x", fp={"survey-modern": 0.015, "a": 1})
    }
    counts = counted(seen("a", times=3_000))
    kept = weighed(counts, before=before)["loud"]
    assert (kept.weight, kept.fp) == (2.3, {"a": 0.0, "survey-modern": 0.015})
    assert weighed(counts, Kept(rates="none"), before)["loud"].weight == 2.7


def test_what_a_survey_never_saw_fire_counts_as_so_many_messages_more():
    before = BEFORE | {
        "loud": SignalWeight(weight=1.0, measured=DAY, on="x", fp={"survey-modern": 0.0})
    }
    counts = counted(seen("a", times=785), seen("b", times=785))
    assert weighed(counts, before=before)["loud"].weight == round(math.log(0.15 / 3 * 2_000), 1)


def test_a_signal_of_legitimate_mail_keeps_its_weight():
    counts = counted(seen("a", "kind", times=50), seen("a", times=50))
    assert weighed(counts)["kind"].weight == -1.0


def test_small_sources_are_counted_together_and_a_given_pool_stays():
    mail = [
        *seen("large", times=100),
        *seen("tiny", times=99),
        *seen("small", times=5),
        *seen("modern-x", times=3, pool="modern"),
    ]
    assert pools(mail) == {
        "large": "large",
        "tiny": "small sources",
        "small": "small sources",
        "modern-x": "modern",
    }


def test_taking_mail_out_leaves_what_the_rest_counts():
    rest, out = seen("a", "loud", times=4), seen("b", "loud", "judged", times=3)
    assert counted(rest, out).without(counted(out)) == Counts(
        Counter({"a": 4}), {"loud": Counter({"a": 4}), "judged": Counter()}
    )


def test_earlier_mail_counts_beside_the_new_where_its_rates_are_kept():
    before = BEFORE | {"loud": SignalWeight(weight=4.9, measured=DAY, on="x", fp={"easy": 0.0})}
    few = counted(seen("a", times=300))
    kept = weighed(few, Kept(rates="all"), before)["loud"]
    assert (kept.weight, kept.fp) == (5.0, {"easy": 0.0, "a": 0.0})
    assert weighed(few, Kept(rates="none"), before)["loud"].weight == 2.7


def test_one_hit_in_a_handful_of_messages_says_no_more_than_one_in_a_hundred():
    counts = counted(seen("large", times=3_000), seen("tiny", "loud"))
    found = weighed(counts)["loud"]
    assert found.weight == round(math.log(0.15 / 0.01), 1)
    assert found.fp["tiny"] == 1.0
