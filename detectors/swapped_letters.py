"""A capital I written for a small l: the eye reads "Ledger" where filters read "iedger"."""

import re

from detectors.brands import claims
from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from features.lexicon import find_phrases
from features.text import fold, words

__all__ = ["DETECTOR"]

DETECTOR = Checks("impersonation", relate)

# Inside a word, at its end, or at its start before a letter that hardly any word has after its I.
_SUSPECT = re.compile(r"[A-Za-z]I[a-z]|[a-z]I\b|\bI[aeou]")
_READ = 512  # characters of name and subject each
_WORDS = 64


@DETECTOR.signal(
    "swapped_letters",
    "phish",
    "Name or subject read as a brand or a lure once each capital I is taken for a small l.",
)
def _swapped_letters(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    for text, where in ((headers.from_.display, "sender's name"), (headers.subject, "subject")):
        if "I" not in text or not _SUSPECT.search(text[:_READ]):
            continue
        written = words(fold(text[:_READ]), _WORDS)
        seen = words(fold(text[:_READ].replace("I", "l")), _WORDS)
        known = {claim.brand.name for claim in claims(written, parties.brands)}
        for claim in claims(seen, parties.brands):
            if claim.brand.name not in known:
                brand = claim.brand.name
                reason = f"The {where} writes {brand} with a capital I for a small l"
                return Hit(reason, {"brand": brand})
        before = find_phrases(written)
        if any(phrases - before.get(group, set()) for group, phrases in find_phrases(seen).items()):
            return Hit(f"The {where} has capital I's where small l's belong")
    return None
