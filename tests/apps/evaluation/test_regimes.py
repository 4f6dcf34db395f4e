"""Which labels come, and when: each regime on a stream of its own, by a seed."""

from collections import Counter

import pytest

from apps.evaluation.draws import draw, late
from apps.evaluation.noise import Noise, busiest_list, list_of
from apps.evaluation.opinion import Opinion
from apps.evaluation.regimes import Audit, Delayed, Partial, Rates, Reports

INBOX = Opinion(-1.0, 0.3)
JUNK = Opinion(4.0, 0.98, delivered=False)


def shown(regime, count=10_000, *, spam=None, opinion=INBOX):
    return [
        label
        for place in range(count)
        for label in regime.labels(place, opinion, spam=place % 2 == 0 if spam is None else spam)
    ]


def test_every_label_comes_as_late_as_it_was_asked_for():
    labels = shown(Delayed(1_000), 5)
    assert [(it.place, it.due, it.abuse) for it in labels] == [
        (place, place + 1_001, place % 2 == 0) for place in range(5)
    ]
    assert [it.due for it in shown(Delayed(), 3)] == [1, 2, 3]


def test_a_share_is_labelled_and_its_messages_go_by_the_seed():
    first, again, other = (shown(Partial(0.1, seed)) for seed in (1, 1, 2))
    assert 900 < len(first) < 1_100
    assert first == again != other


def test_an_audit_spends_its_budget_evenly_and_mostly_in_doubt():
    audit, found = Audit(200, 4_000, 3), []
    for place in range(4_000):
        logit = 20 * draw(0, "logit", place) - 10
        if list(audit.labels(place, Opinion(logit), spam=logit > 0)):
            found.append((place, logit))
    assert 190 <= len(found) <= 200
    assert 80 < sum(place < 2_000 for place, _ in found) < 120
    near = [logit for _, logit in found if abs(logit) < 1]
    assert len(near) > 0.6 * len(found)  # a tenth of the mail
    assert len(near) < len(found)


def test_an_audit_asks_before_anything_is_known():
    audit = Audit(50, 1_000, 3)
    labels = shown(audit, 1_000, opinion=Opinion(0.0))
    assert len(labels) == 50


RATES = Rates(reported=0.2, rescued=0.05, misreported=0.002, replied=0.1, late=500)


@pytest.mark.parametrize(
    ("spam", "opinion", "rate", "source", "abuse"),
    [
        (True, INBOX, 0.2, "report", True),
        (True, JUNK, 0.0, "", None),
        (False, JUNK, 0.05, "rescue", False),
    ],
)
def test_people_label_what_they_see(spam, opinion, rate, source, abuse):
    labels = shown(Reports(0, RATES), spam=spam, opinion=opinion)
    assert len(labels) == pytest.approx(10_000 * rate, rel=0.15)
    assert {(it.source, it.abuse, it.seed) for it in labels} <= {(source, abuse, False)}


def test_delivered_ham_is_answered_and_now_and_then_misreported():
    counts = Counter(
        (it.source, it.abuse) for it in shown(Reports(0, RATES), spam=False, opinion=INBOX)
    )
    assert set(counts) == {("reply", False), ("report", True)}
    assert 10 <= counts["report", True] <= 32
    assert 900 < counts["reply", False] < 1_100


def test_reports_come_late_and_the_first_messages_are_labelled_at_once():
    labels = shown(Reports(100, RATES), spam=True)
    assert [(it.place, it.due, it.seed) for it in labels[:100]] == [
        (place, place + 1, True) for place in range(100)
    ]
    delays = [it.due - it.place - 1 for it in labels[100:]]
    assert 450 < sum(delays) / len(delays) < 550
    assert min(delays) >= 0


def test_what_a_filter_does_decides_who_could_report_but_not_who_would():
    delivered = {it.place for it in shown(Reports(0, RATES), spam=True)}
    some = Reports(0, RATES)
    found = {
        it.place
        for place in range(10_000)
        for it in some.labels(place, INBOX if place % 3 else JUNK, spam=True)
    }
    assert found == {place for place in delivered if place % 3}


def test_noise_gives_a_share_of_all_labels_the_wrong_way_round():
    labels = shown(Delayed(0, Noise(0.05, 1)))
    wrong = sum(it.abuse != (it.place % 2 == 0) for it in labels)
    assert 430 < wrong < 570


def test_noise_about_a_list_makes_its_delivered_ham_reported():
    noise = Noise(0.4, 1, frozenset(range(0, 10_000, 10)))
    listed = Reports(1_000, Rates(0, 0, 0, 0), 1, noise)
    labels = [it for it in shown(listed, spam=False) if not it.seed]
    assert {it.place % 10 for it in labels} == {0}
    assert 310 < len(labels) < 410
    assert all(it.abuse for it in labels)
    seed = [it for it in shown(listed, 1_000, spam=False) if it.seed]
    assert not any(it.abuse for it in seed)
    flipped = shown(Delayed(0, noise), spam=False)
    assert {it.place % 10 for it in flipped if it.abuse} == {0}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"List-Id: Us <us.example.org>\n", "us.example.org"),
        (b"list-post: <mailto:us@example.org>\r\n", "us@example.org"),
        (b"X-BeenThere: Us@Example.org\nList-Id:\n <a.b>\n", "a.b"),
        (b"Subject: List-Id: <a.b>\n", ""),
        (b"From: a@b\n\nList-Id: <a.b>\n", ""),
    ],
)
def test_a_mailing_list_is_what_the_header_names(header, name):
    assert list_of(header + b"\nbody\n") == name


def test_the_busiest_list_is_the_one_that_brought_most_ham():
    names = ["a", "b", "b", "a", "", "a", ""]
    spam = [False, False, False, True, False, True, False]
    assert busiest_list(names, spam) == {1, 2}
    assert busiest_list(["", ""], [False, False]) == frozenset()


def test_chance_is_the_same_for_everybody_and_spread_evenly():
    drawn = [draw(1, "x", place) for place in range(10_000)]
    assert drawn == [draw(1, "x", place) for place in range(10_000)]
    assert 0.48 < sum(drawn) / len(drawn) < 0.52
    assert drawn[0] != draw(1, "y", 0) != draw(2, "y", 0)
    assert late(0.0, 500) == 0
    assert late(0.5, 500) == pytest.approx(346.57, abs=0.01)
