"""Whom our users write to: who is taken for them, and that it is really them."""

from collections.abc import Iterator

from detectors.attachments import carries_program
from detectors.brand_proof import proven_brand
from detectors.checks import Checks, Hit
from detectors.lookalike import resembles
from detectors.relations import shown_host
from detectors.solicitation import read_solicitation
from detectors.standing import DAY, Standing, stand
from features.correspondents import sender_skeletons, skeleton
from features.domains import Domain, split_host
from features.hosts import is_freemail
from features.mail_kind import posted_through

__all__ = ["DETECTOR"]

DETECTOR = Checks("correspondents", stand)

_KNOWN_ROUTE = 7 * DAY
_KNOWN_MESSAGES = 3
_ALONE, _ENDING, _THROUGH_LIST = 0.4, 0.2, 0.2
_TELLING, _USUAL = 0.2, 0.1


def _themselves(standing: Standing) -> bool:
    """Say whether one of the recipients writes to this very address."""
    return standing.history["pair.known"] > 0


def _circumstances(standing: Standing) -> Iterator[tuple[str, float]]:
    """Yield what makes a likeness worse, as reasons say it, and by how much.

    Whoever writes from a private address for the first time has a free mailbox too.
    """
    evidence = standing.parties.evidence
    own = evidence.headers.from_.domain.registrable
    elsewhere = {mailbox.domain.registrable for mailbox in evidence.headers.reply_to} - {own, ""}
    if elsewhere:
        yield f"answers go to {shown_host(min(elsewhere))}", _TELLING
    elif is_freemail(own):
        yield "it has a free mailbox", _USUAL
    if evidence.content.phrases.get("invoice", 0) or read_solicitation(standing.parties).what:
        yield "it is about money", _TELLING
    if standing.young or standing.history["pair.received"] <= 1:
        yield "it never wrote before", _USUAL


def _taken_for(standing: Standing, reason: str, alone: float = _ALONE) -> Hit:
    """Return the hit of a likeness, the stronger the more speaks against the sender."""
    evidence = standing.parties.evidence
    circumstances = dict(_circumstances(standing))
    worse = list(circumstances)
    reply_to = " ".join(shown_host(mailbox.host) for mailbox in evidence.headers.reply_to[:4])
    inputs: dict[str, str | int] = {
        "correspondent": standing.history.correspondent,
        "from_domain": standing.parties.sender,
        "circumstances": len(worse),
    }
    if reply_to:
        inputs["reply_to"] = reply_to
    said = f"{reason}; {', '.join(worse)}" if worse else reason
    return Hit(said, inputs, min(1.0, alone + sum(circumstances.values())))


def _of_their_house(standing: Standing) -> bool:
    """Say whether a domain that our users write to is proven to be the sender's own.

    Then its Mara Lindt is that Mara Lindt, or her namesake: they have another address for each
    role, and answer where ours was mistyped. Where anybody gets an address nothing follows.
    """
    own = standing.parties.evidence.headers.from_.domain.registrable
    return standing.proven and standing.history.correspondent == own != "" and not is_freemail(own)


@DETECTOR.signal(
    "correspondent_name",
    "phish",
    "It is named like somebody our user writes to, and comes from another address.",
)
def _correspondent_name(standing: Standing) -> Hit | None:
    if standing.outbound or standing.history["correspondent.name"] != 1 or _themselves(standing):
        return None
    evidence = standing.parties.evidence
    # Services write in their users' names, and so does a second address that is known for long.
    if (
        _of_their_house(standing)
        or standing.good
        or proven_brand(evidence, standing.parties.brands) is not None
    ):
        return None
    whom = standing.history.correspondent if standing.history["correspondent.domain"] == 1 else ""
    at = f" at {whom}" if whom else ""
    # A list that changes From to its own address leaves the name as it was.
    through_list = bool(posted_through(evidence.message, evidence.headers, evidence.authentication))
    return _taken_for(
        standing,
        f"Named like your correspondent{at}, but sent from {standing.parties.sender}",
        _THROUGH_LIST if through_list else _ALONE,
    )


@DETECTOR.signal(
    "correspondent_lookalike",
    "phish",
    "Its domain, or its Reply-To's, looks like one that our user writes to, and is another.",
)
def _correspondent_lookalike(standing: Standing) -> Hit | None:
    if standing.outbound or standing.history["correspondent.domain"] != 1 or _themselves(standing):
        return None
    whom = standing.history.correspondent
    author = standing.parties.evidence.headers.from_.domain
    domain = _imitator(standing)
    how = resembles(domain, split_host(whom)) if whom else ""
    model = f"your correspondent's {whom}" if whom else "a correspondent's"
    found = shown_host(domain.registrable)
    who = standing.parties.sender if domain is author else f"Answers go to {found}, which"
    # The same name under another ending is often the same organization's.
    return _taken_for(
        standing, f"{who} looks like {model} {how}".rstrip(), _ALONE if how else _ENDING
    )


def _imitator(standing: Standing) -> Domain:
    """Return the domain that looks like the correspondent's: the author's, else the answers'."""
    headers = standing.parties.evidence.headers
    looks = skeleton(standing.history.correspondent)
    for mailbox in (headers.from_, *headers.reply_to):
        if looks in sender_skeletons(mailbox.domain.registrable):
            return mailbox.domain
    return headers.from_.domain


@DETECTOR.signal(
    "correspondent_unproven",
    "phish",
    "It claims a domain that our users write to, nothing proves it, and its network is strange.",
)
def _correspondent_unproven(standing: Standing) -> Hit | None:
    evidence, history = standing.parties.evidence, standing.history
    authentication = evidence.authentication
    if standing.outbound or authentication.aligned is not False or authentication.arc_sealer:
        return None
    # Read is the record of this domain *from this network*, as nothing is proven.
    own = evidence.headers.from_.domain.registrable
    if not (own and history.correspondent == own and history["sender.age"] < DAY):
        return None
    if history["thread.answers"] == 1 or standing.parties.bulk:
        return None
    sender = standing.parties.sender
    return Hit(
        f"It claims a correspondent of yours at {sender}, unproven and from a strange network",
        {"correspondent": own, "from_domain": sender, "age": history["sender.age"]},
    )


@DETECTOR.signal(
    "known_correspondent", "ham", "Our user writes to this very sender, who is proven or usual."
)
def _known_correspondent(standing: Standing) -> Hit | None:
    if standing.outbound or not _themselves(standing) or _suspect(standing):
        return None
    history, sender = standing.history, standing.parties.sender
    # Anyone can write this address into From: unproven, it counts only where it is at home.
    home = (
        standing.parties.evidence.authentication.aligned is None
        and history["sender.age"] >= _KNOWN_ROUTE
        and history["sender.messages"] >= _KNOWN_MESSAGES
    )
    if not (standing.proven or home):
        return None
    known = history["pair.known"]
    return Hit(
        f"You write to this sender at {sender} yourself",
        {"from_domain": sender, "known": known, "proven": standing.proven},
        (1.0 if standing.proven else 0.5) * min(1.0, known),
    )


@DETECTOR.signal(
    "answers_our_mail", "ham", "It answers a message that our users sent, by its Message-ID."
)
def _answers_our_mail(standing: Standing) -> Hit | None:
    if standing.outbound or standing.history["thread.answers"] != 1 or _suspect(standing):
        return None
    # A Message-ID is no secret on a list, and who read a stolen mailbox knows many.
    sure = (
        standing.proven and _themselves(standing) and not standing.parties.evidence.headers.list_id
    )
    return Hit(
        "It answers a message of your own",
        {"answers": 1, "proven": standing.proven},
        1.0 if sure else 0.5,
    )


def _suspect(standing: Standing) -> bool:
    """Say whether a message pretends to be somebody's, or carries what may be a program.

    Or wants answers at a lookalike of its own domain, as who reads a stolen mailbox does.
    """
    history = standing.history
    return (
        history["correspondent.name"] == 1
        or history["correspondent.domain"] == 1
        or carries_program(standing.parties.evidence)
        or read_solicitation(standing.parties).imitates != ""
    )
