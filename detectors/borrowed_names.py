"""Names on domains that were registered for them: a brand with words added, our own help desk."""

import re
from typing import Final

from detectors.brand_proof import proven_brand
from detectors.brands import compact
from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from detectors.strange_links import kinds_of
from features.hosts import is_freemail

__all__ = ["DETECTOR"]

DETECTOR = Checks("impersonation", relate)

_WORDS = re.compile(r"[-_0-9]+")
_SHORTEST = 3  # letters of a brand; the name above claims it too
# What an organization calls its own desks and machines, and nothing else.
_DESKS: Final = frozenset(
    (
        "it", "ict", "edv", "hr", "human", "resources", "resource", "payroll", "personnel",
        "personal", "benefits", "helpdesk", "help", "desk", "service", "support", "mail", "email",
        "mailbox", "webmail", "mailer", "server", "admin", "administrator", "postmaster", "system",
        "voicemail", "voice", "message", "messages", "scanner", "scan", "fax", "pbx", "quota",
        "storage", "notification", "notifications", "security", "team", "department", "dept",
        "office", "portal", "account", "accounts", "internal", "personalabteilung",
        "lohnbuchhaltung", "abteilung", "ressources", "humaines",
    )
)  # fmt: skip
_DESK_LURES: Final = ("mailbox", "credentials", "suspension", "payment_request")


@DETECTOR.signal(
    "display_name_brand_added",
    "phish",
    "The name claims a brand, and the domain is the brand's name with words added.",
)
def _display_name_brand_added(parties: Relations) -> Hit | None:
    label = parties.evidence.headers.from_.domain.label
    parts = _WORDS.split(label) if parties.strange_claims else []
    if len(parts) < 2 or proven_brand(parties.evidence, parties.brands):
        return None
    for claim in parties.strange_claims:
        for phrase in claim.brand.phrases:
            name = compact(phrase)
            if len(name) >= _SHORTEST and name in parts and name != compact(label):
                brand = claim.brand.name
                reason = f"It speaks as {brand} from {parties.sender}, which only contains the name"
                return Hit(reason, {"brand": brand, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "own_desk_lure",
    "phish",
    "Named like an organization's own help desk, it writes of mailbox or account from outside.",
)
def _own_desk_lure(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    named = headers.display_words
    domain = headers.from_.domain.registrable
    if not named or not _DESKS.issuperset(named) or parties.conversation:
        return None
    if not domain or domain in parties.own - parties.evidence.links.own or is_freemail(domain):
        return None
    if domain in parties.organizations or not kinds_of(parties, _DESK_LURES):
        return None
    reason = f"Its name is that of a help desk or a machine of yours, but it is from {domain}"
    return Hit(reason, {"from_domain": domain})
