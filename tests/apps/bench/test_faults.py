"""The benchmark of faults: its labels, its moments, what it calls exact; the run itself is long."""

import copy
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from apps.bench.fault_labels import plan_labels
from apps.bench.fault_making import draw_faults
from apps.bench.faults import is_exact
from streams.label_records import Refusal, read_record

ROOT = Path(__file__).parents[3]
IDENTS = [f"m{number}" for number in range(400)]
GOOD = {
    "counted": {
        "lost": 0,
        "twice": 0,
        "entities_wrong": 0,
        "entities_different": 0,
        "records_different": 0,
    },
    "learned": {
        "lost": 0,
        "more": 0,
        "twice": 0,
        "gaps": 0,
        "revoked": 0,
        "in_order": True,
    },
    "dead_letters": {"wanted": 2, "found": 2},
    "digest": {"equal": True, "rebuilt_equal": True},
}


def read(plan, number):
    record = plan.records[number]
    return read_record(record.value, record.headers, None)


def test_labels_are_of_every_sort_and_the_same_for_a_seed():
    plan = plan_labels("labels", IDENTS, 1000, 3)
    assert len(plan.records) == sum(plan.sorts.values()) == 1000
    assert min(plan.sorts.values()) > 10
    again = plan_labels("labels", IDENTS, 1000, 3)
    assert (again.sorts, again.known) == (plan.sorts, plan.known)
    assert plan_labels("labels", IDENTS, 1000, 4).known != plan.known
    refused = [isinstance(read(plan, number), Refusal) for number in range(1000)]
    assert sum(refused) == plan.sorts["malformed"]


def test_a_label_said_again_says_nothing_new_until_it_was_taken_back():
    plan = plan_labels("labels", IDENTS, 1000, 3)
    said = {}
    for number in range(1000):
        label = read(plan, number)
        if isinstance(label, Refusal) or label.of.id not in IDENTS:
            assert number not in plan.known
            continue
        about = label.retracts or label.id
        assert (number in plan.known) == (said.get(about, "") != label.truth)
        said[about] = label.truth


@pytest.mark.parametrize("seed", range(5))
def test_faults_are_apart_and_the_last_one_still_meets_labels(seed):
    faults = draw_faults(1000, 10, seed)
    assert Counter(it.what for it in faults) == {
        "kill": 7,
        "kill_starting": 3,
        "redis": 1,
        "kafka": 1,
    }
    offsets = [it.offset for it in faults]
    assert all(after - before >= 20 for before, after in itertools.pairwise(offsets))
    assert offsets[-1] <= 1000 - 40
    assert draw_faults(1000, 10, seed) == faults


def test_whatever_is_lost_doubled_or_different_isnt_exact():
    assert is_exact(GOOD)
    for part, key in [(part, key) for part, keys in GOOD.items() for key in keys if key != "found"]:
        bad = copy.deepcopy(GOOD)
        value = bad[part][key]
        bad[part][key] = not value if isinstance(value, bool) else value + 1
        assert not is_exact(bad), (part, key)


def test_every_key_is_documented():
    documented = (ROOT / "docs" / "benchmarks.md").read_text()
    source = (ROOT / "apps" / "bench" / "faults.py").read_text()
    named = set(re.findall(r'^ +"([a-z_]+)": ', source, re.MULTILINE))
    assert {"kills_at_work", "entities_wrong", "longest_pause_s", "rebuilt_equal"} <= named
    assert {key for key in named if f"`{key}`" not in documented} == set()
