"""Which identity is proven, and by what: SPF, DKIM, DMARC, ARC as our own edge reported them."""

from dataclasses import dataclass
from typing import Literal

from features.context import Context
from features.envelope import Envelope
from features.headers import Headers
from features.message import Message

__all__ = ["Authentication", "Result", "read_authentication"]

Result = Literal[
    "pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror", "missing"
]


@dataclass(frozen=True, slots=True)
class Authentication:
    """Results by method; `missing` where nobody of ours looked, which is not a failure.

    `dkim_domains` are the d= of signatures that pass. `spf_domain` is the domain SPF passed for.
    `aligned` says whether a proven domain has From's organizational domain (RFC 9989 relaxed
    alignment). `proven` is that identity's domain, `proven_by` how ("dkim", "spf", ""):
    aligned DKIM first, then aligned SPF, then any DKIM, then SPF. `forged` counts
    Authentication-Results headers that bear our authserv-id though we don't let it through.
    `source` is "facts", "header" or "".
    """

    spf: Result
    dkim: Result
    dmarc: Result
    arc: Result
    arc_sealer: str
    spf_domain: str
    dkim_domains: tuple[str, ...]
    aligned: bool | None
    proven: str
    proven_by: Literal["dkim", "spf", ""]
    forged: int
    source: Literal["facts", "header", ""]


def read_authentication(
    headers: Headers, message: Message, envelope: Envelope, context: Context
) -> Authentication:
    """Take results from the envelope's facts, else from headers of our own verifier (RFC 8601)."""
    raise NotImplementedError
