"""Folds that keep near-duplicates, and templates of one family, on the same side."""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["assign_folds", "cluster", "later"]


def cluster(keys: Sequence[Iterable[Hashable]]) -> NDArray[np.intp]:
    """Return a cluster number for each message: those that share any key, directly or by others.

    Keys are whatever makes two messages one piece of work: a fingerprint, a body's digest, a
    template's family. Numbers count up from 0 in order of first appearance.
    """
    parents = list(range(len(keys)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[Hashable, int] = {}
    for index, own in enumerate(keys):
        for key in own:
            left, right = root(first.setdefault(key, index)), root(index)
            parents[max(left, right)] = min(left, right)
    numbers: dict[int, int] = {}
    return np.array(
        [numbers.setdefault(root(index), len(numbers)) for index in range(len(keys))], dtype=np.intp
    )


def assign_folds(
    clusters: NDArray[np.intp], strata: Sequence[str], count: int, seed: int
) -> NDArray[np.intp]:
    """Return a fold number in [0, count) for each message; a cluster is never split.

    Clusters are dealt out largest first, those of one size in an order drawn from the seed, each
    to the fold that has the fewest messages of the cluster's commonest stratum (then the fewest
    of all), so that each fold has its share of every source.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(clusters):
        members[int(number)].append(index)
    order = sorted(members, key=lambda number: (-len(members[number]), _draw(seed, number)))
    held: list[dict[str, int]] = [defaultdict(int) for _ in range(count)]
    folds = np.zeros(len(clusters), dtype=np.intp)
    for number in order:
        own = [strata[index] for index in members[number]]
        stratum = max(sorted(set(own)), key=own.count)
        fold = min(range(count), key=lambda k: (held[k][stratum], sum(held[k].values()), k))
        for index, name in zip(members[number], own, strict=True):
            folds[index] = fold
            held[fold][name] += 1
    return folds


def later(
    clusters: NDArray[np.intp], times: NDArray[np.float64], share: float
) -> NDArray[np.bool_]:
    """Return which messages are the newest `share`, and of no campaign that began before them.

    A cluster is as old as its first message: what goes on from earlier days isn't later mail. Mail
    without a time (NaN) counts as old. All arrays have shape (n,).
    """
    known = times[~np.isnan(times)]
    if not len(known):
        return np.zeros(len(clusters), dtype=np.bool_)
    cut = np.quantile(known, 1 - share)
    old = np.where(np.isnan(times), -np.inf, times)
    first = np.full(clusters.max(initial=0) + 1, np.inf)
    np.minimum.at(first, clusters, old)
    return np.asarray(first[clusters] > cut)


def _draw(seed: int, number: int) -> bytes:
    return hashlib.sha256(f"{seed}:{number}".encode()).digest()
