"""What stands of the labels that one message was given, and what that moves.

A label is weighed once, when it is heard (models.hearing): its reporter's reputation, the day's cap
and the veto are those of that moment, and are kept with it. What stands is a pure fold of what was
heard, so that taking a label back gives exactly what would stand had it never come, whatever its
reporter has become worth since. `change` of two standings says what counts and reports change.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, Literal, NamedTuple

import msgspec

from features.reported import Report, who_is
from models.hearing import Voice, words_of
from models.label import Given, Source, Truth
from models.trust import RANKS, TRUSTED

__all__ = [
    "KINDS_OF",
    "NOTHING",
    "Change",
    "Count",
    "Standing",
    "change",
    "standing",
]

About = Literal["sender", "content", "pair", "account"]

KINDS_OF: Final[dict[About, frozenset[str]]] = {
    "sender": frozenset({"domain", "address", "ip", "network", "account"}),
    "content": frozenset({"content", "link", "attachment"}),
    "pair": frozenset({"pair"}),
    "account": frozenset({"account"}),
}
"""Kinds of entities (features.rolling.KINDS) that a count is about."""
_RANK: Final = attrgetter("rank")


class Count(NamedTuple):
    """One label's worth of a counter: spam or ham of all entities of KINDS_OF[about].

    `reporter` names whose own pair it is; '' for those of all recipients.
    """

    about: About
    abuse: bool
    reporter: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands of a message's labels.

    `abuse`, `truth`, `source` and `weight` are of the strongest label of the side that prevails,
    None, None, '' and 0 where none does; `reporters` are those of that side. `shared`: it moves
    what others share with the message, too. `teaches`: models may learn it. `contested`: as much
    speaks for as against; nothing is moved until somebody decides. `vetoed` says why reports aren't
    believed of the sender, '' where they are: an analyst should look.
    `credits` say of each user who spoke before a trusted label whether that agreed.
    """

    abuse: bool | None = None
    truth: Truth | None = None
    source: Source | Literal[""] = ""
    weight: float = 0.0
    reporters: int = 0
    shared: bool = False
    teaches: bool = False
    contested: bool = False
    vetoed: str = ""
    counts: frozenset[Count] = frozenset()
    reports: tuple[Report, ...] = ()
    spares_sender: frozenset[str] = frozenset()
    credits: frozenset[tuple[bytes, bool]] = frozenset()

    def reports_of(self, kind: str) -> tuple[Report, ...]:
        """Return the reports that are kept with entities of a kind: a veto spares the sender."""
        if kind not in KINDS_OF["sender"] or not self.spares_sender:
            return self.reports
        return tuple([it for it in self.reports if it.label not in self.spares_sender])


NOTHING: Final = Standing()
"""What stands of a message that nobody labelled."""


class Change(NamedTuple):
    """What a label changes: counts that come and go, reputations, and the reports as they now are.

    `credits` are (who, agreed, disagreed) to add; `taught`: what models should have learned of the
    message is something else now.
    """

    more: frozenset[Count]
    less: frozenset[Count]
    credits: tuple[tuple[bytes, int, int], ...]
    reports: bool
    taught: bool


def standing(voices: Iterable[Voice], until: int | None = None) -> Standing:
    """Fold what was heard of a message, in any order, into what stands.

    `until`: only labels at or below this offset. A reporter counts once, by the latest word of
    their highest rank; ranks come before weights, and weights before numbers.
    """
    words = words_of(voices, until)
    wide = [it for it in words if it.reach in ("content", "all") and it.weight > 0]
    shared = _decide(wide)
    winners = [it for it in wide if it.abuse == shared] if shared is not None else []
    trusted = bool(winners) and max(map(_RANK, winners)) >= RANKS["trap"]
    teachers = winners if trusted else [it for it in words if it.teaches and it.weight > 0]
    taught = shared if trusted else _decide(teachers)
    contested = bool(wide) and shared is None
    # What users say of a message that others report must not teach the opposite of what counts.
    teaches = taught is not None and not contested and shared in (None, taught)
    teaches = teaches and any(it.teaches for it in teachers if it.abuse == taught)
    abuse = None if contested else shared if shared is not None else taught
    side = [it for it in (winners or teachers) if it.abuse == abuse]
    lead = max(side, key=_strength, default=None)
    vetoed = [it for it in words if it.vetoed]
    decided = any(it.given.source == "analyst" for it in winners)
    return Standing(
        abuse=abuse,
        truth=lead.given.truth if lead else None,
        source=lead.given.source if lead else "",
        weight=lead.weight if lead else 0.0,
        reporters=len(side),
        shared=shared is not None,
        teaches=teaches,
        contested=contested,
        vetoed=vetoed[0].why if vetoed and not decided else "",
        counts=frozenset(_counts(words, winners, trusted=trusted)),
        reports=tuple([_report(it) for it in winners]),
        spares_sender=frozenset([_label(it.given) for it in winners if it.reach == "content"]),
        credits=frozenset(_credits(winners) if trusted else ()),
    )


def change(before: Standing, after: Standing) -> Change:
    """Return what is to be changed where `after` takes the place of `before`."""
    credited: dict[bytes, list[int]] = {}
    for side, amount in ((before, -1), (after, 1)):
        for who, agreed in side.credits:
            credited.setdefault(who, [0, 0])[0 if agreed else 1] += amount
    taught = [(s.abuse, s.source, s.weight) if s.teaches else None for s in (before, after)]
    return Change(
        after.counts - before.counts,
        before.counts - after.counts,
        tuple(sorted((who, good, bad) for who, (good, bad) in credited.items() if good or bad)),
        (before.reports, before.spares_sender) != (after.reports, after.spares_sender),
        taught[0] != taught[1],
    )


def _decide(voices: Sequence[Voice]) -> bool | None:
    """Return the side of the highest rank that isn't at odds with itself; None where it is."""
    if not voices:
        return None
    top = max(map(_RANK, voices))
    sums = {False: 0.0, True: 0.0}
    for voice in voices:
        if voice.rank == top:
            sums[voice.abuse] += voice.weight
    # A sum's last bit may differ with the order of its terms.
    margin = sums[True] - sums[False]
    return None if abs(margin) < 1e-9 else margin > 0


def _counts(words: Iterable[Voice], winners: Sequence[Voice], *, trusted: bool) -> Iterable[Count]:
    if winners:
        abuse = winners[0].abuse
        counted = [it for it in winners if it.counted]
        if counted:
            yield Count("content", abuse)
        if any(it.reach == "all" for it in counted):
            yield Count("sender", abuse)
        if trusted:
            yield Count("pair", abuse)
    for voice in words:
        given = voice.given
        if voice.weight <= 0 or voice.reach == "nothing" or given.source in TRUSTED:
            continue
        if voice.reach == "account":
            yield Count("account", abuse=True)
        elif not trusted or not voice.teaches:
            yield Count("pair", given.truth != "ham", given.reporter)


def _credits(winners: Iterable[Voice]) -> Iterable[tuple[bytes, bool]]:
    for voice in winners:
        for who, abuse in voice.witnesses:
            yield who, abuse == voice.abuse


def _report(voice: Voice) -> Report:
    given = voice.given
    who = who_is(given.reporter, given.source)
    return Report(_label(given), who, given.source, voice.abuse, voice.weight, given.at)


def _label(given: Given) -> str:
    return given.id[-16:]


def _strength(voice: Voice) -> tuple[int, float, int]:
    return voice.rank, voice.weight, -voice.offset
