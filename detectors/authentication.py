"""What our own edge proved about the sender; where nobody looked, nothing is said."""

from detectors.brand_proof import proven_brand
from detectors.checks import Checks, Hit, evidence_itself
from detectors.relations import display_host, shown_host
from features.evidence import Evidence

__all__ = ["DETECTOR"]


DETECTOR = Checks("authentication", evidence_itself)


@DETECTOR.signal(
    "dmarc_fail", "phish", "DMARC failed: the From domain disowns this message (RFC 9989)."
)
def _dmarc_fail(evidence: Evidence) -> Hit | None:
    authentication = evidence.authentication
    # A trusted forwarder that saw it pass breaks SPF and DKIM for honest reasons (RFC 8617).
    if authentication.dmarc != "fail" or authentication.arc_sealer:
        return None
    host = display_host(evidence)
    return Hit(f"{host} doesn't vouch for this message (DMARC)", {"from_domain": host})


@DETECTOR.signal(
    "spf_fail", "spam", "SPF failed: the envelope sender's domain forbids this server (RFC 7208)."
)
def _spf_fail(evidence: Evidence) -> Hit | None:
    authentication = evidence.authentication
    if authentication.spf != "fail" or authentication.aligned or authentication.arc_sealer:
        return None
    host = shown_host(evidence.headers.return_path.domain.registrable) or display_host(evidence)
    return Hit(f"{host} forbids the server that sent this (SPF)", {"domain": host})


@DETECTOR.signal(
    "authentication_results_forged",
    "phish",
    "An Authentication-Results header bears our own name though we didn't write it (RFC 8601).",
)
def _authentication_results_forged(evidence: Evidence) -> Hit | None:
    count = evidence.authentication.forged
    if not count:
        return None
    return Hit("It carries authentication results in our name that aren't ours", {"headers": count})


@DETECTOR.signal(
    "brand_authenticated",
    "ham",
    "The From domain is a known brand's, and a signature or SPF of the brand's own proves it.",
)
def _brand_authenticated(evidence: Evidence) -> Hit | None:
    # Shipped brands alone: a policy vouches for its own domains with an allow entry.
    brand = proven_brand(evidence)
    if brand is None:
        return None
    host = display_host(evidence)
    reason = f"{host} is {brand.name}'s domain, and the message is proven to come from it"
    proven_by = evidence.authentication.proven_by
    inputs = {"brand": brand.name, "from_domain": host, "proven_by": proven_by}
    return Hit(reason, inputs)
