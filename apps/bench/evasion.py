"""`weir bench evasion`: how much spam gets by once it is dressed in honest text.

Filters learn the first part of a stream and are frozen; then the later part comes, its spam
dressed by each attack of apps.evaluation.attacks in the text of ham that they have learned.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from apps.bench.dated_stream import read_dated_stream
from apps.bench.machine import machine
from apps.bench.online import ALONE
from apps.bench.unseen import WholeSystem, train_unseen
from apps.evaluation.attacks import ATTACKS, Attack, Filler
from apps.evaluation.bogofilter import Bogofilter, bogofilter, version_of
from apps.evaluation.figures import Scores, missed
from apps.evaluation.parts import open_offline
from apps.evaluation.protocol import Outcome, immediate, scores_of
from apps.evaluation.stream import Item
from apps.evaluation.subject import Subject
from features.context import Context
from features.evidence import extract
from streams.settings import Settings

__all__ = ["measure_evasion"]

_LEARNED = 0.6  # share of the stream
_FILLERS = 300  # messages of learned ham, the latest
_RATES = {"0.1%": 0.001, "1%": 0.01}

Say = Callable[[str], None]
Frozen = Callable[[Sequence[Item]], Scores]


def measure_evasion(settings: Settings, corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return the share of spam missed, in %, by attack and filter (docs/benchmarks.md).

    The threshold of each filter is where so much of the later ham is misjudged. Raises
    PeerMissingError without bogofilter and FileNotFoundError without the corpus.
    """
    with bogofilter() as peer:
        base = open_offline(settings, ())
        stream = read_dated_stream(corpora, base.core.context.limits).items
        cut = round(_LEARNED * len(stream))
        early, later = stream[:cut], stream[cut:]
        unseen = train_unseen(corpora, stream, base.core, say)
        subjects = {
            "text": Subject(open_offline(settings, ALONE["text"])),
            "whole system": WholeSystem(open_offline(settings), unseen),
        }
        for name, subject in subjects.items():
            say(f"{name} learns {cut:,} messages")
            deque(immediate(early, subject), maxlen=0)
        say(f"bogofilter learns {cut:,} messages")
        for item in early:
            peer.teach(item.incoming.raw, abuse=item.entry.spam)
        filters = {name: partial(_frozen, subject) for name, subject in subjects.items()}
        missed_pct = _attacked({**filters, "bogofilter": partial(_peer, peer)}, early, later, say)
    ham = sum(not item.entry.spam for item in later)
    return {
        "benchmark": "evasion",
        "machine": machine(),
        "engine": base.core.engine,
        "peer": version_of(),
        "classifier": unseen.name,
        "learned": cut,
        "later": {"messages": len(later), "spam": len(later) - ham, "ham": ham},
        "ham_misjudged": {name: int(rate * ham) for name, rate in _RATES.items()},
        "missed_pct_at": missed_pct,
    }


def _attacked(
    filters: Mapping[str, Frozen], early: Sequence[Item], later: Sequence[Item], say: Say
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the spam missed in % by share of ham misjudged, attack and filter.

    Thresholds are those of the later mail as it is: attacks change spam only.
    """
    texts = list(_learned_texts(early))
    found: dict[str, dict[str, dict[str, float]]] = {rate: {} for rate in _RATES}
    thresholds: dict[tuple[str, str], float] = {}
    for name, attack in ATTACKS.items():
        say(name)
        dressed = _dressed(later, attack, Filler(texts))
        for filter_name, judge in filters.items():
            scores = judge(dressed)
            for rate, share in _RATES.items():
                at = thresholds.setdefault((rate, filter_name), missed(scores, share).threshold)
                by_filter = found[rate].setdefault(name, {})
                by_filter[filter_name] = round(100 * float(np.mean(scores.of_spam < at)), 2)
    return found


def _learned_texts(early: Sequence[Item]) -> Iterator[str]:
    context = Context()
    ham = [item for item in early if not item.entry.spam]
    for item in ham[-_FILLERS:]:
        yield extract(item.incoming, context).content.text


def _dressed(items: Sequence[Item], attack: Attack, filler: Filler) -> list[Item]:
    return [
        item._replace(incoming=item.incoming._replace(raw=attack(item.incoming.raw, filler)))
        if item.entry.spam
        else item
        for item in items
    ]


def _frozen(subject: Subject, items: Sequence[Item]) -> Scores:
    """Judge without labels; the state of senders is put back as it was."""
    before = deepcopy(subject.offline.state)
    scores = scores_of(immediate(items, subject, learn=False))
    subject.offline.state = before
    return scores


def _peer(peer: Bogofilter, items: Sequence[Item]) -> Scores:
    with TemporaryDirectory(prefix="weir-evasion-") as folder:
        files = [Path(folder) / str(number) for number in range(len(items))]
        for file, item in zip(files, items, strict=True):
            file.write_bytes(item.incoming.raw)
        opinions = peer.judge_files(files)
    return scores_of(
        Outcome(item.entry.path, item.entry.spam, taught=False, opinion=opinion)
        for item, opinion in zip(items, opinions, strict=True)
    )
