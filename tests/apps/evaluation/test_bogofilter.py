"""The peer learns from nothing in a database of its own, and is named where it is missing."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.evaluation.bogofilter import PeerMissingError, bogofilter, version_of
from apps.evaluation.index import Entry
from apps.evaluation.regimes import Shown
from apps.evaluation.stream import Item
from features.envelope import Envelope, Incoming

installed = pytest.mark.skipif(
    not (shutil.which("bogofilter") or os.environ.get("CI")), reason="bogofilter isn't installed"
)
SPAM = b"From: a@example.org\nSubject: pills\n\ncheap pills lottery winner prize unsubscribe\n"
HAM = b"From: b@example.net\nSubject: minutes\n\ncommittee meeting minutes budget agenda\n"


def item(raw, spam):
    envelope = Envelope(id="x", received_at=datetime(2007, 1, 1, tzinfo=UTC))
    return Item(Entry("x", Path("x"), spam, taught=True), Incoming(envelope, raw))


@installed
def test_it_knows_nothing_at_first_and_learns_what_it_is_taught():
    with bogofilter() as peer:
        assert peer.judge(item(SPAM, spam=True)).logit == 0
        for raw, spam in ((SPAM, True), (HAM, False)) * 3:
            peer.judge(item(raw, spam))
            peer.learn(peer.keep(), Shown(1, 0, spam))
        assert peer.judge(item(SPAM, spam=True)).logit > 5
        assert peer.judge(item(HAM, spam=False)).logit < -5
        assert peer.cpu_seconds > 0
    with bogofilter() as another:
        assert another.judge(item(SPAM, spam=True)).logit == 0


@installed
def test_files_are_judged_in_their_order_and_as_messages_are(tmp_path):
    with bogofilter() as peer:
        peer.teach(SPAM, abuse=True)
        peer.teach(HAM, abuse=False)
        files = [tmp_path / "a b", tmp_path / "c"]
        files[0].write_bytes(HAM)
        files[1].write_bytes(SPAM)
        together = peer.judge_files(files)
        alone = [peer.judge(item(raw, spam=False)) for raw in (HAM, SPAM)]
    assert together == alone
    assert together[0].logit < 0 < together[1].logit


@installed
def test_files_teach_what_messages_do(tmp_path):
    files = [tmp_path / "a b", tmp_path / "c"]
    files[0].write_bytes(HAM)
    files[1].write_bytes(SPAM)
    with bogofilter() as peer, bogofilter() as another:
        peer.teach(HAM, abuse=False)
        peer.teach(SPAM, abuse=True)
        another.teach_files(files[:1], abuse=False)
        another.teach_files(files[1:], abuse=True)
        another.teach_files([], abuse=True)
        assert peer.judge_files(files) == another.judge_files(files)


@installed
def test_a_score_of_one_is_a_finite_logit():
    with bogofilter() as peer:
        for _ in range(20):
            peer.teach(SPAM, abuse=True)
            peer.teach(HAM, abuse=False)
        opinion = peer.judge(item(SPAM * 50, spam=True))
    assert 30 < opinion.logit < 50


@installed
def test_its_version_is_told():
    assert version_of().startswith("bogofilter 1.")


def test_where_it_is_missing_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match="apt-get install bogofilter"), bogofilter():
        pass
