"""HTML templates of transactional mail wrapped into messages, as their senders would send them."""

import hashlib
import re
from base64 import urlsafe_b64encode
from email.message import EmailMessage
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser

__all__ = ["RECIPIENT", "wrap"]

RECIPIENT = "recipient@example.com"


class _Company(NamedTuple):
    name: str
    domain: str
    local: str


# Invented senders: a word of the name is in the domain, as with most real ones.
_COMPANIES = (
    _Company("Halden Supply", "haldensupply.com", "hello"),
    _Company("Brightloom", "brightloom-studio.com", "support"),
    _Company("Kestrel & Sons", "kestrelandsons.co.uk", "orders"),
    _Company("The Larkfield Team", "larkfield.io", "noreply"),
    _Company("Studio Nordlicht", "studio-nordlicht.de", "info"),
    _Company("Maplewood Fitness", "maplewoodfitness.ca", "team"),
)
# A mail service that is on no list of ours: unknown ones must not condemn their customers.
_SERVICE = "quillpost-mail.com"

_SUBJECTS = {
    "invoice": "Your invoice from {name}",
    "receipt": "Your receipt from {name}",
    "ship": "Your {name} order is on its way",
    "confirm": "Please confirm your address",
    "activat": "Activate your account",
    "invit": "You are invited to join {name}",
    "survey": "How did we do?",
    "rating": "Rate your last order",
    "birthday": "Happy birthday from {name}",
    "coupon": "20% off your next order",
    "progress": "Your weekly progress",
    "reignite": "We have missed you",
    "upsell": "Get more out of {name}",
    "welcome": "Welcome to {name}",
    "update": "What is new at {name}",
}
_FALLBACK_SUBJECT = "News from {name}"
_MARKETING = frozenset({"survey", "rating", "birthday", "coupon", "reignite", "upsell", "update"})

_PLACEHOLDER = re.compile(
    r"\{\{\s*(\w{1,40})\s*\}\}|\{(first_name|name|email)\}|\*\|(\w{1,40})\|\*|%(\w{1,20}_name)%"
)
_TARGET = re.compile(
    r'href="(#|http://|https?://www\.(?:sendwithus|yoursitename)\.com/?)?"', re.IGNORECASE
)
_PATHS = ("", "account", "orders/20418", "help", "settings/email", "blog/spring", "contact")
_VALUES = {"email": RECIPIENT, "address": "12 Mill Lane, Bristol", "amount": "$42.00"}


def wrap(html: str, *, esp: bool) -> bytes:
    """Return a message (RFC 5322 bytes) with a template as its body; the same for the same input.

    With `esp` false, links, Message-ID and Return-Path are of the sender's own domain; with
    `esp` true they are a mail service's that no list knows. Placeholders get plausible values.
    Half of the templates get a text/plain alternative, chosen by the template's digest.
    """
    digest = hashlib.sha256(html.encode("utf-8", "replace")).digest()
    company = _COMPANIES[digest[0] % len(_COMPANIES)]
    kind = _kind(html)
    body = _fill(html, company, digest, esp=esp)
    sender = f"mail.{_SERVICE}" if esp else company.domain

    message = EmailMessage()
    token = digest[:9].hex()
    bounce = f"bounce+{token}@{sender}" if esp else f"bounces@{sender}"
    message["Return-Path"] = f"<{bounce}>"
    message["Received"] = (
        f"from {'o1.' if esp else 'mx1.'}{sender} ([192.0.2.{digest[1]}]) "
        f"by mx.example.com with ESMTPS id {token[:8]}; Tue, 03 Jun 2025 09:12:48 +0000"
    )
    message["Date"] = "Tue, 03 Jun 2025 09:12:44 +0000"
    message["From"] = f'"{company.name}" <{company.local}@{company.domain}>'
    message["To"] = RECIPIENT
    message["Subject"] = _SUBJECTS.get(kind, _FALLBACK_SUBJECT).format(name=company.name)
    message["Message-ID"] = f"<{token}@{sender}>"
    if kind in _MARKETING:
        message["List-Unsubscribe"] = f"<https://{_click_host(company, esp=esp)}/u/{token}>"
    if digest[2] % 2:
        message.set_content(_visible(body))
        message.add_alternative(body, subtype="html")
        message.set_boundary(f"=_{token}")
    else:
        message.set_content(body, subtype="html")
    return message.as_bytes()


def _kind(html: str) -> str:
    start = html.lower().find("<title")
    title = html[start : start + 120].lower() if start >= 0 else ""
    for kind in _SUBJECTS:
        if kind in title:
            return kind
    text = _visible(html).lower()
    kind = max(_SUBJECTS, key=text.count)
    return kind if kind in text else ""


def _click_host(company: _Company, *, esp: bool) -> str:
    return f"click.{_SERVICE}" if esp else f"www.{company.domain}"


def _fill(html: str, company: _Company, digest: bytes, *, esp: bool) -> str:
    count = 0

    def target(_match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        host = _click_host(company, esp=esp)
        if esp:
            seed = hashlib.sha256(digest + bytes([count % 256])).digest()
            return f'href="https://{host}/ls/click?upn={urlsafe_b64encode(seed).decode()}"'
        return f'href="https://{host}/{_PATHS[count % len(_PATHS)]}"'

    def value(match: re.Match[str]) -> str:
        name = next(group for group in match.groups() if group).lower()
        return next((given for key, given in _VALUES.items() if key in name), "Alex")

    filled = _PLACEHOLDER.sub(value, _TARGET.sub(target, html))
    filled = filled.replace("email@yoursitename.com", f"{company.local}@{company.domain}")
    return re.sub(r"your\s?site\s?name(?:\.com)?", company.name, filled, flags=re.IGNORECASE)


def _visible(html: str) -> str:
    body = LexborHTMLParser(html).body
    lines = body.text(separator="\n").splitlines() if body else []
    return "\n".join(line.strip() for line in lines if line.strip())
