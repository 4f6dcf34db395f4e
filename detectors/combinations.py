"""Findings of several subjects at once: each harmless alone, together hardly ever legitimate."""

import re
from dataclasses import replace

from detectors.checks import Checks, Hit
from detectors.content import lure
from detectors.impersonation import names_recipient
from detectors.labels import looks_random
from detectors.relations import Relations, leads_home, link_target, relate, shown_host
from detectors.strange_links import away
from features.hosts import is_freemail
from features.links import Link

__all__ = ["DETECTOR"]

DETECTOR = Checks("combinations", relate)

_FAULTS = frozenset(
    {"comma", "glue", "after", "angles", "multi", "duplicate", "noaddr", "spaced", "badtld"}
)
_CHEAP = frozenset({"shortener", "storage_page", "cheap_tld", "ip"})
_NEWER = 0.6
_QUOTED = 0.7  # of a brand in the subject: a digest or an alert may be about it
_TOPIC = 0.5
_ABOUT_PARCELS = 2  # phrases
_NEWSLETTER = 0.7  # of what one may write who can be unsubscribed from; anybody can say so
_ROLE = re.compile(
    r"(?:no-?reply|do-?not-?reply|ne-pas-repondre|info|service|support|contact|contato|news"
    r"|notif|admin|hello|mail|message|angebote|sales|reply|return|alert|account|office|marketing"
    r"|email|atendimento)"
)
_MONEY = re.compile(r"[$€]\s?\d|\d\s?(?:[$€]|usd|eur|btc|usdt)\b")
_CURRENCIES = ("$", "€", "usd", "eur", "btc")
_FORM_GREETING = re.compile(r"\b(?:username|hello|hi|dear|welcome|user|hallo|ola|hola|bonjour)\b")
_HOST = re.compile(r"\b[a-z0-9-]{1,63}\.[a-z]{2,24}\b")
_END = re.compile(r"[,.!?;:](?=\s|$)")  # of whom a message greets, where a name belongs
_INNARDS = ("/wp-content/", "/wp-includes/", "/wp-admin/", "/.well-known/", "/cgi-sys/")
_SHOWN = (".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
_MONEY_STORIES = ("advance_fee", "prize", "gift_card", "payment_request", "extortion")
_PRIVATE = 0.3  # of a blind copy to friends, or a help desk's
_FORM_START = 220  # characters that an abused form fills in


def _foreign(parties: Relations) -> bool:
    """Say whether the links are foreign, in no conversation and on no list."""
    return parties.foreign and not parties.bulk


def _inside_site(link: Link) -> bool:
    """Say whether a link leads among a site's own works, where only intruders put pages."""
    path = link.path.lower()
    return any(place in path for place in _INNARDS) and not path.endswith(_SHOWN)


def _phrases(parties: Relations, *groups: str) -> int:
    return sum(parties.evidence.content.phrases.get(group, 0) for group in groups)


@DETECTOR.signal(
    "malformed_from_html",
    "spam",
    "A From that breaks the syntax, on a formatted message.",
    raw=True,
)
def _malformed_from_html(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if not evidence.content.is_html or not evidence.headers.from_faults & _FAULTS:
        return None
    if leads_home(evidence):  # a home-made program; the fault itself has been told
        return None
    return Hit("A designed message whose sender field is broken")


@DETECTOR.signal(
    "stranger_links_cheap",
    "phish",
    "Links are strangers to the sender, and one leads to a shortener, free host or cheap domain.",
)
def _stranger_links_cheap(parties: Relations) -> Hit | None:
    if not parties.stranger:
        return None
    worst: Link | None = None
    strength = 0.0
    for link in parties.evidence.links.all:
        found = _cheapness(link, bulk=parties.bulk)
        if found > strength:
            worst, strength = link, found
    if worst is None:
        return None
    host = link_target(worst)
    reason = f"Links lead to {host}, free or cheap to get, and not to {parties.sender}"
    return Hit(reason, {"host": host, "from_domain": parties.sender}, strength)


def _cheapness(link: Link, *, bulk: bool) -> float:
    """Return how far a link's place looks thrown away, in [0, 1].

    A newsletter may link to a form or builder's page, and whoever likes to one under .club.
    """
    if link.traits & _CHEAP or looks_random(link.domain.label) or _inside_site(link):
        return 1.0
    if "free_host" in link.traits:
        return _NEWER if bulk else 1.0
    return _NEWER if "new_tld" in link.traits else 0.0


@DETECTOR.signal(
    "stranger_links_personal",
    "phish",
    "Links are strangers to the sender, and the recipient's address is the name or in a link.",
)
def _stranger_links_personal(parties: Relations) -> Hit | None:
    if not parties.stranger:
        return None
    marked = any(
        "recipient_encoded" in link.traits or "recipient_clear" in link.traits
        for link in parties.evidence.links.all
    )
    if not marked and not names_recipient(parties.evidence):
        return None
    return away(parties, "It is made out to your address, and its links lead to {target}")


@DETECTOR.signal(
    "stranger_links_brand",
    "phish",
    "Links are strangers to the sender, and sender or subject name a brand that both are not.",
)
def _stranger_links_brand(parties: Relations) -> Hit | None:
    if not parties.stranger:
        return None
    for claim in (*parties.strange_claims, *parties.subject_claims):
        brand = claim.brand
        if not any(domain in brand.domains for domain in parties.evidence.links.domains):
            reason = f"It names {brand.name}, but comes from {parties.sender} and leads to "
            target = parties.leads_to
            inputs = {"brand": brand.name, "from_domain": parties.sender, "target": target}
            strength = 1.0 if claim in parties.strange_claims else _QUOTED
            return Hit(reason + target, inputs, strength)
    return None


@DETECTOR.signal(
    "stranger_links_lure",
    "phish",
    "Links are strangers to the sender, and the subject lures or alarms.",
)
def _stranger_links_lure(parties: Relations) -> Hit | None:
    if not parties.stranger or not lure(parties.evidence):
        return None
    found = away(parties, "The subject lures or alarms, and the links lead to {target}")
    content = parties.evidence.content
    # Carriers announce parcels, and services have an address confirmed, through whom they like.
    alone = lure(parties.evidence) == 1 and content.subject_phrases.get("parcel", 0) > 0
    if alone and _phrases(parties, "parcel") < _ABOUT_PARCELS:
        return replace(found, strength=min(found.strength, _TOPIC))
    if parties.bulk:
        return replace(found, strength=min(found.strength, _NEWSLETTER))
    return found


@DETECTOR.signal(
    "unrelated_role_sender",
    "phish",
    "A role address (info, noreply) under a name it has nothing to do with; links are foreign.",
)
def _unrelated_role_sender(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    if not (parties.foreign and parties.stranger) or not _ROLE.match(headers.from_.local):
        return None
    words = [word for word in headers.display_words if len(word) >= 3]
    known = "".join(m.address for m in (headers.from_, headers.return_path, *headers.reply_to))
    known = known.replace("-", "").replace(".", "")
    if not words or any(word in known for word in words):
        return None
    return away(parties, "The sender's name doesn't fit its address, and links lead to {target}")


@DETECTOR.signal(
    "prize_foreign_links", "spam", "Prize phrases, foreign links, and no list or conversation."
)
def _prize_foreign_links(parties: Relations) -> Hit | None:
    if not _foreign(parties) or _phrases(parties, "prize") < 2:
        return None
    return away(parties, "It promises a prize and leads to {target}, which isn't the sender's")


@DETECTOR.signal(
    "spam_goods_foreign_links",
    "spam",
    "Pills, dating, casino or diet in a formatted message with foreign links.",
)
def _spam_goods_foreign_links(parties: Relations) -> Hit | None:
    if not parties.evidence.content.is_html or not _phrases(parties, "spam_goods"):
        return None
    if not _foreign(parties):
        return None
    return away(parties, "It advertises pills, dating, casinos or the like and leads to {target}")


@DETECTOR.signal(
    "wallet_foreign_links", "phish", "Crypto wallet phrases and links foreign to the sender."
)
def _wallet_foreign_links(parties: Relations) -> Hit | None:
    if not _foreign(parties) or _phrases(parties, "wallet") < 2:
        return None
    return away(parties, "It is about crypto wallets and leads to {target}")


@DETECTOR.signal(
    "suspension_foreign_links",
    "phish",
    "Phrases of blocked accounts or credentials and links foreign to the sender.",
)
def _suspension_foreign_links(parties: Relations) -> Hit | None:
    if not _foreign(parties) or _phrases(parties, "suspension", "credentials") < 2:
        return None
    return away(parties, "It is about your account and leads to {target}, not to the sender")


@DETECTOR.signal("parcel_foreign_links", "phish", "Parcel phrases and links foreign to the sender.")
def _parcel_foreign_links(parties: Relations) -> Hit | None:
    if not _foreign(parties) or _phrases(parties, "parcel") < 2:
        return None
    return away(parties, "It is about a parcel and leads to {target}, not to the sender")


@DETECTOR.signal(
    "mailbox_foreign_links", "phish", "Phrases of full or expiring mailboxes and foreign links."
)
def _mailbox_foreign_links(parties: Relations) -> Hit | None:
    if not _foreign(parties) or _phrases(parties, "mailbox") < 2:
        return None
    return away(parties, "It is about your mailbox and leads to {target}")


@DETECTOR.signal(
    "legal_threat_foreign",
    "phish",
    "Court, fine or tax phrases from a free mailbox or with foreign links.",
)
def _legal_threat_foreign(parties: Relations) -> Hit | None:
    free = is_freemail(parties.evidence.headers.from_.domain.registrable)
    if _phrases(parties, "legal") < 2 or parties.bulk or not (parties.all_foreign or free):
        return None
    return Hit(
        f"It threatens with court or fines and comes from {parties.sender}",
        {"from_domain": parties.sender},
    )


@DETECTOR.signal(
    "advance_fee_reply",
    "spam",
    "An advance-fee story without a link that asks for an answer to another or hidden address.",
)
def _advance_fee_reply(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    if _phrases(parties, "advance_fee") < 2 or parties.evidence.links.domains or parties.bulk:
        return None
    elsewhere = _answers_elsewhere(parties)
    blind = "@" not in parties.evidence.message.first("to")
    if not (elsewhere or blind or is_freemail(headers.from_.domain.registrable)):
        return None
    return Hit(
        "It promises money and wants an answer by mail, as advance-fee fraud does",
        {"from_domain": parties.sender},
    )


def _answers_elsewhere(parties: Relations) -> bool:
    headers = parties.evidence.headers
    return bool(headers.reply_to) and all(
        mailbox.domain.registrable != headers.from_.domain.registrable
        for mailbox in headers.reply_to
    )


@DETECTOR.signal(
    "free_mail_to_free_mail",
    "spam",
    "From one free mailbox, answers to another or no visible recipient, and no link.",
)
def _free_mail_to_free_mail(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    free = is_freemail(headers.from_.domain.registrable)
    if not free or parties.evidence.links.domains or parties.bulk:
        return None
    other = any(
        mailbox.address != headers.from_.address and is_freemail(mailbox.domain.registrable)
        for mailbox in headers.reply_to
    )
    if not other and "@" in parties.evidence.message.first("to"):
        return None
    where = "answers go to another one" if other else "it is addressed to nobody by name"
    strength = 1.0 if _phrases(parties, *_MONEY_STORIES) else _PRIVATE
    return Hit(f"It comes from a free mailbox, has no link, and {where}", strength=strength)


@DETECTOR.signal(
    "undisclosed_reply_elsewhere",
    "spam",
    "Nobody is addressed by name, and answers go to another domain than the sender's.",
)
def _undisclosed_reply_elsewhere(parties: Relations) -> Hit | None:
    blind = "@" not in parties.evidence.message.first("to")
    if not blind or parties.bulk or not _answers_elsewhere(parties):
        return None
    reply = parties.evidence.headers.reply_to[0].domain.registrable
    domain = shown_host(reply)
    told = is_freemail(reply) or _phrases(parties, *_MONEY_STORIES)
    return Hit(
        f"Addressed to nobody by name; answers go to {domain or 'elsewhere'}",
        {"reply_domain": domain, "from_domain": parties.sender},
        1.0 if told else _PRIVATE,
    )


@DETECTOR.signal(
    "sign_up_form_lure",
    "spam",
    "A sign-up or contact form's greeting was filled with money and a web address.",
)
def _sign_up_form_lure(parties: Relations) -> Hit | None:
    start = parties.evidence.content.folded[: 2 * _FORM_START].strip()[:_FORM_START]
    if parties.conversation or not any(sign in start for sign in _CURRENCIES):
        return None
    greeting = _FORM_GREETING.search(start)
    if greeting is None:
        return None
    whom = _END.split(start[greeting.end() :], maxsplit=1)[0]
    if not (_MONEY.search(whom) and _HOST.search(whom)):
        return None
    return Hit("Its greeting holds money and a web address: somebody abused a sign-up form")
