"""What was found inside attachments that were opened: links, codes, what runs by itself."""

import re
from collections.abc import Iterable, Iterator

from detectors.brands import Brands, brand_of
from detectors.checks import Checks, Hit
from detectors.relations import Relations, link_target, relate, shown_host
from detectors.telephones import has_telephone
from features.context import Context
from features.evidence import Evidence
from features.hosts import is_freemail
from features.lexicon import find_phrases
from features.links import Link
from features.opened import File, Inside
from features.text import fold, words

__all__ = ["DETECTOR"]


def _opened_or_attached(evidence: Evidence, context: Context, brands: Brands) -> Relations | None:
    if not (evidence.opened or evidence.attachments.all):
        return None
    return relate(evidence, context, brands)


DETECTOR = Checks("attachments", _opened_or_attached)

_NAMES = {"pdf": "PDF", "office": "document", "image": "picture", "text": "text"}
_CHEAP = (
    "shortener", "free_host", "storage_page", "raw_storage", "open_redirector", "ip_obfuscated",
    "ip", "userinfo", "cheap_tld",
)  # fmt: skip
_PERSONAL = frozenset({"recipient_clear", "recipient_encoded"})
_DOMAINS = 2  # of a document that exists for its link; more are references
_STEM = 4  # letters
_WORDS = 1_000
_CALLBACK = 2  # phrases: an honest bill says whom to call, once
_BEGINNING = 4_000  # characters
_PASSWORD = re.compile(
    r"\b(?:password|passcode|passwort|kennwort|mot de passe|contrasena|clave|senha|wachtwoord"
    r"|haslo) {0,2}(?::|=|is|ist|est|es|e)? {0,2}[\"']?([^\s\"'<>]{3,24})"
)


def _opened(parties: Relations, *kinds: str) -> Iterator[Inside]:
    return (inside for inside in parties.evidence.opened if inside.file.kind in kinds)


def _strange(parties: Relations, links: Iterable[Link]) -> list[Link]:
    """Return the links if they lead to strangers alone, else none.

    Who isn't one: the sender, us, any known brand (an honest bill names its bank, its software and
    its network), and whoever shares a word with the sender's domain.
    """
    led = [link for link in links if link.domain.registrable and "mail_service" not in link.traits]
    sender = parties.evidence.headers.from_.domain.label
    for link in led:
        label, registrable = link.domain.label, link.domain.registrable
        if registrable in parties.own or _alike(label, sender):
            return []
        # Anybody may publish on a brand's free host: the brand doesn't vouch for it.
        if link.traits.isdisjoint(_CHEAP) and brand_of(link.domain, parties.brands) is not None:
            return []
    return led


def _alike(label: str, sender: str) -> bool:
    short, long = sorted((label, sender), key=len)
    return len(short) >= _STEM and short in long


def _cheap(parties: Relations, links: Iterable[Link]) -> tuple[Link, str] | None:
    for link in links:
        if link.domain.registrable in parties.own:
            continue
        for trait in _CHEAP:
            if trait in link.traits and "content_network" not in link.traits:
                return link, trait
    return None


def _codes(parties: Relations) -> Iterator[Link]:
    return (link for inside in parties.evidence.opened for link in inside.codes)


@DETECTOR.signal(
    "attachment_link_stranger",
    "phish",
    "An attached PDF or document exists for a link: to one or two domains, all strangers.",
)
def _attachment_link_stranger(parties: Relations) -> Hit | None:
    if parties.conversation:
        return None
    for inside in _opened(parties, "pdf", "office"):
        led = _strange(parties, inside.links)
        domains = {link.domain.registrable for link in led}
        if not 1 <= len(domains) <= _DOMAINS:
            continue
        name, target = _NAMES[inside.file.kind], link_target(led[0])
        only = f"The {name}'s only link leads" if len(led) == 1 else f"The {name}'s links lead"
        return Hit(f"{only} to {target}", {"kind": inside.file.kind, "target": target})
    return None


@DETECTOR.signal(
    "attachment_link_cheap",
    "phish",
    "A link in an attached PDF or document leads to a shortener, rented space or a bare address.",
)
def _attachment_link_cheap(parties: Relations) -> Hit | None:
    for inside in _opened(parties, "pdf", "office"):
        found = _cheap(parties, inside.links)
        if found is not None:
            host, name = shown_host(found[0].host), _NAMES[inside.file.kind]
            reason = f"A link in the {name} leads to {host}, where anybody may publish"
            return Hit(reason, {"kind": inside.file.kind, "host": host, "trait": found[1]})
    return None


@DETECTOR.signal(
    "attachment_link_personal",
    "phish",
    "A link in an attachment, or a code in one, carries the recipient's address to a stranger.",
)
def _attachment_link_personal(parties: Relations) -> Hit | None:
    for inside in parties.evidence.opened:
        for where, links in (("link", inside.links), ("code", inside.codes)):
            for link in links:
                if link.traits & _PERSONAL and link.domain.registrable not in parties.own:
                    target = link_target(link)
                    carries = f"A {where} in the {_NAMES[inside.file.kind]} carries"
                    reason = f"{carries} the recipient's address to {target}"
                    return Hit(reason, {"kind": inside.file.kind, "target": target})
    return None


@DETECTOR.signal(
    "attachment_code_stranger",
    "phish",
    "A QR code in a picture, PDF or document leads to a stranger.",
)
def _attachment_code_stranger(parties: Relations) -> Hit | None:
    led = [] if parties.conversation else _strange(parties, _codes(parties))
    if not led:
        return None
    target = link_target(led[0])
    return Hit(f"A code to be scanned leads to {target}", {"target": target})


@DETECTOR.signal(
    "attachment_code_personal",
    "phish",
    "A QR code holds a web address with the recipient's address in it: made for one to sign in.",
)
def _attachment_code_personal(parties: Relations) -> Hit | None:
    known = parties.organizations | parties.brands.own_domains
    for link in _codes(parties):
        if link.traits & _PERSONAL and link.domain.registrable not in known:
            target = link_target(link)
            return Hit(f"A code to be scanned takes your address to {target}", {"target": target})
    return None


@DETECTOR.signal(
    "attachment_code_only",
    "phish",
    "The text has no link: a QR code stands for it, and leads to a stranger.",
)
def _attachment_code_only(parties: Relations) -> Hit | None:
    if parties.evidence.links.domains or parties.conversation:
        return None
    led = _strange(parties, _codes(parties))
    if not led:
        return None
    target = link_target(led[0])
    return Hit(f"Its only way on is a code to be scanned, to {target}", {"target": target})


@DETECTOR.signal(
    "attachment_code_cheap",
    "phish",
    "A QR code leads to a shortener, rented space or a bare address.",
)
def _attachment_code_cheap(parties: Relations) -> Hit | None:
    found = _cheap(parties, _codes(parties))
    if found is None:
        return None
    host = shown_host(found[0].host)
    reason = f"A code to be scanned leads to {host}, which hides or rents out its pages"
    return Hit(reason, {"host": host, "trait": found[1]})


@DETECTOR.signal(
    "code_drawn_in_text",
    "phish",
    "A code to be scanned is drawn with block characters, where no scanner of pictures sees it.",
)
def _code_drawn_in_text(parties: Relations) -> Hit | None:
    for inside in _opened(parties, "text"):
        led = next((link for link in inside.codes if link.domain.registrable), None)
        if led is not None and led.domain.registrable not in parties.own:
            target = link_target(led)
            return Hit(f"A code drawn with letters leads to {target}", {"target": target})
    return None


@DETECTOR.signal(
    "attachment_pdf_callback",
    "phish",
    "A PDF without links bills for an order and wants a call, from a free mailbox or to nobody.",
)
def _attachment_pdf_callback(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if evidence.links.domains or parties.conversation:
        return None
    named = "@" in evidence.message.first("to")
    if named and not is_freemail(evidence.headers.from_.domain.registrable):
        return None
    if any(_asks_for_a_call(inside) for inside in _opened(parties, "pdf")):
        return Hit("The PDF bills for an order and wants you to call a telephone number")
    return None


def _asks_for_a_call(inside: Inside) -> bool:
    if inside.links or not inside.file.text:
        return False
    folded = fold(inside.file.text)
    if not has_telephone(folded):
        return False
    found = find_phrases(words(folded, _WORDS))
    return len(found.get("callback", ())) >= _CALLBACK and bool(found.get("invoice"))


def _with(parties: Relations, kind: str, *traits: str) -> File | None:
    for inside in _opened(parties, kind):
        if not inside.file.traits.isdisjoint(traits):
            return inside.file
    return None


@DETECTOR.signal(
    "attachment_pdf_active",
    "malware",
    "A PDF starts a program or runs script when it is opened or clicked.",
)
def _attachment_pdf_active(parties: Relations) -> Hit | None:
    if _with(parties, "pdf", "launch"):
        return Hit("The PDF starts a program when opened or clicked", {"what": "launch"})
    if _with(parties, "pdf", "javascript"):
        # Forms compute with it: that alone says little.
        return Hit("The PDF carries a script", {"what": "javascript"}, strength=0.3)
    return None


@DETECTOR.signal(
    "attachment_macro_autoexec",
    "malware",
    "A macro or object of an attached document runs by itself when the document is opened.",
)
def _attachment_macro_autoexec(parties: Relations) -> Hit | None:
    found = _with(parties, "office", "autoexec")
    if found is None:
        return None
    if "suspicious" in found.traits:
        return Hit("The document runs a macro when opened, and it can start programs or load files")
    # Workbooks that set themselves up when opened are honest work too.
    return Hit("The document runs a macro or object by itself when opened", strength=0.6)


@DETECTOR.signal(
    "attachment_document_loads",
    "malware",
    "An attached document fetches a template or object from elsewhere, or runs a command, by DDE.",
)
def _attachment_document_loads(parties: Relations) -> Hit | None:
    found = _with(parties, "office", "remote_template", "dde")
    if found is None:
        return None
    if "dde" in found.traits:
        return Hit("The document runs a command through a field (DDE)", {"what": "dde"})
    return Hit(
        "The document fetches its template or an object from elsewhere", {"what": "template"}
    )


@DETECTOR.signal(
    "attachment_password_told",
    "malware",
    "An attachment is locked and the text tells its password: it is locked against scanners.",
)
def _attachment_password_told(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    locked = "archive_encrypted" in evidence.attachments.traits or any(
        "encrypted" in inside.file.traits for inside in evidence.opened
    )
    if not locked:
        return None
    told = _PASSWORD.findall(evidence.content.folded[:_BEGINNING])
    # Who says what it is, and doesn't write it, as banks do, tells it to nobody else.
    if not any(char.isdigit() for word in told for char in word):
        return None
    return Hit("The attachment is locked, and the text beside it tells the password")
