"""A label weighed as it is heard: what it counts, how far it reaches, and why no further."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final, Literal, NamedTuple

import msgspec

from features.reported import Report, who_is
from models.label import ABUSE, Given, Truth
from models.trust import RANKS, TRUSTED, USERS, Reputation, Trust

__all__ = ["MessageFacts", "Reach", "Voice", "Witness", "hear", "words_of"]

Reach = Literal["nothing", "account", "pair", "content", "all"]
"""How far a label goes: our account alone, its reporter's own pair alone, the content but not the
proven sender, everything that the message touches."""
_NARROW: Final[frozenset[Truth]] = frozenset({"spam", "bulk"})


class MessageFacts(msgspec.Struct, frozen=True, array_like=True):
    """What holds of a labelled message, whoever labels it. Its verdict isn't among it.

    `proven`: DKIM or SPF proves From's own domain. `one_click`: it can be unsubscribed from with
    one click (RFC 8058). `outbound`: one of our users sent it.
    """

    proven: bool = False
    one_click: bool = False
    outbound: bool = False


class Witness(NamedTuple):
    """A user who had spoken before a trusted label came: `who` as in Report."""

    who: bytes
    abuse: bool


class Voice(msgspec.Struct, frozen=True, array_like=True):
    """A label as it was heard, kept with its message.

    `weight` in [0, 1]. `teaches`: the models may learn from it. `why` says, for people, what keeps
    it from reaching further, '' where nothing does. `vetoed`: that is for an analyst to look at.
    `witnesses` are what a trusted label will credit. `counted`: as far as it reaches it moves
    counters of what others share, which models read; else reports alone speak of it there.
    """

    given: Given
    weight: float
    reach: Reach
    teaches: bool
    why: str = ""
    vetoed: bool = False
    witnesses: tuple[Witness, ...] = ()
    counted: bool = False

    @property
    def abuse(self) -> bool:
        """Whether it speaks of abuse."""
        return self.given.truth in ABUSE

    @property
    def rank(self) -> int:
        """Its source's rank (RANKS)."""
        return RANKS[self.given.source]

    @property
    def offset(self) -> int:
        """Its place in mail.labels."""
        return self.given.offset


def hear(  # noqa: PLR0913 - all that it rests on, each by its name
    given: Given,
    facts: MessageFacts,
    trust: Trust,
    *,
    reputation: Reputation = Reputation(),  # noqa: B008 - frozen
    today: int = 0,
    sender_ham: float = 0.0,
    campaign: int = 0,
    earlier: Sequence[Voice] = (),
    siblings: Sequence[Report] = (),
) -> Voice:
    """Weigh a label or a retraction as it comes.

    `reputation` is the reporter's, `today` how many labels they gave before on the day of this
    one's append time. `sender_ham` is how many labels of ham count for the message's sender,
    `campaign` how many labels of users, of this side, its content has taught the models that day.
    `earlier` are those heard of the same message, `siblings` the reports of the same content.
    """
    source, weight = given.source, trust.weight(given.source, reputation)
    if given.truth is None or trust.is_capped(source, today):
        more = f"more than {trust.daily_cap} labels of this reporter on one day"
        return Voice(given, 0.0, "nothing", teaches=False, why=more if given.truth else "")
    room = trust.may_teach(source, campaign)
    vetoed = _is_vetoed(given, facts, sender_ham, trust)
    if source == "analyst" or (source == "trap" and not vetoed):
        wide = given.truth != "unwanted"
        # Whoever sends mail can send it to a trap as well, so a trap's word earns nobody a name.
        witnesses = _witnesses(given, earlier, siblings) if wide and source == "analyst" else ()
        reach: Reach = "all" if wide else "pair"
        return Voice(given, weight, reach, wide and room, witnesses=witnesses, counted=wide)
    if source == "bounce" or (source == "report" and facts.outbound):
        # RFC 6650: what others report of our mail tells of the account that sent it
        return Voice(given, weight, "account", teaches=False)
    narrowings = () if source == "trap" else _narrowings(given, facts, trust, reputation)
    for holds, why, teaches in narrowings:
        if holds:
            return Voice(given, weight, "pair", teaches and room, why)
    # Models take a counter for the truth; of what strangers say only their reports are kept.
    counted = source in TRUSTED or trust.is_earned(reputation)
    if vetoed:
        why = f"{sender_ham:.0f} labels say that this sender's mail is legitimate"
        return Voice(given, weight, "content", False, why, vetoed=True, counted=counted)
    why = "" if room else f"{campaign} labels of this campaign have taught the models today"
    return Voice(given, weight, "all", room, why, counted=counted)


def _narrowings(
    given: Given, facts: MessageFacts, trust: Trust, reputation: Reputation
) -> tuple[tuple[bool, str, bool], ...]:
    """Return what keeps a label to its reporter's own pair: does it hold, why, does it teach."""
    user = given.source in USERS
    return (
        (given.truth == "unwanted", "unwanted by this recipient alone", False),
        (
            # Whoever says "phish" doesn't mean that they have read enough of it.
            given.truth in _NARROW and facts.proven and facts.one_click and not facts.outbound,
            "a proven sender's mail that one click unsubscribes from (RFC 8058)",
            False,
        ),
        (
            user and not trust.is_heard(reputation),
            "this reporter was hardly ever right before",
            False,
        ),
        (
            given.truth == "ham" and not (user and trust.is_earned(reputation)),
            "only who was often right before vouches for mail of others",
            True,
        ),
        (not user, "no person said it", True),
    )


def _is_vetoed(given: Given, facts: MessageFacts, sender_ham: float, trust: Trust) -> bool:
    against = given.truth in ABUSE and not facts.outbound
    return against and sender_ham >= trust.veto_ham


def words_of(voices: Iterable[Voice], until: int | None) -> list[Voice]:
    """Return what stands of them, one word of each reporter, ordered by the hashes of their names.

    That of their highest rank, of several the latest; nothing above the offset `until`.
    """
    standing_by_id: dict[str, Voice] = {}
    for voice in sorted(voices, key=_OFFSET):
        given = voice.given
        if until is not None and given.offset > until:
            break
        if given.truth is None:
            standing_by_id.pop(given.retracts, None)
        elif given.id not in standing_by_id or standing_by_id[given.id].given.truth != given.truth:
            standing_by_id[given.id] = voice  # one that is sent twice was given once
    by_reporter: dict[bytes, Voice] = {}
    for voice in standing_by_id.values():
        who = who_is(voice.given.reporter, voice.given.source)
        known = by_reporter.get(who)
        if known is None or (voice.rank, voice.offset) > (known.rank, known.offset):
            by_reporter[who] = voice
    return [by_reporter[who] for who in sorted(by_reporter)]


def _witnesses(
    given: Given, earlier: Sequence[Voice], siblings: Sequence[Report]
) -> tuple[Witness, ...]:
    """Return the users who had said something before anybody trusted did.

    Whoever speaks after that may only repeat it, and a campaign is credited once.
    """
    before = words_of(earlier, given.offset - 1)
    if any(it.given.source in TRUSTED for it in before) or any(it.trusted for it in siblings):
        return ()
    found = {it.who: it.abuse for it in siblings if it.source in USERS and it.at <= given.at}
    for voice in before:
        if voice.given.source in USERS and voice.given.truth != "unwanted" and voice.weight > 0:
            found[who_is(voice.given.reporter, voice.given.source)] = voice.abuse
    own = who_is(given.reporter, given.source)
    return tuple([Witness(who, abuse) for who, abuse in sorted(found.items()) if who != own])


_OFFSET: Final = attrgetter("offset")
