"""The page shows what a person looks for, escapes what mail wrote, and needs nothing else."""

import json
import re

import pytest

from apps.evaluation.curves import learning, reliability
from apps.evaluation.opinion import Opinion
from apps.evaluation.page import costliest, write_page
from apps.evaluation.protocol import Outcome, scores_of
from apps.evaluation.report import report
from apps.pages.frame import POLICY

PROTOCOL = {
    "name": "reports",
    "noise": "list:40",
    "listed": 3,
    "frozen_after": None,
    "labelled_first": 5,
    "seed": 1,
}


def outcome(spam, logit, path="x", reasons=()):
    score = None if logit is None else 1 / (1 + 2.718281828 ** (-logit))
    return Outcome(path, spam, True, Opinion(logit, score, "accept", reasons=reasons))


STREAM = [outcome(place % 2 == 0, (4.0 if place % 2 == 0 else -4.0)) for place in range(200)]
HOSTILE = outcome(False, 9.0, "<script>.eml", ("+9.0 <img src=x onerror=alert(1)> & more",))


def written(folder, outcomes):
    found = {
        "index": "in<dex",
        "protocol": PROTOCOL,
        "models": ["text"],
        "trained_on": 0,
        **report(outcomes, {"reject": 0.99}, {"parse": 0.1}),
    }
    write_page(folder, found, outcomes)
    return (folder / "index.html").read_text(), json.loads((folder / "figures.json").read_text())


def test_what_mail_wrote_is_shown_as_text(tmp_path):
    page, figures = written(tmp_path, [*STREAM, HOSTILE])
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; more" in page
    assert "in&lt;dex: reports, noise list:40" in page
    assert figures["costliest"]["ham"][0]["path"] == "<script>.eml"


def test_the_page_needs_neither_network_nor_scripts(tmp_path):
    page, _ = written(tmp_path, STREAM)
    assert re.findall(r'(?:src|href)="', page) == []
    assert set(re.findall(r"https?://[^\s\"<]+", page)) == {"http://www.w3.org/2000/svg"}
    assert page.count("<svg") == 4


def test_nothing_may_run_or_load_whatever_stands_in_the_page(tmp_path):
    page, _ = written(tmp_path, [*STREAM, HOSTILE])
    assert f'content="{POLICY}"' in page
    assert "style=" not in page
    assert page.count("<style>") == 1


def test_a_browser_opens_it_without_a_request_or_an_error(look, tmp_path):
    written(tmp_path, [*STREAM, HOSTILE])
    seen = look(tmp_path / "index.html")
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert "<img src=x onerror=alert(1)>" in seen.page.inner_text("main")
    assert seen.page.get_by_role("img").count() == 4


def test_the_costliest_mistakes_are_the_surest():
    listed = [outcome(True, -1.0, "a"), outcome(True, -7.0, "b"), outcome(True, 3.0, "c")]
    listed += [outcome(False, 2.0, "d"), outcome(True, None, "e")]
    assert [it.path for it in costliest(listed, spam=True)] == ["b", "a"]
    assert [it.path for it in costliest(listed, spam=False)] == ["d"]


def test_the_learning_curve_has_the_errors_of_each_piece():
    wrong = [outcome(place % 2 == 0, -1.0) for place in range(500)]
    windows = learning(scores_of([*wrong, *STREAM, *STREAM, *STREAM]))
    assert windows[-1].end == 1_100
    assert sum(window.messages for window in windows) == 1_100
    assert (windows[0].spam_missed_pct, windows[0].ham_misjudged_pct) == (100, 0)
    assert windows[-1].spam_missed_pct == 0
    assert windows[-1].one_minus_roca_pct < windows[0].one_minus_roca_pct == 50


def test_a_reliable_score_lies_on_the_diagonal():
    sure = [outcome(place % 10 != 0, 2.197224577) for place in range(1_000)]  # 0.9, nine in ten
    bins = reliability(sure)
    assert sum(each.messages for each in bins) == 1_000
    assert all(each.low < each.predicted < each.high for each in bins)
    assert bins[0].observed == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("outcomes", [[outcome(True, 1.0)], [outcome(False, None)] * 3])
def test_a_stream_of_one_kind_has_a_page_too(tmp_path, outcomes):
    page, figures = written(tmp_path, outcomes)
    assert page.rstrip().endswith("</body></html>")
    assert figures["messages"] == len(outcomes)
