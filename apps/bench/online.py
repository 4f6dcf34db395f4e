"""`weir bench online`: what learns from nothing on one stream, side by side with bogofilter."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from apps.bench.dated_stream import DatedStream, read_dated_stream
from apps.bench.machine import machine
from apps.bench.unseen import UnseenClassifiers, WholeSystem, train_unseen
from apps.evaluation.bogofilter import bogofilter, version_of
from apps.evaluation.comparison import paired
from apps.evaluation.figures import Scores, ranking
from apps.evaluation.parts import open_offline
from apps.evaluation.protocol import Filter, immediate, scores_of
from apps.evaluation.spent import Spent
from apps.evaluation.subject import Subject
from streams.settings import Settings

__all__ = ["ALONE", "measure_online"]

ALONE: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "bayes"),
    "text and behaviour": ("text", "bayes", "counts", "behaviour"),
}
"""What is measured alone, from nothing, without classifier and detectors."""
_WHOLE, _PEER = "whole system", "bogofilter"
_EARLY = 2_000
_ROUNDS = 1_000

Say = Callable[[str], None]


def measure_online(settings: Settings, corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return what each filter does on the SpamAssassin corpus in order of date, label by label.

    The peer gets the same bytes. Once more without Received fields, since there ham and spam of
    this corpus came to different servers. Raises PeerMissingError without bogofilter and
    FileNotFoundError without the corpus.
    """
    peer = version_of()  # before the long run: whether it is there
    base = open_offline(settings, ())
    stream = read_dated_stream(corpora, base.core.context.limits)
    say(f"{len(stream.items):,} messages, {stream.undated:,} without a date left out")
    unseen = train_unseen(corpora, stream.items, base.core, say)
    return {
        "benchmark": "online",
        "machine": machine(),
        "engine": base.core.engine,
        "peer": peer,
        "classifier": unseen.name,
        "stream": {
            "messages": len(stream.items),
            "spam": stream.spam,
            "undated": stream.undated,
        },
        "as_delivered": _side_by_side(settings, stream, unseen, say),
        "without_received": _side_by_side(settings, stream.without_received(), None, say),
    }


def _side_by_side(
    settings: Settings, stream: DatedStream, unseen: UnseenClassifiers | None, say: Say
) -> dict[str, Any]:
    count = len(stream.items)
    scores: dict[str, Scores] = {}
    cpu_us: dict[str, float] = {}

    def run(name: str, subject: Filter[Any]) -> None:
        say(name)
        scores[name] = scores_of(immediate(stream.items, subject))

    for name, parts in ALONE.items():
        spent = Spent()
        run(name, Subject(open_offline(settings, parts, stage=spent.end), spent))
        cpu_us[name] = sum(spent.seconds.values()) / count * 1e6
    if unseen is not None:
        spent = Spent()
        run(_WHOLE, WholeSystem(open_offline(settings, stage=spent.end), unseen, spent))
        cpu_us[_WHOLE] = sum(spent.seconds.values()) / count * 1e6
    with bogofilter() as peer:
        run(_PEER, peer)
        cpu_us[_PEER] = peer.cpu_seconds / count * 1e6
    start = _one_class(scores[_PEER])
    begun = {name: found.part(start) for name, found in scores.items()}
    return {
        "filters": {
            name: {**ranking(found), "cpu_us": round(cpu_us[name], 1)}
            for name, found in scores.items()
        },
        "against_the_peer": _against(scores),
        "one_class_start": start,
        "once_both_seen": {name: ranking(found) for name, found in begun.items()},
        "against_the_peer_once_both_seen": _against(begun),
        f"after_{_EARLY}": {name: ranking(found.part(_EARLY)) for name, found in scores.items()},
    }


def _one_class(scores: Scores) -> int:
    """Return after how many messages a filter has seen a label of either class."""
    return 1 + max(int(np.argmax(scores.spam)), int(np.argmax(~scores.spam)))


def _against(scores: Mapping[str, Scores]) -> dict[str, dict[str, dict[str, float]]]:
    spam = scores[_PEER].spam
    if not spam.any() or spam.all():
        return {}
    return {
        name: paired(found, scores[_PEER], _ROUNDS)
        for name, found in scores.items()
        if name != _PEER
    }
