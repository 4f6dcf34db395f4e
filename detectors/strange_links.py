"""Links that are strangers to the sender, together with one more thing that honest mail lacks.

A service that mails for others makes links strange too, unknown ones as well, so none of these
speaks on the links alone: what is added is what such a service's customers don't write.
"""

import re
from typing import Final

from detectors.brands import Brands
from detectors.checks import Checks, Hit
from detectors.labels import looks_random
from detectors.relations import Relations, link_target, relate
from features.context import Context
from features.evidence import Evidence
from features.headers import Headers
from features.hosts import host_traits, is_freemail

__all__ = ["BAIT", "DETECTOR", "away", "kinds_of", "misnamed"]


def _strangers(evidence: Evidence, context: Context, brands: Brands) -> Relations | None:
    parties = relate(evidence, context, brands)
    return parties if parties.stranger else None


DETECTOR = Checks("combinations", _strangers)

BAIT: Final = (
    "suspension",
    "mailbox",
    "wallet",
    "parcel",
    "prize",
    "extortion",
    "spam_goods",
)
"""Groups of phrases that lure or alarm."""

_PRESSURE = (*BAIT, "credentials", "urgency", "legal")
_FAULTS = frozenset(
    {"comma", "glue", "after", "angles", "nospace", "multi", "duplicate", "noaddr", "spaced"}
    | {"badtld", "badchar"}
)
_SHORTEST_WORD = 3
_SHORTEST_NAME = 4
_OF_ONE_PIECE = 0.3
_THROWN_AWAY = frozenset({"cheap_tld", "new_tld", "free_host"})
_PICTURE_TEXT = 300  # characters of visible text
_GREETING = 300  # characters in which a mailing tool fills in whom it writes to
_SHORTEST_ADDRESS = 7
_SENT_TO = frozenset(
    ("to", "an", "a", "para", "per", "do", "naar", "aan", "for", "fur", "pour", "as", "als", "von",
     "email", "mail", "address")
)  # fmt: skip
_SENTENCE = 6  # words
_PITCH = re.compile(r"[!?$€£%]")
_EMOJI = re.compile("[\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff]")
_LONGEST_LOCAL = 24  # longer ones are addresses that answers are told apart by


def misnamed(headers: Headers) -> bool:
    """Say whether no word of the sender's name is in its addresses, nor its initials the domain.

    Names in another alphabet never are, and say nothing.
    """
    name = [word for word in headers.display_words if word.isascii()]
    words = [word for word in name if len(word) >= _SHORTEST_WORD]
    if not words or "".join(word[0] for word in name) == headers.from_.domain.label:
        return False
    known = "".join(m.address for m in (headers.from_, headers.return_path, *headers.reply_to))
    known = known.replace("-", "").replace(".", "")
    return not any(word in known for word in words)


def kinds_of(parties: Relations, groups: tuple[str, ...]) -> int:
    """Return how many of these groups of phrases the message has something of."""
    phrases = parties.evidence.content.phrases
    return sum(phrases.get(group, 0) > 0 for group in groups)


def _coherence(parties: Relations) -> float:
    """Return what is left of a suspicion of strange links where the sender is of one piece.

    Its domain bears its name, bounces go there too, and it names no brand but its own: a firm
    whose links pass through somebody else's server. Who takes a name picks the address beside it,
    but hardly ever has a domain of that name.
    """
    headers = parties.evidence.headers
    author, bounces = headers.from_.domain, headers.return_path.domain.registrable
    if parties.strange_claims or parties.subject_claims or is_freemail(author.registrable):
        return 1.0
    if looks_random(author.label) or host_traits(headers.from_.host) & _THROWN_AWAY:
        return 1.0
    if bounces not in {"", author.registrable}:
        return 1.0
    named = any(
        word == author.label or (len(word) >= _SHORTEST_NAME and word in author.label)
        for word in headers.display_words
    )
    return _OF_ONE_PIECE if named else 1.0


def away(parties: Relations, reason: str) -> Hit:
    """Return a hit whose reason says where the strange links lead, in the place of `{target}`."""
    target = parties.leads_to
    inputs = {"target": target, "from_domain": parties.sender}
    return Hit(reason.format(target=target), inputs, _coherence(parties))


@DETECTOR.signal(
    "stranger_links_misnamed_lure",
    "phish",
    "Links are strangers, the name doesn't fit the address, and the text lures or alarms.",
)
def _stranger_links_misnamed_lure(parties: Relations) -> Hit | None:
    if not kinds_of(parties, BAIT):
        return None
    if not misnamed(parties.evidence.headers):
        return None
    return away(parties, "Name and address don't fit, and what it lures with leads to {target}")


@DETECTOR.signal(
    "stranger_links_misnamed_picture",
    "phish",
    "Links are strangers, the name doesn't fit the address, and a picture is most of it.",
)
def _stranger_links_misnamed_picture(parties: Relations) -> Hit | None:
    content = parties.evidence.content
    if not any(image.linked for image in content.images):
        return None
    if len(content.text.strip()) >= _PICTURE_TEXT or not misnamed(parties.evidence.headers):
        return None
    return away(parties, "Name and address don't fit, and one picture leads to {target}")


@DETECTOR.signal(
    "stranger_links_misnamed_token",
    "phish",
    "Links are strangers with one long random token, and the name doesn't fit the address.",
)
def _stranger_links_misnamed_token(parties: Relations) -> Hit | None:
    if "root_blob" not in parties.link_traits:
        return None
    for link in parties.evidence.links.all:
        if "root_blob" in link.traits and "mail_service" not in link.traits:
            if not misnamed(parties.evidence.headers):
                return None
            host = link_target(link)
            reason = f"Name and address don't fit, and a link to {host} has a long random path"
            return Hit(reason, {"host": host, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "stranger_links_pressure",
    "phish",
    "Links are strangers, and two kinds of lures or threats meet; no list, no conversation.",
)
def _stranger_links_pressure(parties: Relations) -> Hit | None:
    if parties.bulk or not kinds_of(parties, BAIT):
        return None
    if kinds_of(parties, _PRESSURE) < 2:  # a link that expires and an address to confirm aren't it
        return None
    return away(parties, "It lures and presses in more than one way and leads to {target}")


@DETECTOR.signal(
    "stranger_links_malformed_from",
    "spam",
    "Links are strangers, and From breaks the syntax.",
    raw=True,
)
def _stranger_links_malformed_from(parties: Relations) -> Hit | None:
    if not parties.evidence.headers.from_faults & _FAULTS:
        return None
    return away(parties, "The sender field is broken, and the links lead to {target}")


@DETECTOR.signal(
    "stranger_links_greets_address",
    "phish",
    "Links are strangers, and the text begins with the recipient's address for a name.",
)
def _stranger_links_greets_address(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    start = parties.evidence.content.folded[:_GREETING]
    if "@" not in start or not any(
        len(address) >= _SHORTEST_ADDRESS and _called(start, address)
        for address in headers.recipients
        if address != headers.from_.address
    ):
        return None
    return away(parties, "It calls you by your address, and its links lead to {target}")


def _called(start: str, address: str) -> bool:
    """Say whether an address stands where a name belongs, not in a line that says who gets it."""
    before, found, _ = start.partition(address)
    words = before.split()
    return bool(found) and (not words or words[-1].rstrip(":,") not in _SENT_TO)


@DETECTOR.signal(
    "stranger_links_emoji",
    "spam",
    "Links are strangers, and subject or sender's name has pictograms; no list, no conversation.",
)
def _stranger_links_emoji(parties: Relations) -> Hit | None:
    if parties.bulk:
        return None
    headers = parties.evidence.headers
    if not _EMOJI.search(headers.subject) and not _EMOJI.search(headers.from_.display):
        return None
    return away(parties, "Pictograms in subject or name draw the eye, and links lead to {target}")


@DETECTOR.signal(
    "stranger_links_sentence_name",
    "spam",
    "Links are strangers, and the sender's name is a sentence or an offer.",
)
def _stranger_links_sentence_name(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    # An office may have a long name too, and then an address that has a word of it.
    long = len(headers.display_words) >= _SENTENCE and misnamed(headers)
    if not long and not _PITCH.search(headers.from_.display):
        return None
    return away(parties, "The sender's name is a pitch, and the links lead to {target}")


@DETECTOR.signal(
    "stranger_links_random_sender",
    "spam",
    "Links are strangers, and the sender's address looks drawn by a machine.",
)
def _stranger_links_random_sender(parties: Relations) -> Hit | None:
    author = parties.evidence.headers.from_
    local = "".join(filter(str.isalnum, author.local[: 2 * _LONGEST_LOCAL]))
    drawn = len(local) <= _LONGEST_LOCAL and looks_random(local)
    if not drawn and not looks_random(author.domain.label):
        return None
    return away(parties, "The sender's address looks made up, and the links lead to {target}")


@DETECTOR.signal(
    "stranger_links_urgent",
    "phish",
    "Links are strangers, and the sender marked the message as urgent.",
)
def _stranger_links_urgent(parties: Relations) -> Hit | None:
    first = parties.evidence.message.first
    level = first("x-priority").strip()[:1]
    if level not in {"1", "2"} and "high" not in first("importance").lower():
        return None
    return away(parties, "It is marked as urgent, and its links lead to {target}")


@DETECTOR.signal(
    "stranger_links_to_nobody",
    "spam",
    "Links are strangers, and the To field names nobody.",
)
def _stranger_links_to_nobody(parties: Relations) -> Hit | None:
    if "@" in parties.evidence.message.first("to"):
        return None
    return away(parties, "Addressed to nobody by name, and its links lead to {target}")
