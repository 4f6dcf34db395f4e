"""Judging ahead says of each message what judging one by one says, by fewer processes."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.evaluation.ahead import Ahead
from apps.evaluation.bogofilter import bogofilter
from apps.evaluation.index import Entry
from apps.evaluation.opinion import Opinion
from apps.evaluation.protocol import run
from apps.evaluation.regimes import Partial
from apps.evaluation.spamprobe import spamprobe
from apps.evaluation.stream import Item
from features.envelope import Envelope, Incoming

WORDS = {True: "pills lottery winner prize", False: "committee minutes budget agenda"}
PEERS = [
    pytest.param(
        opened,
        marks=pytest.mark.skipif(
            not (shutil.which(name) or os.environ.get("CI")), reason=f"{name} isn't installed"
        ),
        id=name,
    )
    for name, opened in (("bogofilter", bogofilter), ("spamprobe", spamprobe))
]


def item(place):
    spam = place % 3 == 0
    body = f"{WORDS[spam]} {WORDS[not spam].split()[place % 4]} number{place}"
    raw = f"From: a@example.org\nSubject: {place}\n\n{body}\n".encode()
    envelope = Envelope(id=str(place), received_at=datetime(2007, 1, 1, tzinfo=UTC))
    return Item(Entry(str(place), Path(str(place)), spam, taught=True), Incoming(envelope, raw))


STREAM = [item(place) for place in range(60)]


class Counting:
    """A peer that says how many labels it has seen, and notes how many messages it judges."""

    def __init__(self):
        self.labels = 0
        self.together = []

    def judge(self, _item):
        self.together.append(1)
        return Opinion(float(self.labels))

    def judge_files(self, files):
        assert len({file.read_bytes() for file in files}) == len(files)
        self.together.append(len(files))
        return [Opinion(float(self.labels))] * len(files)

    def keep(self):
        raise AssertionError("whoever judges ahead keeps the messages")

    def learn(self, _kept, _shown):
        self.labels += 1

    def settle(self):
        self.labels += 1000


@pytest.mark.parametrize("opened", PEERS)
def test_a_peer_says_the_same_of_each_message_whether_or_not_it_judges_ahead(opened, tmp_path):
    regime = Partial(0.2, seed=3)
    with opened() as one, opened() as other:
        ahead = list(run(STREAM, Ahead(one, STREAM, tmp_path), regime))
        assert ahead == list(run(STREAM, other, regime))
    assert len({it.opinion.logit for it in ahead}) > 10


def test_no_message_is_judged_by_what_the_peer_knew_before_a_label(tmp_path):
    peer = Counting()
    labels = 0
    for outcome in run(STREAM, Ahead(peer, STREAM, tmp_path), Partial(0.1, seed=2)):
        assert outcome.opinion.logit == labels
        labels += outcome.taught
    assert labels > 2


def test_more_and_more_are_judged_together_while_no_label_comes(tmp_path):
    peer = Counting()
    ahead = Ahead(peer, STREAM, tmp_path)
    list(run(STREAM, ahead, Partial(1.0), until=4))
    assert peer.together == [1, 1, 1, 1, 1, 2, 4, 8, 16, 25]
