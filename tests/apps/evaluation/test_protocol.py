"""Scores come before labels, and what is for scoring only is never shown."""

from datetime import UTC, datetime
from pathlib import Path

from apps.evaluation.index import Entry
from apps.evaluation.protocol import Opinion, Outcome, immediate, run, scores_of
from apps.evaluation.regimes import Delayed, Shown
from apps.evaluation.report import report
from apps.evaluation.stream import Item
from features.envelope import Envelope, Incoming


class Notebook:
    """A filter that writes down what it is shown, and says how many labels it has seen."""

    def __init__(self):
        self.seen = []
        self.of = []

    def judge(self, item):
        self.seen.append(item.entry.path)
        return Opinion(float(sum(isinstance(it, bool) for it in self.seen)))

    def keep(self):
        return self.seen[-1]

    def learn(self, kept, shown):
        self.of.append(kept)
        self.seen.append(shown.abuse)

    def settle(self):
        self.seen.append("settled")


def item(path, *, spam, taught=True):
    envelope = Envelope(id=path, received_at=datetime(2007, 1, 1, tzinfo=UTC))
    return Item(Entry(path, Path(path), spam, taught), Incoming(envelope, b""))


STREAM = [item("a", spam=True), item("b", spam=False, taught=False), item("c", spam=False)]


def outcome(spam, logit, *, score=None, action="accept", reached=()):
    return Outcome("x", spam, True, Opinion(logit, score, action, frozenset(reached)))


def test_a_label_is_shown_right_after_the_verdict():
    notebook = Notebook()
    logits = [it.opinion.logit for it in immediate(STREAM, notebook)]
    assert notebook.seen == ["a", True, "b", "c", False]
    assert logits == [0.0, 1.0, 1.0]


def test_without_learning_no_label_is_shown():
    notebook = Notebook()
    outcomes = list(immediate(STREAM, notebook, learn=False))
    assert notebook.seen == ["a", "b", "c"]
    assert not any(it.taught for it in outcomes)


def test_a_late_label_is_shown_after_the_verdicts_it_is_late_by_and_of_its_own_message():
    notebook = Notebook()
    stream = [item(name, spam=name < "c") for name in "abcde"]
    outcomes = list(run(stream, notebook, Delayed(2)))
    assert notebook.seen == ["a", "b", "c", True, "d", True, "e", False]
    assert notebook.of == ["a", "b", "c"]
    assert sum(it.taught for it in outcomes) == 5  # those of the last two never came


def test_labels_are_shown_in_the_order_in_which_they_are_due():
    class Late:
        def labels(self, place, opinion, *, spam):
            assert opinion.logit is not None
            yield Shown(10 - place, place, spam)

    notebook = Notebook()
    list(run([item(name, spam=False) for name in "abcdefghijkl"], notebook, Late()))
    assert notebook.of.index("b") < notebook.of.index("a")


def test_after_the_last_label_the_filter_settles_once_and_is_shown_no_more():
    notebook = Notebook()
    stream = [item(name, spam=True) for name in "abcd"]
    outcomes = list(run(stream, notebook, Delayed(1), until=3, settled=3))
    assert notebook.seen == ["a", "b", True, "c", True, "settled", "d"]
    assert [it.taught for it in outcomes] == [True, True, False, False]


def test_what_broke_the_filter_counts_as_undecided():
    outcomes = [outcome(True, None), outcome(False, -1.0)]
    assert scores_of(outcomes).logits.tolist() == [0.0, -1.0]
    assert report(outcomes, {}, {})["broken"] == 1


def test_rates_at_a_threshold_are_of_what_reached_it():
    outcomes = [
        *[outcome(False, 3.0, reached=["add_header"])] * 2,
        *[outcome(False, -3.0)] * 8,
        *[outcome(True, 3.0, reached=["add_header"], action="quarantine")] * 3,
        outcome(True, -3.0),
    ]
    found = report(outcomes, {"add_header": 0.5}, {"parse": 0.0014})
    at = found["thresholds"]["add_header"]
    assert (at["ham_misjudged"], at["ham_misjudged_pct"], at["recall_pct"]) == (2, 20.0, 75.0)
    assert at["ham_misjudged_pct_low"] < 20 < at["ham_misjudged_pct_high"]
    assert found["actions"]["quarantine"] == {"ham": 0, "spam": 3}
    assert found["cpu_us_stages"] == {"parse": 100.0}


def test_the_learning_curve_parts_the_stream_by_its_order():
    wrong = [outcome(spam, -1.0 if spam else 1.0) for spam in (True, False)] * 250
    right = [outcome(spam, 1.0 if spam else -1.0) for spam in (True, False)] * 1_000
    learning = report([*wrong, *right], {}, {})["learning"]
    assert learning["first 500"]["one_minus_roca_pct"] == 100
    assert learning["the rest"]["one_minus_roca_pct"] == 0
    assert learning["the rest"]["messages"] == 500


def test_a_stream_of_one_class_has_a_report():
    found = report([outcome(False, 1.0)] * 3, {"reject": 0.9}, {})
    assert found["roc"] == []
    assert found["thresholds"]["reject"]["recall_pct"] is None
