"""Who is a stranger to whom: sender, recipient, the brand named, and where the links lead."""

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from detectors.brand_proof import proven_brand
from detectors.brands import SHIPPED, Brands, Claim, brand_of, claims, is_own
from detectors.threads import is_reply, names_thread
from features.context import Context
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import FREEMAIL, is_freemail
from features.links import Link

__all__ = ["Relations", "display_host", "leads_home", "link_target", "relate", "shown_host"]

_LIST_FIELDS = ("list-post", "mailing-list", "x-mailing-list")
_STEM = 4  # letters; shorter labels are in too many names by chance
_NAME_STEM = 5
_NO_TRAITS = frozenset[str]()
_HOST = re.compile(r"\[[0-9a-f:.]{2,45}\]|[\w.-]{0,80}")


class Relations(msgspec.Struct, frozen=True, gc=False, eq=False):
    """What checks of several subjects ask about a message's parties.

    `brands` are the tenant's: the shipped ones and its policy's. `link_traits` are those of any
    link. `own` are registrable domains of
    the sender, its brand, the tenant and the recipients' organizations.
    `foreign`: there are links, none to `own`, and not all to mail services; a bare IP address is
    nobody's. `all_foreign`: the same with mail services counted as foreign. `claims` are brands
    that the display name names, `strange_claims` those that the sender isn't, `subject_claims` the
    same for the subject.
    `conversation`: a credible reply. `bulk`: that, or any list header, which anybody can write.
    `stranger`: HTML whose links are foreign and share no word with the sender's name or domain,
    outside conversations, and not a brand's proven own mail.
    """

    evidence: Evidence
    context: Context
    brands: Brands
    link_traits: frozenset[str]
    own: frozenset[str]
    organizations: frozenset[str]
    claims: tuple[Claim, ...]
    strange_claims: tuple[Claim, ...]
    subject_claims: tuple[Claim, ...]
    foreign: bool
    all_foreign: bool
    conversation: bool
    bulk: bool
    stranger: bool

    @property
    def sender(self) -> str:
        """The From domain as shown in reasons."""
        return display_host(self.evidence)

    @property
    def leads_to(self) -> str:
        """One of the foreign domains linked to, the same each time; "other domains" if none."""
        links = self.evidence.links
        foreign = (links.foreign or links.domains) - self.own
        bare = (link.host for link in links.all if "ip" in link.traits)
        return shown_host(min(foreign, default="") or min(bare, default="")) or "other domains"


def display_host(evidence: Evidence) -> str:
    """Return the From domain as a reason shows it: registrable, else as written, else words."""
    mailbox = evidence.headers.from_
    return shown_host(mailbox.domain.registrable or mailbox.host) or "no usable address"


def leads_home(evidence: Evidence) -> bool:
    """Say whether a link leads to a domain of the sender's own, as a company's own mail does."""
    return not evidence.links.own.isdisjoint(evidence.links.domains)


def link_target(link: Link) -> str:
    """Return where a link leads as a reason shows it: registrable domain, else host."""
    return shown_host(link.domain.registrable or link.host)


def shown_host(host: str) -> str:
    """Return a host as far as it can be one, at most 80 characters.

    A sender may write anything in a host's place: what stands before an @ or behind a blank may
    be somebody's name.
    """
    found = _HOST.match(host.rpartition("@")[2])
    return found[0] if found else ""


@lru_cache(maxsize=1)
def relate(evidence: Evidence, context: Context, brands: Brands = SHIPPED) -> Relations:
    """Work the relations out, once a message for all detectors that read them."""
    headers, links = evidence.headers, evidence.links
    organizations = frozenset(
        domain
        for address in headers.recipients
        if (domain := split_host(address.rpartition("@")[2]).registrable)
        and not is_freemail(domain)
    )
    sister = brand_of(headers.from_.domain, brands)
    own = links.own | organizations | brands.own_domains
    own |= sister.domains if sister else frozenset()
    linked_home = bool(links.domains & own)
    link_traits = _NO_TRAITS.union(*[link.traits for link in links.all])
    bare = "ip" in link_traits
    foreign = (bare or bool(links.foreign - own)) and not linked_home
    first = evidence.message.first
    conversation = is_reply(evidence)
    found = tuple(claims(headers.display_words, brands))
    strange = _strange(evidence, found)
    return Relations(
        evidence=evidence,
        context=context,
        brands=brands,
        link_traits=link_traits,
        own=own,
        organizations=organizations,
        claims=found,
        strange_claims=strange,
        subject_claims=_strange(evidence, claims(headers.subject_words, brands)),
        foreign=foreign,
        all_foreign=(bare or bool(links.domains)) and not linked_home,
        conversation=conversation,
        bulk=conversation
        or headers.list_unsubscribe
        or bool(headers.list_id or any(map(first, _LIST_FIELDS)))
        or names_thread(evidence),
        stranger=evidence.content.is_html
        and foreign
        and not conversation
        and not (sister and proven_brand(evidence, brands))
        and not _related(evidence, strange),
    )


def _strange(evidence: Evidence, found: Sequence[Claim]) -> tuple[Claim, ...]:
    """Return the claims of brands that neither From, Return-Path nor a signature belongs to."""
    if not found:
        return ()
    headers, authentication = evidence.headers, evidence.authentication
    proven = [split_host(domain) for domain in authentication.dkim_domains]
    if headers.from_.host not in FREEMAIL:  # a mailbox at gmail.com isn't Google
        proven.append(headers.from_.domain)
    if authentication.spf not in {"fail", "softfail"}:
        proven.append(headers.return_path.domain)
    return tuple(c for c in found if not any(is_own(c.brand, domain) for domain in proven))


def _related(evidence: Evidence, strange: tuple[Claim, ...]) -> bool:
    """Say whether a linked domain shares a word with the From domain or name: a sister domain.

    A name that claims a brand which the sender isn't relates to the brand's own domains alone.
    """
    sender = _letters(evidence.headers.from_.domain.label)
    name = "".join(evidence.headers.display_words)
    for link in evidence.links.all:
        label = _letters(link.domain.label)
        if len(label) < _STEM:
            continue
        if label in sender or (len(sender) >= _STEM and sender in label):
            return True
        if (label in name or (len(name) >= _NAME_STEM and name in label)) and (
            not strange or any(is_own(claim.brand, link.domain) for claim in strange)
        ):
            return True
    return False


def _letters(label: str) -> str:
    return "".join(filter(str.isalnum, label))
