"""A recipient's address in a link: in clear, percent-encoded, in base64 or in hex."""

from base64 import b64encode
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from features.text import fold

__all__ = ["RECIPIENTS", "RecipientMarks", "recipient_marks"]

RECIPIENTS = 8  # that are looked for
_LONGEST = 1_024  # characters of all addresses; more, and their forms aren't kept for the next
_SHORTEST = 7  # characters of an address; shorter ones occur by chance
_SHORTEST_CODED = 10
# What honest links with the address in clear are for, in text and address.
_OWN_AFFAIRS: Final = (
    "unsub", "optout", "opt-out", "opt out", "abmeld", "abbestell", "desinscri", "desabon", "baja",
    "descadastr", "uitschrijv", "afmeld", "remove", "preferen", "browser", "online", "view",
    "web", "ver no", "voir",
)  # fmt: skip
_OWN_AFFAIRS_URL: Final = ("unsub", "optout", "opt-out", "prefer", "remove")


class RecipientMarks:
    """The forms that some addresses take in links."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        read = [address for address in addresses[:RECIPIENTS] if len(address) >= _SHORTEST]
        self._clear = tuple({form for address in read for form in _clear_forms(address)})
        coded = {
            form for address in read for form in _base64_forms(address.encode("utf-8", "replace"))
        }
        self._coded = tuple(form for form in coded if len(form) >= _SHORTEST_CODED)
        self._hex = tuple(address.encode("utf-8", "replace").hex() for address in read)

    def occur_in(self, text: str) -> bool:
        """Tell whether any form occurs in any link of the (joined) text."""
        if not self._clear:
            return False
        lowered = text.lower()
        return self._has_clear(lowered) or self._has_coded(text, lowered)

    def traits(self, url: str, shown: str) -> set[str]:
        """Return recipient_clear and recipient_encoded as they hold for a link and its text."""
        lowered = url.lower()
        found = set()
        if self._has_clear(lowered) and not _is_own_affair(lowered, shown):
            found.add("recipient_clear")
        if self._has_coded(url, lowered):
            found.add("recipient_encoded")
        return found

    def _has_clear(self, lowered: str) -> bool:
        return any(form in lowered for form in self._clear)

    def _has_coded(self, url: str, lowered: str) -> bool:
        return any(form in url for form in self._coded) or any(
            form in lowered for form in self._hex
        )


def recipient_marks(addresses: tuple[str, ...]) -> RecipientMarks:
    """Return the marks of the first eight addresses of seven characters or more."""
    usual = sum(map(len, addresses)) <= _LONGEST
    return _kept(addresses) if usual else RecipientMarks(addresses)


_kept = lru_cache(maxsize=1_024)(RecipientMarks)


def _clear_forms(address: str) -> tuple[str, ...]:
    return address, address.replace("@", "%40"), quote(address, safe="").lower()


def _base64_forms(octets: bytes) -> set[str]:
    """Return what stands in base64 for the octets at any offset, whatever is around them."""
    forms = set()
    for offset, skipped in enumerate((0, 2, 3)):
        text = b64encode(b"\0" * offset + octets).decode("ascii")
        sure = text[skipped : (offset + len(octets)) * 8 // 6]
        forms |= {sure, sure.replace("+", "-").replace("/", "_")}
    return forms


def _is_own_affair(lowered: str, shown: str) -> bool:
    if any(word in lowered for word in _OWN_AFFAIRS_URL):
        return True
    text = fold(shown[:200])
    return any(word in text for word in _OWN_AFFAIRS)
