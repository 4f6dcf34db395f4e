"""Away from here: money to another account, the talk to a messenger, a charge to a telephone."""

import re
from typing import Final

from detectors.brands import claims, is_own
from detectors.checks import Checks, Hit
from detectors.relations import Relations, relate
from detectors.strange_links import kinds_of
from detectors.telephones import has_telephone

__all__ = ["DETECTOR"]

DETECTOR = Checks("business", relate)

_READ = 8_000  # characters
_BEGINNING = 4_000  # characters
_SHORT = 150  # words
_BRAND_WORDS = 150
_INSISTS = 2  # phrases
_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}\b")
_MONEY = re.compile(r"[$€£] ?\d|\d ?(?:usd|eur|euro|gbp|€|\$|£)")
_NEW_NUMBER = re.compile(
    r"\b(?:neue (?:handy)?nummer|new number|nouveau numero|nuevo numero|nuovo numero"
    r"|nieuwe nummer|novo numero|nowy numer)\b"
)
# Bitcoin, Litecoin, Ethereum, Tron: whoever is paid there can't be asked for it back.
_COINS = re.compile(
    r"\b(?:(?:bc1|ltc1)[02-9ac-hj-np-z]{20,80}|0x[0-9a-fA-F]{40}|T[1-9A-HJ-NP-Za-km-z]{33}"
    r"|[13LM][1-9A-HJ-NP-Za-km-z]{25,33})\b"
)
_SUM = re.compile(r"(?<![\w])[$€£]?\d{1,3}[., ]?\d{2,3}\b")
_MESSENGERS: Final = frozenset({"whatsapp", "telegram"})
_MESSENGER_LINKS: Final = frozenset({"wa.me", "whatsapp.com", "t.me"})


@DETECTOR.signal(
    "new_bank_account",
    "phish",
    "It tells of a change of bank, or wants one, and brings the number of an account.",
)
def _new_bank_account(parties: Relations) -> Hit | None:
    if not kinds_of(parties, ("payment_request",)):
        return None
    found = _IBAN.search(parties.evidence.content.folded[:_READ])
    if found is None:
        return None
    country = found[0][:2].upper()
    reason = f"It wants money sent to another account, in {country}: ask by another way"
    return Hit(reason, {"country": country, "from_domain": parties.sender})


@DETECTOR.signal(
    "coins_demanded",
    "phish",
    "A sum, the address of a coin wallet and no link: in whatever language, it wants to be paid.",
)
def _coins_demanded(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if evidence.links.domains or parties.bulk:
        return None
    text = evidence.content.text[:_READ]
    found = _COINS.search(text)
    if found is None or found[0].isdigit() or found[0].isalpha():
        return None
    if not _SUM.search(text.replace(found[0], " ")):
        return None
    return Hit(
        "It wants a sum paid to the address of a coin wallet", {"from_domain": parties.sender}
    )


@DETECTOR.signal(
    "messenger_pitch",
    "spam",
    "A few words about money or a new number, to be answered on a messenger.",
)
def _messenger_pitch(parties: Relations) -> Hit | None:
    content = parties.evidence.content
    if len(content.words) > _SHORT or _MESSENGERS.isdisjoint(content.words) or parties.bulk:
        return None
    if parties.evidence.links.domains - _MESSENGER_LINKS:  # a footer's, among others
        return None
    start = content.folded[:_BEGINNING]
    if not _MONEY.search(start) and not _NEW_NUMBER.search(start):
        return None
    return Hit("It wants to go on elsewhere, on a messenger", {"from_domain": parties.sender})


@DETECTOR.signal(
    "charge_to_telephone",
    "phish",
    "An amount, a number to call about it, and no link: insisting, or about a brand's charge.",
)
def _charge_to_telephone(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    content = evidence.content
    if evidence.links.domains or parties.bulk or not kinds_of(parties, ("callback",)):
        return None
    start = content.folded[:_BEGINNING]
    if not has_telephone(start) or not _MONEY.search(start):
        return None
    author = evidence.headers.from_.domain
    named = (
        claim.brand.name
        for claim in claims(content.words[:_BRAND_WORDS], parties.brands)
        if not is_own(claim.brand, author)
    )
    brand = next(named, "")
    if not brand and content.phrases["callback"] < _INSISTS:
        return None
    about = f" in the name of {brand}" if brand else ""
    return Hit(
        f"It tells of a charge{about}, has no link, and wants to be called",
        {"brand": brand, "from_domain": parties.sender},
    )
