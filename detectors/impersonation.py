"""Who the sender pretends to be: a brand, the recipient's own organization, the recipient."""

import re

from detectors.brand_proof import proves
from detectors.brands import Brand, is_own
from detectors.checks import Checks, Hit
from detectors.kinds import checked_kind
from detectors.lookalike import likeness, resembles
from detectors.relations import Relations, leads_home, relate
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import is_freemail
from features.obfuscation import count_mixed_words

__all__ = ["AGENCY_LINKS", "DETECTOR", "names_recipient", "share_of_links"]

DETECTOR = Checks("impersonation", relate)

_ADDRESS = re.compile(r"[a-z0-9._%+'-]{1,64}@([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8})")
AGENCY_LINKS = 0.3  # with a larger share of links to the brand it may be the brand's own agency
_SHORTEST_ADDRESS = 7
_SHORTEST_LABEL = 4
_ACCOUNT = 0.6


@DETECTOR.signal(
    "display_name_brand",
    "phish",
    "The display name is a brand's and nothing else; sender and links are strangers to it.",
)
def _display_name_brand(parties: Relations) -> Hit | None:
    return _claimed(parties, pure=True)


@DETECTOR.signal(
    "display_name_contains_brand",
    "phish",
    "A brand's name is part of the display name; sender and links are strangers to the brand.",
)
def _display_name_contains_brand(parties: Relations) -> Hit | None:
    return _claimed(parties, pure=False)


def _claimed(parties: Relations, *, pure: bool) -> Hit | None:
    label = parties.evidence.headers.from_.domain.registrable.replace("-", "")
    for claim in parties.strange_claims:
        if pure and not claim.pure:
            continue
        if any(phrase.replace(" ", "") in label for phrase in claim.brand.phrases):
            continue  # a sister or agency domain, or a lookalike, which has its own signal
        if share_of_links(parties.evidence, claim.brand) < AGENCY_LINKS:
            reason = f"The name claims {claim.brand.name}, but the address is at {parties.sender}"
            return Hit(reason, {"brand": claim.brand.name, "from_domain": parties.sender})
    return None


def share_of_links(evidence: Evidence, brand: Brand) -> float:
    """Return the share of web links that lead to the brand, or to a mail service for it."""
    links = [link for link in evidence.links.all if link.domain.registrable]
    kin = sum("mail_service" in link.traits or is_own(brand, link.domain) for link in links)
    return kin / len(links) if links else 0.0


@DETECTOR.signal(
    "display_name_mixed_script",
    "phish",
    "A word of the display name or subject mixes alphabets or is written in mathematical letters.",
)
def _display_name_mixed_script(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    for text, where in ((headers.from_.display, "sender's name"), (headers.subject, "subject")):
        if count_mixed_words(text):
            return Hit(f"A word of the {where} is put together from different alphabets")
    return None


@DETECTOR.signal(
    "display_name_other_address",
    "phish",
    "The display name holds an e-mail address of another domain than the sender's.",
)
def _display_name_other_address(parties: Relations) -> Hit | None:
    mailbox = parties.evidence.headers.from_
    shown = mailbox.display.lower()
    if "@" not in shown:
        return None
    for host in _ADDRESS.findall(shown):
        domain = split_host(host).registrable
        if domain and domain != mailbox.domain.registrable:
            reason = f"The name shows an address at {domain}, the mail is from {parties.sender}"
            return Hit(reason, {"shown_domain": domain, "from_domain": parties.sender})
    return None


def names_recipient(evidence: Evidence) -> bool:
    """Say whether subject or display name holds the recipient's own address (no invitation)."""
    headers = evidence.headers
    shown = f"{headers.subject} {headers.from_.display}".lower()
    if "@" not in shown or checked_kind(evidence).invited:
        return False
    return any(
        len(address) >= _SHORTEST_ADDRESS and address in shown and address != headers.from_.address
        for address in headers.recipients
    )


@DETECTOR.signal(
    "recipient_address_as_name",
    "phish",
    "The recipient's address stands in the subject or the display name, as bulk tools fill it in.",
)
def _recipient_address_as_name(parties: Relations) -> Hit | None:
    if not names_recipient(parties.evidence):
        return None
    # A service of one's own names the account that something happened to.
    return Hit(
        "The subject or sender's name holds your own address, as mass mailing tools do it",
        strength=_ACCOUNT if leads_home(parties.evidence) else 1.0,
    )


@DETECTOR.signal(
    "reply_to_free_mail",
    "phish",
    "Answers go to a free mailbox though the mail comes from another domain.",
)
def _reply_to_free_mail(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    for mailbox in headers.reply_to:
        domain = mailbox.domain.registrable
        if is_freemail(domain) and domain != headers.from_.domain.registrable:
            reason = f"The mail is from {parties.sender}, but answers go to {domain}"
            return Hit(reason, {"reply_domain": domain, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "free_mail_brand", "phish", "A sender at a free mailbox provider is named like a brand."
)
def _free_mail_brand(parties: Relations) -> Hit | None:
    domain = parties.evidence.headers.from_.domain.registrable
    if not parties.strange_claims or not is_freemail(domain):
        return None
    claimed = parties.strange_claims[0].brand
    # A telephone company whose customers' mailboxes are at its domain, writing of its own site.
    if is_own(claimed, parties.evidence.headers.from_.domain) and (
        share_of_links(parties.evidence, claimed) >= AGENCY_LINKS
    ):
        return None
    brand = claimed.name
    reason = f"The name claims {brand}, but the sender has a free mailbox at {domain}"
    return Hit(reason, {"brand": brand, "from_domain": domain})


@DETECTOR.signal(
    "from_lookalike_brand",
    "phish",
    "The sender's domain resembles a brand's: confusable letters, a typing slip, added words.",
)
def _from_lookalike_brand(parties: Relations) -> Hit | None:
    found = likeness(parties.evidence.headers.from_.domain, parties.brands)
    if found is None or proves(parties.evidence, found.brand, parties.brands):
        return None
    reason = f"The sender's domain {parties.sender} is {found.brand}'s name {found.how}"
    return Hit(reason, {"brand": found.brand, "from_domain": parties.sender})


@DETECTOR.signal(
    "from_lookalike_recipient",
    "phish",
    "The sender's domain resembles the recipient's own without being it.",
)
def _from_lookalike_recipient(parties: Relations) -> Hit | None:
    domain = parties.evidence.headers.from_.domain
    if not domain.registrable or domain.registrable in parties.organizations:
        return None
    for name in sorted(parties.organizations):
        how = resembles(domain, split_host(name))
        if how:
            reason = f"The sender's domain {parties.sender} is your own, {name}, {how}"
            return Hit(reason, {"own_domain": name, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "display_name_recipient_domain",
    "phish",
    "The display name carries the recipient's organization, the sender is outside of it.",
)
def _display_name_recipient_domain(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    words = headers.display_words
    for name in sorted(parties.organizations - {headers.from_.domain.registrable}):
        label = split_host(name).label
        related = label in headers.from_.domain.label
        if len(label) >= _SHORTEST_LABEL and label in words and not related:
            reason = f"The name speaks for {name}, but the address is at {parties.sender}"
            return Hit(reason, {"own_domain": name, "from_domain": parties.sender})
    return None
