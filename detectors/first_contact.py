"""What strangers want at first contact: money, a thread that never was, a lure on a new domain.

What is new is harmless, and so is each of these; together they hardly ever are.
"""

from collections.abc import Iterator
from typing import Final

from detectors.checks import Checks, Hit
from detectors.content import lure
from detectors.lookalike import resembles
from detectors.novelty import WATCHED
from detectors.solicitation import read_solicitation
from detectors.standing import DAY, Standing, stand
from detectors.threads import claims_reply
from detectors.wording import duration
from features.domains import split_host

__all__ = ["DETECTOR"]

DETECTOR = Checks("strangers", stand)

_BASE, _STRONG, _WEAK = 0.3, 0.3, 0.15
_ONE_NEW, _MASS = 0.6, 0.5
_CLAIMED, _WITH_MORE = 0.3, 0.8
_GROUPS: Final = ("suspension", "credentials", "parcel", "wallet", "prize", "mailbox")
_LURES = 2  # phrases of one group, or of the subject


@DETECTOR.signal(
    "stranger_asks_for_money",
    "phish",
    "On first contact it asks for money or gift cards by an answer alone, and isn't who it seems.",
)
def _stranger_asks_for_money(standing: Standing) -> Hit | None:
    parties = standing.parties
    solicited = read_solicitation(parties)
    if not solicited.what or solicited.followed or parties.bulk or not standing.stranger:
        return None
    poses = tuple(_poses(standing))
    if not (solicited.free or solicited.elsewhere or poses):
        return None
    told = "; ".join(["First contact", *poses, *solicited.told(parties)])
    inputs = {"asks_for": solicited.what, "from_domain": parties.sender}
    if solicited.elsewhere:
        inputs["reply_domain"] = solicited.elsewhere
    strength = (
        _BASE
        + _STRONG * bool(poses or solicited.imitates)
        + _STRONG * (solicited.elsewhere != "")
        + _STRONG * solicited.gift_cards
        + _WEAK * solicited.free
        + _WEAK * standing.young
    )
    return Hit(told, inputs, min(1.0, strength))


def _poses(standing: Standing) -> Iterator[str]:
    """Yield whom the sender is made to be taken for."""
    history, parties = standing.history, standing.parties
    if history["correspondent.name"] == 1:
        yield "it is named like somebody our user writes to"
    elif history.colleague:
        yield "it is named like a colleague of yours"
    if history["correspondent.domain"] == 1:
        yield "its domain looks like a correspondent's"
    domain = parties.evidence.headers.from_.domain
    for name in sorted(parties.organizations):
        how = resembles(domain, split_host(name))
        if how:
            yield f"its domain {parties.sender} is your own {name} {how}"
            return


@DETECTOR.signal(
    "forged_thread",
    "phish",
    "A stranger's first mail claims to be an answer, and answers nothing that our users sent.",
)
def _forged_thread(standing: Standing) -> Hit | None:
    parties = standing.parties
    evidence, history = parties.evidence, standing.history
    if not (standing.young and standing.stranger) or history["thread.answers"] != 0:
        return None
    if not claims_reply(evidence) or standing.watched < WATCHED or _explained(standing):
        return None
    if history.watched_outbound < WATCHED:
        return None  # what our users sent was not seen, or not for long
    headers = evidence.headers
    solicited = read_solicitation(parties)
    more = []
    target = parties.leads_to if parties.stranger else ""
    if solicited.what:
        more.append(f"it asks for {solicited.what}")
    if target:
        more.append(f"its links lead to {target}")
    if not (headers.in_reply_to or headers.references):
        more.append("it names no message that it answers")
    reason = "; ".join(["It claims to answer you, but nothing you sent, on first contact", *more])
    return Hit(
        reason,
        {
            "from_domain": parties.sender,
            "answers": 0,
            "circumstances": len(more),
            "target": target,
        },
        1.0 if len(more) > 1 else _WITH_MORE if solicited.what or parties.stranger else _CLAIMED,
    )


def _explained(standing: Standing) -> bool:
    """Say whether there is an honest reason for a thread we don't know: a list, a copy, a program.

    Who is copied into a thread by a colleague finds the colleague among the recipients.
    """
    parties = standing.parties
    headers, first = parties.evidence.headers, parties.evidence.message.first
    ours = [
        mailbox
        for mailbox in (*headers.to, *headers.cc)
        if mailbox.domain.registrable in parties.organizations
    ]
    return (
        len(ours) > 1
        or headers.auto_submitted
        or bool(headers.list_id or first("list-post") or first("x-mailing-list"))
        or headers.precedence in {"bulk", "list"}
    )


@DETECTOR.signal(
    "new_domain_lure",
    "phish",
    "It lures or alarms, and its sender or a domain it links to was never seen in weeks.",
)
def _new_domain_lure(standing: Standing) -> Hit | None:
    parties, history = standing.parties, standing.history
    what = 0 if standing.outbound else _lures(standing)
    if not what or standing.watched < WATCHED:
        return None
    if history["pair.known"] > 0 or history["thread.answers"] == 1:
        return None
    links = parties.evidence.links
    sender_new = standing.young and history["sender.age"] < DAY
    link_new = history["links.new"] > len(links.domains & parties.own) and parties.foreign
    if not (sender_new or link_new):
        return None
    new = [parties.sender] if sender_new else []
    if link_new:
        new.append(f"a domain it links to ({parties.leads_to})" if new else parties.leads_to)
    strength = (1.0 if len(new) > 1 else _ONE_NEW) * (_MASS if standing.mass else 1.0)
    return Hit(
        f"It lures or alarms, and in {duration(standing.watched)} of watching "
        f"{' and '.join(new)} was never seen",
        {
            "from_domain": parties.sender,
            "links": parties.leads_to if link_new else "",
            "watched": standing.watched,
            "lures": what,
        },
        strength,
    )


def _lures(standing: Standing) -> int:
    """Return how many lure phrases of one kind there are, 0 where too few to say anything."""
    evidence = standing.parties.evidence
    phrases = evidence.content.phrases
    most = max([lure(evidence), *[phrases.get(group, 0) for group in _GROUPS]])
    return most if most >= _LURES else 0
