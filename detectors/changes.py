"""What could have been otherwise about a message or its policy, as a change of a recorded verdict.

A change of the readings takes findings away, or adds one, or leaves a model undecided; those of
the policy are changes of the policy. What follows of them is for `detectors.rejudging` to say.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from detectors.actions import ACTIONS, MICRO, Action, logit_micro, probability
from detectors.basis import Basis, Found
from detectors.catalogue import SPECS
from detectors.lists import override_of
from detectors.margins import LEARNED, SPOKEN, signal_of
from detectors.policy import ListEntry, Policy
from detectors.terms import Terms
from detectors.verdict import Verdict

__all__ = ["FACTS", "Change", "Fact", "Kind", "Possible", "policy_changes", "reading_changes"]

Kind = Literal["fact", "signal", "group", "model", "also", "threshold", "rule", "list", "mode"]


class Change(msgspec.Struct, frozen=True):
    """One thing that could have been otherwise; `words` go on after "if"."""

    kind: Kind
    name: str
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Possible:
    """A change with what it does to a recorded verdict and to the policy.

    `without` are findings that go, `found` those that come, `undecided` the models whose margin
    is 0, `results` what rules read otherwise. `stands_for` are the signals that the change
    explains, so that they needn't be told beside it.
    """

    change: Change
    without: frozenset[str] = frozenset()
    found: tuple[Found, ...] = ()
    undecided: frozenset[str] = frozenset()
    results: dict[str, str] = field(default_factory=dict)
    policy: Callable[[Policy], Policy] | None = None
    stands_for: frozenset[str] = frozenset()

    @property
    def touches(self) -> frozenset[str]:
        """The signals that it moves, models' among them."""
        added = (each.name for each in self.found)
        return self.without.union(added, map(signal_of, self.undecided))

    def on(self, basis: Basis) -> Basis:
        """Return what a verdict would rest on with this change."""
        kept = tuple(each for each in basis.findings if each.name not in self.without)
        margins = {
            name: 0.0 if name in self.undecided else margin
            for name, margin in basis.margins.items()
        }
        return replace(basis, findings=kept + self.found, margins=margins, **self.results)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about the sender that would have kept signals from speaking, whatever else held.

    `silences` are those for which that is sure: by their own conditions, which a test holds to
    the detectors. `is_its_own` are those that say nothing but that the fact doesn't hold.
    """

    name: str
    words: str
    silences: frozenset[str]
    is_its_own: frozenset[str] = frozenset()
    results: tuple[tuple[str, str], ...] = ()


FACTS: Final = (
    Fact(
        "spf_pass",
        "SPF had passed",
        frozenset({"spf_fail"}),
        frozenset({"spf_fail"}),
        (("spf", "pass"),),
    ),
    Fact(
        "dmarc_pass",
        "DMARC had passed",
        frozenset({"brand_sender_unproven", "correspondent_unproven", "dmarc_fail", "spf_fail"}),
        frozenset({"dmarc_fail"}),
        (("dmarc", "pass"),),
    ),
    Fact(
        "correspondent",
        "a recipient had written to the sender before",
        frozenset(
            {
                "correspondent_lookalike",
                "correspondent_name",
                "first_contact",
                "forged_thread",
                "new_domain_lure",
                "stranger_asks_for_money",
            }
        ),
    ),
    Fact(
        "answers",
        "it had answered a message of a recipient's",
        frozenset(
            {
                "bounce_forged",
                "correspondent_unproven",
                "first_contact",
                "forged_thread",
                "new_domain_lure",
                "stranger_asks_for_money",
            }
        ),
    ),
    Fact(
        "unreported",
        "nobody had reported anything of it",
        frozenset(
            {
                "reported_attachment",
                "reported_content",
                "reported_link",
                "reported_network",
                "reported_sender",
            }
        ),
    ),
)
"""What somebody can look up or bring about, beside single signals."""

_REASON: Final = "Assumed"  # of a finding that wasn't made
_FINAL: Final = ("reject", "discard")


def reading_changes(verdict: Verdict, basis: Basis, terms: Terms) -> Iterator[Possible]:
    """Yield changes of what was read: facts first, then signals, models, groups, and additions."""
    spoke = {signal.name: signal for signal in verdict.signals if signal.contribution}
    told: set[str] = set()
    for fact in FACTS:
        gone = fact.silences & spoke.keys()
        if gone:
            change = Change("fact", fact.name, fact.words)
            yield Possible(
                change, gone, results=dict(fact.results), stands_for=fact.is_its_own & gone
            )
            told |= fact.is_its_own
    groups: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for name, signal in spoke.items():
        if signal.group == LEARNED:
            model = name.removeprefix(f"{LEARNED}_")
            words = f"the {SPOKEN.get(model, model)} had been undecided"
            yield Possible(Change("model", model, words), undecided=frozenset({model}))
            continue
        groups[signal.group, signal.contribution > 0].add(name)
        if name not in told:
            yield Possible(Change("signal", name, f"{name} hadn't spoken"), frozenset({name}))
    for (group, against), names in groups.items():
        if len(names) > 1:
            side = "against" if against else "in favour of"
            words = f"no signal of {group} had spoken {side} it"
            yield Possible(Change("group", group, words), frozenset(names))
    found = {each.name for each in basis.findings}
    for name in SPECS:
        if name not in found and terms.stack.in_force(name):
            words = f"{name} had spoken too"
            yield Possible(Change("also", name, words), found=(Found(name, reason=_REASON),))


def policy_changes(verdict: Verdict, basis: Basis, terms: Terms) -> Iterator[Possible]:
    """Yield changes of the policy: thresholds, what decided over the score, lists, modes."""
    yield from _thresholds(verdict, terms)
    yield from _without_overrides(verdict, terms)
    yield from _with_entries(verdict, basis)
    yield from _modes(verdict, basis, terms.policy)


def _without_overrides(verdict: Verdict, terms: Terms) -> Iterator[Possible]:
    for override in verdict.overrides:
        kind, _, name = override.name.partition(":")
        if kind == "rule":
            change = Change("rule", name, f"the rule {name} weren't in force")
            yield Possible(change, policy=_without_rule(name))
        else:
            change = Change("list", override.name, f"{name} weren't on the {kind} list")
            yield Possible(change, policy=_without_entry(kind, override.name, terms))


def _with_entries(verdict: Verdict, basis: Basis) -> Iterator[Possible]:
    """Yield entries for what is proven of the sender, and against what it claims."""
    proven, claimed = basis.proven_domain, verdict.from_domain
    if proven:
        entry = ListEntry("domain", proven, "accept", _REASON)
        change = Change("list", f"allow:domain:{proven}", f"{proven} were on the allow list")
        yield Possible(change, policy=_with_entry("allow", entry))
    if claimed.isascii() and claimed:
        entry = ListEntry("domain", claimed, "reject", _REASON)
        change = Change("list", f"deny:domain:{claimed}", f"{claimed} were on the deny list")
        yield Possible(change, policy=_with_entry("deny", entry))


def _modes(verdict: Verdict, basis: Basis, policy: Policy) -> Iterator[Possible]:
    """Yield what is held back, in force."""
    if policy.shadow:
        change = Change("mode", "shadow", "the policy weren't in shadow mode")
        yield Possible(change, policy=lambda it: replace(it, shadow=False))
    for name in sorted({each.name for each in basis.findings} & policy.signals.keys()):
        if policy.signals[name].mode != "live":
            yield Possible(Change("mode", name, f"{name} were live"), policy=_made_live(name))
    for rule in policy.rules:
        if f"rule:{rule.name}" in verdict.shadow:
            words = f"the rule {rule.name} were live"
            yield Possible(Change("mode", rule.name, words), policy=_rule_made_live(rule.name))


def _thresholds(verdict: Verdict, terms: Terms) -> Iterator[Possible]:
    """Yield, for each action, that the score just reaches it, or just doesn't any more."""
    assert verdict.logit is not None
    scores = terms.policy.thresholds_for(verdict.direction, verdict.class_)
    ordered = sorted((score, ACTIONS.index(each)) for each, score in scores.items() if score)
    actions = [ACTIONS[place] for _, place in ordered]
    reached = [each for each in actions if logit_micro(scores[each]) <= verdict.logit]
    above, below = _just_above(verdict.logit), _just_below(verdict.logit)
    for place, action in enumerate(reached):
        moved = reached[place:]
        several = "thresholds" if len(moved) > 1 else "threshold"
        where = f"were above {_plain(below)}" if above else "were off"
        words = f"the {several} of {' and '.join(moved)} {where}"
        change = Change("threshold", action, words)
        yield Possible(change, policy=_moved(verdict, dict.fromkeys(moved, above)))
    for action in actions:
        if action not in reached and below:
            words = f"the threshold of {action} were {_plain(below)}"
            change = Change("threshold", action, words)
            yield Possible(change, policy=_moved(verdict, {action: below}))
    if any(action in reached for action in _FINAL) and terms.policy.reject_needs_groups > 1:
        needed = terms.policy.reject_needs_groups
        words = f"reject_needs_groups were 1 and not {needed}"
        change = Change("threshold", "reject_needs_groups", words)
        yield Possible(change, policy=lambda it: replace(it, reject_needs_groups=1))


def _plain(score: float) -> str:
    """Return a threshold as a policy file has it."""
    return f"{score:.6f}".rstrip("0")


def _just_above(logit: int) -> float:
    """Return the lowest threshold (in steps of 1e-6) that a logit misses, 0 (off) for none."""
    step = min(MICRO, max(1, round(probability(logit) * MICRO) - 1))
    while step < MICRO and logit_micro(step / MICRO) <= logit:
        step += 1
    return step / MICRO if step < MICRO else 0.0


def _just_below(logit: int) -> float:
    """Return the highest threshold (in steps of 1e-6) that a logit reaches, 0 for none."""
    step = min(MICRO - 1, round(probability(logit) * MICRO) + 1)
    while step > 0 and logit_micro(step / MICRO) > logit:
        step -= 1
    return step / MICRO


def _moved(verdict: Verdict, thresholds: dict[Action, float]) -> Callable[[Policy], Policy]:
    """Return the policy with other thresholds for mail of this direction, whatever its class."""

    def move(policy: Policy) -> Policy:
        by_class = dict(policy.thresholds.get(verdict.direction, {}))
        for class_ in ("", verdict.class_):
            by_class[class_] = {**by_class.get(class_, {}), **thresholds}
        return replace(policy, thresholds={**policy.thresholds, verdict.direction: by_class})

    return move


def _without_rule(name: str) -> Callable[[Policy], Policy]:
    return lambda it: replace(it, rules=tuple(rule for rule in it.rules if rule.name != name))


def _rule_made_live(name: str) -> Callable[[Policy], Policy]:
    return lambda it: replace(
        it,
        rules=tuple(replace(rule, mode="live") if rule.name == name else rule for rule in it.rules),
    )


def _made_live(name: str) -> Callable[[Policy], Policy]:
    return lambda it: replace(
        it, signals={**it.signals, name: replace(it.signals[name], mode="live")}
    )


def _without_entry(kind: str, name: str, terms: Terms) -> Callable[[Policy], Policy]:
    def remove(policy: Policy) -> Policy:
        listed = policy.deny if kind == "deny" else policy.allow
        kept = tuple(each for each in listed if override_of(kind, each, terms.context).name != name)
        return replace(policy, deny=kept) if kind == "deny" else replace(policy, allow=kept)

    return remove


def _with_entry(kind: Literal["allow", "deny"], entry: ListEntry) -> Callable[[Policy], Policy]:
    if kind == "deny":
        return lambda it: replace(it, deny=(*it.deny, entry))
    return lambda it: replace(it, allow=(*it.allow, entry))
