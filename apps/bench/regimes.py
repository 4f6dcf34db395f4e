"""`weir bench online --regimes`: labels that come late, rarely, one-sidedly and wrongly."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from copy import deepcopy
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apps.bench.dated_stream import DatedStream, read_dated_stream
from apps.bench.machine import machine
from apps.bench.rehearsed import Rehearsal
from apps.bench.unseen import WholeSystem, train_unseen
from apps.evaluation import bogofilter, spamprobe
from apps.evaluation.ahead import Ahead, Peer
from apps.evaluation.bogofilter import PeerMissingError
from apps.evaluation.comparison import paired
from apps.evaluation.figures import ranking
from apps.evaluation.noise import list_of
from apps.evaluation.parts import open_offline
from apps.evaluation.plan import Asked, Plan, plan
from apps.evaluation.protocol import Filter, Outcome, run, scores_of
from streams.settings import Settings

__all__ = ["FIRST", "REGIMES", "measure_regimes"]

FIRST = 2_000
"""Messages that are all labelled where a regime begins with labels."""
_FROZEN, _HELD = "first 2,000", ("reports", "list")
_WEIR = "weir"
_ROUNDS = 1_000

REGIMES: Mapping[str, Asked] = {
    "immediate": Asked(),
    "1,000 late": Asked("delayed:1000"),
    "partial 10 %": Asked("partial:10"),
    "audit 200": Asked("audit:200"),
    "reports": Asked("reports", first=FIRST),
    "noise 5 %": Asked(noise="5"),
    "list": Asked("reports", noise="list:40", first=FIRST),
    _FROZEN: Asked(frozen_after=FIRST),
}
"""What is measured, by name; the last is what the learning of `reports` and `list` has to beat."""

Say = Callable[[str], None]
Opened = Callable[[], AbstractContextManager[Peer]]


def measure_regimes(settings: Settings, corpora: Path, *, say: Say) -> dict[str, Any]:
    """Return what each filter does in each regime on the SpamAssassin corpus in order of date.

    Weir with all its parts, each message judged by a classifier that hasn't seen it; a peer that
    isn't installed is left out, and said. Raises FileNotFoundError without the corpus.
    """
    peers, missing = _peers(say)
    base = open_offline(settings, ())
    stream = read_dated_stream(corpora, base.core.context.limits)
    spam = [item.entry.spam for item in stream.items]
    lists = [list_of(item.incoming.raw) for item in stream.items]
    plans = {name: plan(asked, spam, lists) for name, asked in REGIMES.items()}
    say(f"{len(stream.items):,} messages, {plans['list'].listed:,} ham of the busiest list")
    found: dict[str, dict[str, list[Outcome]]] = {name: {} for name in REGIMES}
    # Peers are processes of their own, which Weir's own work needn't wait for.
    pool = ThreadPoolExecutor(cpu_count() or 1)
    with ExitStack() as stack:
        stack.callback(pool.shutdown, cancel_futures=True)  # nobody waits for them after an error
        judged = {
            (name, peer): pool.submit(_run_peer, stream, opened, planned)
            for name, planned in plans.items()
            for peer, (_, opened) in peers.items()
        }
        unseen = train_unseen(corpora, stream.items, base.core, say)
        rehearsal = Rehearsal(settings, stream.items)
        for name, planned in plans.items():
            say(f"{_WEIR}: {name}")
            weir = WholeSystem(
                rehearsal.offline(), unseen, lasting=planned.lasting, recipe=planned.recipe
            )
            found[name][_WEIR] = _run(stream, weir, planned)
        for (name, peer), outcomes in judged.items():
            say(f"{peer}: {name}")
            found[name][peer] = outcomes.result()
    return {
        "benchmark": "regimes",
        "machine": machine(),
        "engine": base.core.engine,
        "peers": {name: version for name, (version, _) in peers.items()},
        "left_out": missing,
        "classifier": unseen.name,
        "stream": {
            "messages": len(stream.items),
            "spam": stream.spam,
            "listed": plans["list"].listed,
            "labelled_first": FIRST,
        },
        "regimes": {
            name: {who: _figures(outcomes) for who, outcomes in by_filter.items()}
            for name, by_filter in found.items()
        },
        "against_frozen": {
            name: {
                who: _against(outcomes, found[_FROZEN][who])
                for who, outcomes in found[name].items()
            }
            for name in _HELD
        },
    }


def _peers(say: Say) -> tuple[dict[str, tuple[str, Opened]], dict[str, str]]:
    found: dict[str, tuple[str, Opened]] = {}
    missing = {}
    for name, version_of, opened in (
        ("bogofilter", bogofilter.version_of, bogofilter.bogofilter),
        ("spamprobe", spamprobe.version_of, spamprobe.spamprobe),
    ):
        try:
            found[name] = (version_of(), opened)
        except PeerMissingError as error:
            say(f"left out: {error}")
            missing[name] = str(error)
    return found, missing


def _run(stream: DatedStream, subject: Filter[Any], planned: Plan) -> list[Outcome]:
    regime = deepcopy(planned.regime)  # each filter has an audit's budget to itself
    return list(run(stream.items, subject, regime, until=planned.until, settled=planned.settled))


def _run_peer(stream: DatedStream, opened: Opened, planned: Plan) -> list[Outcome]:
    with opened() as peer, TemporaryDirectory(prefix="weir-bench-") as folder:
        return _run(stream, Ahead(peer, stream.items, Path(folder)), planned)


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures of the whole stream, and of what came after the first messages."""
    later = outcomes[FIRST:]
    return {
        "labels": sum(it.taught for it in outcomes),
        **ranking(scores_of(outcomes)),
        "later": {**ranking(scores_of(later)), **_errors(later)},
    }


def _errors(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the filter's own threshold, set beforehand, junks of ham and lets in of spam."""
    ham = [it.opinion.delivered for it in outcomes if not it.spam]
    spam = [it.opinion.delivered for it in outcomes if it.spam]
    return {
        "ham_junked": len(ham) - sum(ham),
        "spam_delivered_pct": 100 * sum(spam) / len(spam) if spam else None,
    }


def _against(outcomes: Sequence[Outcome], frozen: Sequence[Outcome]) -> dict[str, Any]:
    """Return how far later figures lie below those of the frozen filter, in pairs."""
    here, there = outcomes[FIRST:], frozen[FIRST:]
    now, then = scores_of(here), scores_of(there)
    junked, before = _errors(here)["ham_junked"], _errors(there)["ham_junked"]
    both = bool(now.spam.any()) and not now.spam.all()
    return {
        **(paired(now, then, _ROUNDS) if both else {}),
        "ham_junked": {"here": junked, "frozen": before, "at_most_doubled": junked <= 2 * before},
    }
