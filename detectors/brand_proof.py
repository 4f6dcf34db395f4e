"""Whether a known brand's mail is proven to be the brand's: by its own signature, or SPF."""

from typing import Final

from detectors.brands import SHIPPED, Brand, Brands, brand_of
from features.domains import Domain, split_host
from features.evidence import Evidence
from features.hosts import MAIL_SERVICES, host_traits, is_freemail

__all__ = ["proven_brand", "proves"]

# Brands' domains under which each customer writes from a name of its own.
_TENANTS: Final = frozenset({"atlassian.net", "myshopify.com", "sharepoint.com", "zendesk.com"})


def proven_brand(evidence: Evidence, brands: Brands = SHIPPED) -> Brand | None:
    """Return the brand that From belongs to, if a domain of the same brand proves the message.

    A sister or platform domain of the brand may be the one that signs (From paypal.de, signed by
    paypal.com): From is signed with the rest (RFC 6376, 5.4). What anybody may rent or have a
    mailbox at proves nothing of the brand that owns it, and another's signature nothing at all.
    """
    author, authentication = evidence.headers.from_, evidence.authentication
    brand = brand_of(author.domain, brands)
    if brand is None or is_freemail(author.host):
        return None
    if author.domain.registrable in _TENANTS and author.domain.subdomain:
        return None
    if authentication.aligned and authentication.dmarc != "fail":
        return brand
    signers = map(split_host, authentication.dkim_domains)
    return brand if any(_vouches(brand, signer, brands) for signer in signers) else None


def proves(evidence: Evidence, name: str, brands: Brands = SHIPPED) -> bool:
    """Say whether a message is proven to be sent by the brand of that name, from any domain.

    A brand may write from a domain that no table knows, and signs it with one of its own.
    """
    proven = proven_brand(evidence, brands)
    if proven is not None and proven.name == name:
        return True
    signers = map(split_host, evidence.authentication.dkim_domains)
    owners = ((brand_of(signer, brands), signer) for signer in signers)
    return any(
        owner is not None and owner.name == name and _vouches(owner, signer, brands)
        for owner, signer in owners
    )


def _vouches(brand: Brand, signer: Domain, brands: Brands) -> bool:
    return (
        brand_of(signer, brands) is brand
        and signer.registrable not in MAIL_SERVICES
        and not is_freemail(signer.registrable)
        and "free_host" not in host_traits(signer.registrable)
    )
