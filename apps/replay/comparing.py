"""Two runs compared message by message: memory grows with labels and domains, not with mail.

Parts of a run make a `Comparing` each, in processes of their own or before and after an
interruption; merged they are the one that a single pass makes.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Final, Literal

import msgspec

from apps.quality.truths import Truth
from apps.replay.comparison import (
    BINS,
    Change,
    Comparison,
    Flow,
    Moved,
    Scores,
    Slice,
    Threshold,
    Untold,
)
from apps.replay.consequence import STOPPED, consequence_of, gravity, is_harsher, level
from apps.replay.digest import RunDigest
from apps.replay.effects import Outcomes, curves, effects
from detectors.actions import ACTIONS, MICRO
from detectors.basis import Basis
from detectors.record import encode
from detectors.verdict import Verdict

__all__ = ["Comparing"]

_MOST_DOMAINS: Final = 100_000  # that are counted apart
_TOLD_DOMAINS: Final = 50
_SIGNALS: Final = 6  # told of a change
_KINDS: Final = 100  # of what is missing; the rest goes under one name
_OTHERS: Final = "(others)"

_Said = Literal["ham", "abuse", ""]


class Comparing(msgspec.Struct):
    """Counts of messages that were judged twice; `top`: how many changes are told, the gravest.

    `labelled` has logits before and after (millionths) and whether it is abuse. The keys of
    `flows` are actions before and after, those of `outcomes` truth and levels (consequence.level),
    those of `histograms` truth, run and bin, as words: JSON knows no others. A slice has
    comparison.Slice's numbers in order.
    """

    top: int = 100
    messages: int = 0
    compared: int = 0
    by_mail: int = 0
    other_engine: int = 0
    scores_changed: int = 0
    flows: dict[str, int] = {}
    untold: dict[str, int] = {}
    unread: dict[str, int] = {}
    shadow: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    tenants: dict[str, list[int]] = {}
    domains: dict[str, list[int]] = {}
    histograms: dict[str, int] = {}
    labelled: list[tuple[int, int, bool]] = []
    changes: list[Change] = []
    since: datetime | None = None
    until: datetime | None = None
    digest_before: str = RunDigest().hex
    digest_after: str = RunDigest().hex

    def miss(self, reason: str) -> None:
        """Add something that the source couldn't give."""
        _bounded(self.unread, reason)

    def leave(self, what: str) -> None:
        """Count a message of which nothing can be said, for want of this."""
        self.messages += 1
        _bounded(self.untold, what)

    def add(
        self,
        event: str,
        before: tuple[Verdict, bytes],
        after: Verdict,
        truth: Truth | None = None,
        *,
        by_mail: bool = False,
    ) -> None:
        """Count a message judged twice; `event` is its ce_id, `before` has the verdict's bytes."""
        earlier, value = before
        self.digest_before = _with(self.digest_before, event, value)
        self.digest_after = _with(self.digest_after, event, encode(after))
        self.messages += 1
        self.compared += 1
        self.by_mail += by_mail
        self.other_engine += earlier.engine != after.engine
        self.scores_changed += earlier.logit != after.logit
        _count(self.flows, f"{earlier.action} {after.action}")
        for name in after.shadow:
            _count(self.shadow, name)
        self._span(earlier.received_at, earlier.received_at)
        said: _Said = "" if truth is None else "abuse" if truth.abuse else "ham"
        self._score(earlier.logit, after.logit, said)
        self._slice(earlier, after, said)
        if said:
            levels = f"{level(earlier.action)} {level(after.action)}"
            _count(self.outcomes, f"{said} {levels}")
        if earlier.action != after.action:
            self._keep([_change(event, earlier, after, truth, said)])

    def merge(self, other: "Comparing") -> None:
        """Add all that another part of the run has counted."""
        for name in ("messages", "compared", "by_mail", "other_engine", "scores_changed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("flows", "shadow", "outcomes", "histograms"):
            for key, number in getattr(other, name).items():
                _count(getattr(self, name), key, number)
        for reasons, its_ in ((self.untold, other.untold), (self.unread, other.unread)):
            for what, number in its_.items():
                _bounded(reasons, what, number)
        for slices, its in ((self.tenants, other.tenants), (self.domains, other.domains)):
            for name, numbers in its.items():
                _add(slices, name, numbers)
        self.labelled.extend(other.labelled)
        if other.since is not None and other.until is not None:
            self._span(other.since, other.until)
        self.digest_before = _sum(self.digest_before, other.digest_before)
        self.digest_after = _sum(self.digest_after, other.digest_after)
        self._keep(other.changes)

    def comparison(
        self,
        asked: tuple[str, ...],
        *,
        before: str = "recorded",
        after: str = "what-if",
        interrupted: bool = False,
    ) -> Comparison:
        """Return what is known so far; `asked` and the names of the runs are only words."""
        flows = _flows(self.flows)
        changed = sum(it.messages for it in flows if it.before != it.after)
        harsher = sum(it.messages for it in flows if is_harsher(it.before, it.after))
        outcomes = _outcomes(self.outcomes)
        logits = sorted(self.labelled)
        domains = [it for it in _slices(self.domains) if it.changed]
        return Comparison(
            asked=asked,
            before=before,
            after=after,
            since=self.since,
            until=self.until,
            messages=self.messages,
            compared=self.compared,
            by_mail=self.by_mail,
            other_engine=self.other_engine,
            changed=changed,
            scores_changed=self.scores_changed,
            harsher=harsher,
            milder=changed - harsher,
            labelled_ham=sum(n for (said, *_), n in outcomes.items() if said == "ham"),
            labelled_abuse=sum(n for (said, *_), n in outcomes.items() if said == "abuse"),
            flows=flows,
            changes=tuple(sorted(self.changes, key=_gravity)[: self.top]),
            effects=effects(outcomes) if outcomes else (),
            tenants=tuple(_slices(self.tenants)),
            domains=tuple(domains[:_TOLD_DOMAINS]),
            scores=self._distributions(),
            curves=curves(logits),
            shadow=dict(sorted(self.shadow.items())),
            untold=tuple(Untold(what, n) for what, n in sorted(self.untold.items())),
            unread=tuple(Untold(what, n) for what, n in sorted(self.unread.items())),
            digest_before=self.digest_before,
            digest_after=self.digest_after,
            interrupted=interrupted,
        )

    def _score(self, before: int | None, after: int | None, said: _Said) -> None:
        if before is None or after is None:
            return
        for of in ("all", said):
            if of:
                _count(self.histograms, f"{of} before {_bin(before)}")
                _count(self.histograms, f"{of} after {_bin(after)}")
        if said:
            self.labelled.append((before, after, said == "abuse"))

    def _slice(self, before: Verdict, after: Verdict, said: _Said) -> None:
        changed = before.action != after.action
        harsher = changed and is_harsher(before.action, after.action)
        stopped = [level(action) >= STOPPED for action in (before.action, after.action)]
        ham, abuse = said == "ham", said == "abuse"
        numbers = [1, int(harsher), int(changed and not harsher)]
        numbers += [int(ham and it) for it in stopped]
        numbers += [int(abuse and not it) for it in stopped]
        _add(self.tenants, before.tenant, numbers)
        _add(self.domains, before.from_domain, numbers)

    def _span(self, first: datetime, last: datetime) -> None:
        self.since = first if self.since is None else min(first, self.since)
        self.until = last if self.until is None else max(last, self.until)

    def _keep(self, changes: Iterable[Change]) -> None:
        self.changes.extend(changes)
        if len(self.changes) > 2 * self.top:
            self.changes = sorted(self.changes, key=_gravity)[: self.top]

    def _distributions(self) -> tuple[Scores, ...]:
        found = self.histograms
        bins = range(len(BINS) - 1)
        whose: tuple[Literal["all", "ham", "abuse"], ...] = ("all", "ham", "abuse")
        return tuple(
            Scores(
                of,
                tuple(found.get(f"{of} before {at}", 0) for at in bins),
                tuple(found.get(f"{of} after {at}", 0) for at in bins),
            )
            for of in whose
            if any(key.startswith(of) for key in found)
        )


def _flows(counts: dict[str, int]) -> tuple[Flow, ...]:
    """Return the flows in the actions' order."""
    return tuple(
        Flow(was, now, counts[f"{was} {now}"])
        for was in ACTIONS
        for now in ACTIONS
        if f"{was} {now}" in counts
    )


def _outcomes(counts: dict[str, int]) -> Outcomes:
    found: Outcomes = {}
    for key, number in counts.items():
        said, before, after = key.split()
        found[said, int(before), int(after)] = number
    return found


def _change(
    event: str, before: Verdict, after: Verdict, truth: Truth | None, said: _Said
) -> Change:
    known = isinstance(before.basis, Basis) and before.basis.known_correspondent
    was = {signal.name: signal.contribution for signal in before.signals}
    now = {signal.name: signal.contribution for signal in after.signals}
    moved = [
        Moved(name, was.get(name), now.get(name))
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    moved.sort(key=lambda it: (-abs((it.after or 0) - (it.before or 0)), it.name))
    earlier, later = ({it.name for it in verdict.overrides} for verdict in (before, after))
    return Change(
        event=event,
        id=before.id,
        tenant=before.tenant,
        direction=before.direction,
        received_at=before.received_at,
        from_domain=before.from_domain,
        before=before.action,
        after=after.action,
        score_before=before.score,
        score_after=after.score,
        class_before=before.class_,
        class_after=after.class_,
        consequence=consequence_of(before.action, after.action, said, known=known),
        truth=said,
        said_by="" if truth is None else truth.source,
        known_correspondent=known,
        moved=tuple(moved[:_SIGNALS]),
        thresholds=tuple(
            Threshold(action, before.thresholds.get(action), after.thresholds.get(action))
            for action in ACTIONS
            if before.thresholds.get(action) != after.thresholds.get(action)
        ),
        gained=tuple(it.name for it in after.overrides if it.name not in earlier),
        lost=tuple(it.name for it in before.overrides if it.name not in later),
    )


def _gravity(change: Change) -> tuple[int, float, str]:
    rank = gravity(change.consequence, change.before, change.after, change.score_before)
    return (*rank, change.event)


def _with(digest: str, event: str, value: bytes) -> str:
    run = RunDigest(digest)
    run.add(event, value)
    return run.hex


def _sum(digest: str, other: str) -> str:
    run = RunDigest(digest)
    run.merge(RunDigest(other))
    return run.hex


def _bin(logit: int) -> int:
    return min(max(bisect_right(BINS, logit / MICRO) - 1, 0), len(BINS) - 2)


def _count(counts: dict[str, int], key: str, number: int = 1) -> None:
    counts[key] = counts.get(key, 0) + number


def _bounded(counts: dict[str, int], key: str, number: int = 1) -> None:
    _count(counts, key if key in counts or len(counts) < _KINDS else _OTHERS, number)


def _add(slices: dict[str, list[int]], name: str, numbers: list[int]) -> None:
    if name not in slices and len(slices) >= _MOST_DOMAINS:
        name = _OTHERS
    known = slices.setdefault(name, [0] * len(numbers))
    for at, number in enumerate(numbers):
        known[at] += number


def _slices(slices: dict[str, list[int]]) -> list[Slice]:
    """Return slices, those with the most changes first."""
    found = [Slice(name, *numbers) for name, numbers in slices.items()]
    return sorted(found, key=lambda it: (-it.changed, -it.messages, it.name))
