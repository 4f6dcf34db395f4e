"""The smallest changes that would have changed a verdict's action, found by judging it anew.

Small sets of changes are tried first, each by `detectors.rejudging`, so that what is told is what
the policy, the stack and the models of that time would have decided. Models' margins stay as they
were, whatever a model would have made of the change.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import UnsetType
from msgspec.structs import replace

from detectors.actions import ACTIONS, MICRO, Action
from detectors.basis import Basis
from detectors.catalogue import SPECS
from detectors.changes import Change, Possible, policy_changes, reading_changes
from detectors.deciding import in_force
from detectors.rejudging import Needs, rejudge
from detectors.signals import AbuseClass
from detectors.terms import Terms, prepare
from detectors.verdict import Verdict

__all__ = ["TOGETHER", "WIDTH", "Alternative", "Counterfactual", "counterfactual"]

TOGETHER: Final = 3
"""Changes of one alternative that are tried in all combinations."""

WIDTH: Final = 14
"""Changes that are combined: those that move the sum most."""

_TOLD: Final = 3  # alternatives of each outcome

Side = Literal["milder", "harsher"]
Family = Literal["less", "more", "policy"]
_SIDES: Final[tuple[tuple[Side, bool], ...]] = (("milder", True), ("harsher", False))


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been decided if all of `changes` held: no fewer of them do it.

    `family` says what they change: `less` had spoken, `more` had, or the `policy` were another.
    `moved` is by how much the logit would differ, in millionths.
    """

    family: Family
    action: Action
    class_: AbuseClass = msgspec.field(name="class")
    score: float | None
    moved: int
    changes: tuple[Change, ...]


class Counterfactual(msgspec.Struct, frozen=True, kw_only=True):
    """What would have changed a verdict's action, the smallest changes first.

    `unknown` says why nothing can be told, '' where it can. `tried` counts judgements,
    `untold` those for which the mail would be needed.
    """

    unknown: str = ""
    milder: tuple[Alternative, ...] = ()
    harsher: tuple[Alternative, ...] = ()
    tried: int = 0
    untold: int = 0


class _Tried(NamedTuple):
    """A set of changes and the verdict that they give."""

    changes: tuple[Possible, ...]
    verdict: Verdict
    moved: int


def counterfactual(verdict: Verdict, terms: Terms) -> Counterfactual:
    """Search for what would have changed the action; a function of its arguments, bounded.

    `terms` are those of the recorded verdict: where judging anew by them doesn't give what was
    decided, nothing is told.
    """
    if isinstance(verdict.basis, UnsetType) or verdict.logit is None:
        what = "the message broke the pipeline" if verdict.logit is None else "it has no basis"
        return Counterfactual(unknown=f"{what}: there is nothing to weigh anew")
    search = _Search(verdict, verdict.basis, terms)
    again = search.judge(())
    if isinstance(again, Needs):
        return Counterfactual(unknown=f"the policy reads {', '.join(again.what)} of the mail")
    if (again.action, again.logit) != (verdict.action, verdict.logit):
        return Counterfactual(unknown="judged anew by what is at hand it isn't the same verdict")
    readings = list(reading_changes(verdict, verdict.basis, terms))
    policies = list(policy_changes(verdict, verdict.basis, terms))
    found: dict[Side, tuple[Alternative, ...]] = {}
    for side, lowers in _SIDES:
        fitting = [each for each in readings if _lowers(each, verdict, terms) is lowers]
        less = [each for each in fitting if not each.found]
        more = [each for each in fitting if each.found]
        found[side] = (
            *_told("less", search.through(less, side)),
            *_told("more", search.through(more, side)),
            *_told("policy", search.one_by_one(policies, side)),
        )
    return Counterfactual(
        milder=found["milder"],
        harsher=found["harsher"],
        tried=search.tried,
        untold=search.untold,
    )


class _Search:
    """Tries sets of changes on one verdict, and counts."""

    def __init__(self, verdict: Verdict, basis: Basis, terms: Terms) -> None:
        self.tried = 0
        self.untold = 0
        self._verdict = verdict
        self._basis = basis
        self._terms = terms
        self._worst = _severity(verdict, terms)

    def judge(self, changes: Sequence[Possible]) -> Verdict | Needs:
        """Judge the verdict anew with these changes."""
        basis, policy, terms = self._basis, self._terms.policy, self._terms
        for change in changes:
            basis = change.on(basis)
            policy = change.policy(policy) if change.policy else policy
        if policy is not terms.policy:
            terms = prepare(policy, terms.policy_digest, terms.stack, terms.context, terms.engine)
        # What a rule said then holds only while all that it read is as it was.
        before = None if any(change.results for change in changes) else self._terms.policy
        return rejudge(replace(self._verdict, basis=basis), terms, before=before)

    def one_by_one(self, changes: Iterable[Possible], side: Side) -> list[_Tried]:
        """Try each change by itself; return those that change the action to this side."""
        tried = (self._try((change,)) for change in changes)
        return [each for each in tried if each and self._is_on(each, side)]

    def through(self, changes: Sequence[Possible], side: Side) -> list[_Tried]:
        """Try each change and sets of a few; return what no smaller set of them does as well."""
        singles = [each for change in changes if (each := self._try((change,)))]
        found = [each for each in singles if self._is_on(each, side)]
        found = _without_explained(found)
        # Whatever shifts the sum the wrong way, or not at all, is no part of a smallest set.
        widest = sorted(singles, key=lambda each: -abs(each.moved))
        several = _apart([each.changes[0] for each in widest if each.moved])[:WIDTH]
        for size in range(2, TOGETHER + 1):
            if self._is_far(found, side):
                return found
            for some in combinations(several, size):
                if _overlap(some) or not self._adds(some, found, side):
                    continue
                tried = self._try(some)
                if tried and self._is_on(tried, side) and self._is_new(tried, found, side):
                    found.append(tried)
        if self._is_far(found, side):
            return found
        return found + self._all_at_once([each.changes[0] for each in widest], side)

    def _all_at_once(self, changes: Sequence[Possible], side: Side) -> list[_Tried]:
        """Try everything together, and leave out what it doesn't take, one after the other."""
        left = [each for each in changes if each.change.kind not in {"also", "group"}]
        best = self._try(tuple(left))
        if best is None or not self._is_on(best, side):
            return []
        for change in reversed(left[:]):
            fewer = tuple(each for each in best.changes if each is not change)
            tried = self._try(fewer)
            if tried and self._level(tried) == self._level(best):
                best = tried
        return [best] if len(best.changes) > TOGETHER else []

    def _try(self, changes: tuple[Possible, ...]) -> _Tried | None:
        self.tried += 1
        verdict = self.judge(changes)
        if isinstance(verdict, Needs):
            self.untold += 1
            return None
        assert verdict.logit is not None
        assert self._verdict.logit is not None
        return _Tried(changes, verdict, verdict.logit - self._verdict.logit)

    def _level(self, tried: _Tried) -> int:
        return ACTIONS.index(tried.verdict.action)

    def _is_on(self, tried: _Tried, side: Side) -> bool:
        was = ACTIONS.index(self._verdict.action)
        return self._level(tried) < was if side == "milder" else self._level(tried) > was

    def _is_far(self, found: Iterable[_Tried], side: Side) -> bool:
        """Say whether an alternative goes as far as any can."""
        levels = [self._level(each) for each in found]
        if side == "milder":
            return 0 in levels or self._verdict.action == "accept"
        return max([ACTIONS.index(self._verdict.action), *levels]) >= self._worst

    def _adds(self, some: Sequence[Possible], found: Iterable[_Tried], side: Side) -> bool:
        """Say whether no part of a set goes as far as any can already."""
        return not any(
            set(each.changes) <= set(some) and self._is_far((each,), side) for each in found
        )

    def _is_new(self, tried: _Tried, found: Iterable[_Tried], side: Side) -> bool:
        """Say whether no part of a set does as much."""
        sign = 1 if side == "milder" else -1
        return not any(
            set(each.changes) < set(tried.changes)
            and sign * self._level(each) <= sign * self._level(tried)
            for each in found
        )


def _severity(verdict: Verdict, terms: Terms) -> int:
    """Return the place of the harshest action that a score can give under these terms."""
    bands = terms.bands[verdict.direction, verdict.class_]
    worst = bands.decide(100 * MICRO, 99)
    return ACTIONS.index(in_force(worst, terms.policy)[0])


def _lowers(change: Possible, verdict: Verdict, terms: Terms) -> bool:
    """Say whether a change of the readings can only lower the sum; else it can only raise it."""
    if change.found:
        return terms.stack.in_force(change.found[0].name) < 0
    spoke = {signal.name: signal.contribution for signal in verdict.signals}
    return sum(spoke.get(name, 0) for name in change.touches) > 0


def _overlap(some: Sequence[Possible]) -> bool:
    """Say whether two changes of a set move the same signal."""
    touched = [name for change in some for name in change.touches]
    return len(touched) != len(set(touched))


def _apart(changes: Sequence[Possible]) -> list[Possible]:
    """Return the changes to combine: of signals that would speak too, one a group."""
    kept: list[Possible] = []
    groups: set[str] = set()
    for change in changes:
        if change.found:
            group = SPECS[change.found[0].name].group
            if group in groups:
                continue
            groups.add(group)
        kept.append(change)
    return kept


def _without_explained(found: Sequence[_Tried]) -> list[_Tried]:
    """Leave out a group where a fact, or one of its signals, does it."""
    alone = {
        name
        for each in found
        if each.changes[0].change.kind in {"fact", "signal"}
        for name in each.changes[0].without
    }
    return [
        each
        for each in found
        if each.changes[0].change.kind != "group" or not each.changes[0].without & alone
    ]


def _told(family: Family, found: Sequence[_Tried]) -> Iterator[Alternative]:
    """Yield alternatives, fewest and smallest changes first, some of each action."""
    counts: Counter[Action] = Counter()
    groups: set[tuple[Action, str]] = set()
    for each in sorted(found, key=_effort):
        verdict = each.verdict
        added = [SPECS[it.found[0].name].group for it in each.changes if it.found]
        # One signal of a group that would be enough stands for all that would.
        if counts[verdict.action] >= _TOLD or any((verdict.action, it) in groups for it in added):
            continue
        counts[verdict.action] += 1
        groups.update((verdict.action, it) for it in added)
        yield Alternative(
            family=family,
            action=verdict.action,
            class_=verdict.class_,
            score=verdict.score,
            moved=each.moved,
            changes=tuple(it.change for it in each.changes),
        )


def _effort(tried: _Tried) -> tuple[int, int, int, int, tuple[str, ...]]:
    """Rank by how many changes it takes, what kind they are, and by how much they move the sum."""
    kinds = max(_ORDER[each.change.kind] for each in tried.changes)
    names = tuple(each.change.name for each in tried.changes)
    touched = len(frozenset().union(*(each.touches for each in tried.changes)))
    return len(tried.changes), kinds, touched, abs(tried.moved), names


_ORDER: Final = {
    "fact": 0,
    "signal": 1,
    "model": 1,
    "group": 2,
    "also": 3,
    "rule": 0,
    "list": 1,
    "mode": 1,
    "threshold": 2,
}
