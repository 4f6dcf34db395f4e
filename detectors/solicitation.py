"""Mail that wants money by way of an answer: what it asks for, and to whom the answer would go."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from detectors.lookalike import resembles
from detectors.relations import Relations, shown_host
from features.evidence import Evidence
from features.hosts import is_freemail
from features.mailboxes import Mailbox

__all__ = ["Solicitation", "read_solicitation"]

_LINKED = 1  # foreign domain, such as a signature has


@dataclass(frozen=True, slots=True)
class Solicitation:
    """What a message asks for, '' for nothing, and the party that an answer would reach.

    `elsewhere` is the host of a Reply-To that isn't the sender's organization, '' for none.
    `imitates` completes "answers go to elsewhere, which is ...": whose domain that resembles, and
    how. `free`: sender or Reply-To has a free mailbox; only told where something is asked for.
    `followed`: there is a link to follow, other than a signature's.
    """

    what: str
    gift_cards: bool
    elsewhere: str
    elsewhere_free: bool
    imitates: str
    free: bool
    followed: bool

    def told(self, parties: Relations) -> Iterator[str]:
        """Yield the evidence as reasons say it."""
        if self.imitates:
            yield f"answers go to {self.elsewhere}, {self.imitates}"
        elif self.elsewhere:
            yield f"answers go to {self.elsewhere}"
        elif self.free:
            yield f"it has a free mailbox at {parties.sender}"
        yield f"it asks for {self.what}"
        if not parties.evidence.links.domains:
            yield "no link"


_NOTHING: Final = Solicitation(
    what="",
    gift_cards=False,
    elsewhere="",
    elsewhere_free=False,
    imitates="",
    free=False,
    followed=False,
)


@lru_cache(maxsize=1)
def read_solicitation(parties: Relations) -> Solicitation:
    """Read what a message asks for, once for all that want to know."""
    evidence = parties.evidence
    what = _asked(evidence)
    if not what and not evidence.headers.reply_to:
        return _NOTHING  # nearly all mail, and what follows costs
    reply = _elsewhere(parties)
    sender = evidence.headers.from_.domain.registrable
    return Solicitation(
        what=what,
        gift_cards=what.startswith("gift"),
        elsewhere=shown_host(reply.domain.registrable or reply.host) if reply else "",
        elsewhere_free=reply is not None and is_freemail(reply.domain.registrable),
        imitates=_imitates(parties, reply) if reply else "",
        free=is_freemail(sender) or (reply is not None and is_freemail(reply.domain.registrable)),
        followed=bool(what) and _followed(parties),
    )


def _asked(evidence: Evidence) -> str:
    phrases = evidence.content.phrases
    gift, payment = phrases.get("gift_card", 0), phrases.get("payment_request", 0)
    # One phrase of gift cards is in many an honest letter; a code to scratch off is a second one.
    if gift > 1 or (gift and payment):
        return "gift cards"
    return "a payment or a favour" if payment else ""


def _elsewhere(parties: Relations) -> Mailbox | None:
    """Return the Reply-To that leads most plainly away from the sender, None for none."""
    author = parties.evidence.headers.from_
    own = parties.organizations | {author.domain.registrable, ""}
    label = author.domain.label
    away = [
        mailbox
        for mailbox in parties.evidence.headers.reply_to
        if (mailbox.domain.registrable not in own and mailbox.domain.label != label)
        or (is_freemail(author.domain.registrable) and _is_another(mailbox, author))
    ]
    return next((m for m in away if _imitates(parties, m)), away[0] if away else None)


def _is_another(mailbox: Mailbox, author: Mailbox) -> bool:
    return is_freemail(mailbox.domain.registrable) and mailbox.address != author.address


def _imitates(parties: Relations, reply: Mailbox) -> str:
    """Say whose domain that of a Reply-To resembles: the sender's, or the recipient's own."""
    if is_freemail(reply.domain.registrable):
        return ""
    author = parties.evidence.headers.from_.domain
    how = "" if is_freemail(author.registrable) else resembles(reply.domain, author)
    if how:
        return f"which is the sender's {parties.sender} {how}"
    return ""


def _followed(parties: Relations) -> bool:
    """Say whether a link is there to be followed, not just a signature's."""
    evidence = parties.evidence
    foreign = evidence.links.domains - parties.own
    return bool(foreign) and (
        len(foreign) > _LINKED or evidence.content.phrases.get("call_to_action", 0) > 0
    )
