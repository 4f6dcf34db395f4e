import pytest

from models.gate import Limits, Moved, closed, measure


def ham(count, published=-6.0, now=-6.0, anchor=None, sender="s"):
    anchor = published if anchor is None else anchor
    return [Moved(f"{sender}{n}", published, now, anchor) for n in range(count)]


def said(known, flips=0, verdicts=0):
    return closed(measure(known, flips, verdicts))


def test_known_ham_that_stays_where_it_was_opens_the_gate():
    assert said(ham(50)) == ""
    assert said(ham(50, now=-7.5)) == "", "toward honest mail anything may move"


def test_a_mean_shift_toward_abuse_closes_it():
    assert said(ham(50, now=-5.71)) == ""
    assert "known ham moved by +0.31 logits" in said(ham(50, now=-5.69))


def test_one_poisoned_sender_closes_it_though_the_mean_hardly_moves():
    poisoned = [Moved("list", -6.0, -5.4, -6.0)] * 10
    assert "known ham of list moved by +0.60" in said(ham(190) + poisoned)
    assert said(ham(190) + poisoned[:9]) == "", "nine messages say nothing of a sender"


def test_many_small_shifts_do_not_pass_where_one_large_one_would_not():
    drifted = ham(50, published=-5.5, now=-5.35, anchor=-6.0)
    assert "since it was kept" in said(drifted)


def test_ham_near_the_threshold_closes_it_by_its_loss():
    """Its mean shift is allowed, and yet a good part of it would now be junk."""
    near = [Moved("", 1.5, 4.0, 1.5)] * 5 + ham(95, now=-6.1)
    found = measure(near, 0, 0)
    assert found.shift < 0.3
    assert "loss on known ham grew" in closed(found)


def test_too_little_known_ham_says_nothing():
    assert said(ham(11, now=5.0)) == ""
    assert said([]) == ""


@pytest.mark.parametrize(("flips", "verdicts", "is_open"), [(10, 1000, True), (11, 1000, False)])
def test_verdicts_that_would_flip_close_it(flips, verdicts, is_open):
    assert (said([], flips, verdicts) == "") is is_open
    assert said([], 9, 99) == "", "too few verdicts"


def test_limits_are_the_operators():
    strict = Limits(shift=0.1)
    moved = ham(50, now=-5.8)
    assert closed(measure(moved, 0, 0)) == ""
    assert "allowed: 0.1" in closed(measure(moved, 0, 0, strict), strict)
