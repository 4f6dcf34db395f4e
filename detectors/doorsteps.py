"""What a lure alone needs: a domain of many words, and a fee too small to think about."""

import re
from typing import Final

from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from detectors.strange_links import BAIT, kinds_of, misnamed

__all__ = ["DETECTOR"]

DETECTOR = Checks("combinations", relate)

_HYPHENS = 2
_READ = 3_000  # characters
_SHORT = 150  # words: a shop's receipt, with its own shipping costs, is longer
_SMALL = re.compile(
    r"\b\d[.,]\d\d ?(?:€|eur\b|euro\b|£|\$|usd\b|gbp\b|zl\b|pln\b)|[€£$] ?\d[.,]\d\d\b"
)
_FEES: Final = frozenset(
    (
        "fee", "fees", "redelivery", "customs", "toll", "gebuhr", "zollgebuhr", "versandgebuhr",
        "zoll", "frais", "douane", "tasa", "tasas", "aduana", "taxa", "taxas", "alfandega",
        "spese", "dogana", "kosten", "invoerkosten", "doplata", "niedoplaty",
    )
)  # fmt: skip


@DETECTOR.signal(
    "many_worded_sender_lure",
    "phish",
    "The sender's domain is three words or more joined by hyphens, and the text lures or alarms.",
)
def _many_worded_sender_lure(parties: Relations) -> Hit | None:
    label = parties.evidence.headers.from_.domain.label
    if label.count("-") < _HYPHENS or label.startswith("xn--") or parties.conversation:
        return None
    if not kinds_of(parties, ("credentials", *BAIT)):
        return None
    home = not parties.own.isdisjoint(parties.evidence.links.domains)
    named = not parties.strange_claims and not misnamed(parties.evidence.headers)
    if home and named:
        return None  # grundschule-am-see.de: a place's full name
    reason = f"It lures or alarms, from {parties.sender}, a domain of many words"
    return Hit(reason, {"from_domain": parties.sender})


@DETECTOR.signal(
    "parcel_small_fee",
    "phish",
    "A few words about a parcel that waits for a fee of less than ten.",
)
def _parcel_small_fee(parties: Relations) -> Hit | None:
    content = parties.evidence.content
    if not kinds_of(parties, ("parcel",)) or len(content.words) >= _SHORT or parties.bulk:
        return None
    if _FEES.isdisjoint(content.words) or not _SMALL.search(content.folded[:_READ]):
        return None
    return Hit(
        "A parcel is said to wait for a fee of small change", {"from_domain": parties.sender}
    )
