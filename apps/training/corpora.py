"""Corpora of real mail read from folders, without what gives a label away."""

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from apps.training.templates import RECIPIENT, wrap

__all__ = [
    "Label",
    "Sample",
    "collector",
    "pooled",
    "read_corpora",
    "read_templates",
    "strip_artefacts",
]

Label = Literal["ham", "spam", "phish"]

_SPAM_OF = "-positive"  # ends the name of a collector's spam in the modern set


class Sample(NamedTuple):
    """One message: the source that figures are reported by, its label, RFC 5322 bytes.

    `family` names what it is cut from where that is known; messages of one are never split
    between training and evaluation.
    """

    source: str
    label: Label
    raw: bytes
    family: str = ""


def read_corpora(folder: Path) -> Iterator[Sample]:
    """Yield every message of a folder of corpora in the order of its paths, artefacts stripped.

    The folder holds any of `sa/` (SpamAssassin's public corpus), `modern/ham` and `modern/spam`,
    `phishing_pot*/` and `transactional_templates/`. Sources: `sa-easy-ham`, `sa-hard-ham`,
    `sa-spam`; `modern-X` for files named X_1.eml; `phishing-pot`, and `phishing-pot-forwards`
    (sent on by hand: their header is the forwarder's, so count them apart); `templates-plain` and
    `templates-esp`. Raises FileNotFoundError where the folder holds none of them.
    """
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    pot = [p for p in paths if _top(p, folder).startswith("phishing_pot")]
    owner = _find_owner(p.read_bytes() for p in pot)
    found = False
    for path in paths:
        for sample in _read(path, folder, owner):
            found = True
            yield sample
    if not found:
        raise FileNotFoundError(f"no corpora in {folder}: expected sa/, modern/, phishing_pot*/")


def read_templates(folder: Path) -> Iterator[Sample]:
    """Yield each HTML file below a folder as two messages, sources as in `read_corpora`.

    Templates of one design are taken to lie in a folder of their own. Raises FileNotFoundError
    where there are none.
    """
    paths = sorted(path for path in folder.rglob("*.html") if path.is_file())
    if not paths:
        raise FileNotFoundError(f"no *.html in {folder}")
    for path in paths:
        yield from _wrapped(path)


def pooled(source: str) -> str:
    """Return the pool that a source's false positives are counted in: easy, hard, ...

    Pools: `easy`, `hard`, `templates-plain`, `templates-esp`, else the source itself.
    """
    return {"sa-easy-ham": "easy", "sa-hard-ham": "hard"}.get(source, source)


def collector(source: str) -> str:
    """Return whose collection a source is of: ham and spam of one mailbox have one collector."""
    return source.removesuffix(_SPAM_OF)


def _top(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0]


def _read(path: Path, folder: Path, owner: bytes) -> Iterator[Sample]:
    top, *rest = path.relative_to(folder).parts
    if top == "sa" and len(rest) == 2:
        kind = re.sub(r"-\d+$", "", rest[0])
        label: Label = "ham" if "ham" in kind else "spam"
        yield Sample(f"sa-{kind}", label, strip_artefacts(path.read_bytes()))
    elif top == "modern" and len(rest) == 2 and rest[0] in {"ham", "spam"}:
        source = "modern-" + path.stem.rpartition("_")[0]
        label = "ham" if rest[0] == "ham" else "spam"
        yield Sample(source, label, strip_artefacts(path.read_bytes()))
    elif top.startswith("phishing_pot") and path.suffix == ".eml":
        raw = path.read_bytes()
        source = "phishing-pot-forwards" if _FORWARDED.search(raw) else "phishing-pot"
        yield Sample(source, "phish", strip_artefacts(_anonymise(raw, owner)))
    elif top == "transactional_templates" and path.suffix == ".html":
        yield from _wrapped(path)


def _wrapped(path: Path) -> Iterator[Sample]:
    html = path.read_text("utf-8", "replace")
    family = path.parent.name
    yield Sample("templates-plain", "ham", wrap(html, esp=False), family)
    yield Sample("templates-esp", "ham", wrap(html, esp=True), family)


# --- header fields that a receiver, a filter or the corpus's maker added

_DROPPED = (
    b"authentication-results",
    b"received-spf",
    b"arc-",
    b"dkim-",
    b"domainkey-",
    b"x-google-dkim-",
    b"x-authentication-",
    b"x-incoming",
    b"x-ms-exchange-",
    b"x-ms-office365-",
    b"x-ms-publictraffic",
    b"x-ms-traffictype",
    b"x-ms-userlastlogon",
    b"x-microsoft-",
    b"x-forefront-",
    b"x-eop",
    b"x-sid-",
    b"x-sender-ip",
    b"x-message-info",
    b"x-message-delivery",
    b"x-message-flag",
    b"x-pm-",
    b"x-greylist",
    b"x-spam",
    b"x-proofpoint-",
    b"x-ymail",
    b"x-apparently-to",
    b"x-virus-",
    b"x-sieve",
    b"status",
    b"x-status",
    b"lines",
    b"content-length",
)
_FIELD = re.compile(rb"^([!-9;-~]{1,100})[ \t]{0,4}:(.*(?:\r?\n[ \t].*)*)", re.MULTILINE)
_DROPPED_LINE = re.compile(rb"\0(?:\r?\n)?")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def strip_artefacts(raw: bytes) -> bytes:
    """Return a message without the mbox line and the header fields that speak of its corpus.

    Dropped are verdicts and authentication results of the receiving server, counts of the mailbox
    format, and Received lines of the collector's own machine (127.0.0.1).
    """
    if raw.startswith((b"From ", b">From ")):
        raw = raw.partition(b"\n")[2]
    end = _BLANK_LINE.search(raw)
    header, body = (raw[: end.start()], raw[end.start() :]) if end else (raw, b"")
    kept = _FIELD.sub(_kept, header.replace(b"\0", b""))
    return _DROPPED_LINE.sub(b"", kept).strip(b"\r\n") + body


def _kept(field: re.Match[bytes]) -> bytes:
    name = field[1].lower()
    if name.startswith(_DROPPED) or (name == b"received" and b"127.0.0.1" in field[2]):
        return b"\0"
    return field[0]


# --- Phishing Pot: one mailbox, whose owner's address was replaced only where it stood in clear

_OWNER_SHA256 = "890b91888e9f3dd16f8f4819be3b0e8afb80a14f2b6514efde0c389d7fc490a1"
_FORWARDED = re.compile(rb"^Delivered-To: *phish\.me\.again@", re.MULTILINE)
_POT = re.compile(
    rb"phish(?:ing|\.me\.again)?(?:@|%40|=40)(?:pot|gmail\.com)(?:[@=]hotmail\.com)?", re.IGNORECASE
)
_LINES = re.compile(rb"(?:[A-Za-z0-9+/]{60,78}\r?\n){2,2000}[A-Za-z0-9+/]{0,78}={0,2}")
_TOKEN = re.compile(rb"[A-Za-z0-9+/_-]{24,4000}={0,2}")
_HEX = re.compile(rb"[0-9a-fA-F]{30,400}")
_ADDRESS = re.compile(rb"[a-z0-9._+-]{3,40}@[a-z0-9.-]{4,40}\.[a-z]{2,6}")
_RECIPIENT = RECIPIENT.encode()


def _find_owner(messages: Iterator[bytes]) -> bytes:
    """Return the owner's address, known here by its digest only, from where it is in base64."""
    for raw in messages:
        for token in _TOKEN.finditer(raw):
            for offset in range(4):
                for address in _ADDRESS.findall(_decode(token[0][offset:])):
                    if hashlib.sha256(address).hexdigest() == _OWNER_SHA256:
                        return bytes(address)
    return b""


def _decode(text: bytes) -> bytes:
    digits = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"), b"\r\n")
    try:
        return b64decode(digits[: len(digits) // 4 * 4 + (len(digits) % 4 > 1) * 2] + b"==")
    except (Base64Error, ValueError):
        return b""


def _anonymise(raw: bytes, owner: bytes) -> bytes:
    """Return a message with the owner's address replaced, in clear, base64, hex and percent form.

    The same address takes its place everywhere, so that what is written to a recipient still
    fits their To field.
    """
    raw = _POT.sub(_RECIPIENT, raw)
    if not owner:
        return raw
    local, _, host = owner.partition(b"@")
    escaped = rb"(?:[- _]|\+2d|%2d|=2d)".join(re.escape(part) for part in local.split(b"-"))
    clear = re.compile(rb"%s(?:(?:@|%%40|=40|=)%s)?" % (escaped, re.escape(host)), re.IGNORECASE)

    def full(match: re.Match[bytes]) -> bytes:
        text = match[0]
        separator = next((s for s in (b"%40", b"=40", b"@", b"=") if s in text), b"")
        name, _, domain = _RECIPIENT.partition(b"@")
        return name + separator + domain if separator else name

    def hexadecimal(match: re.Match[bytes]) -> bytes:
        plain = bytes.fromhex(match[0][: len(match[0]) // 2 * 2].decode())
        changed = clear.sub(full, plain)
        return changed.hex().encode() if changed != plain else match[0]

    def token(match: re.Match[bytes]) -> bytes:
        text = match[0]
        for offset in range(4):
            plain = _decode(text[offset:])
            changed = _POT.sub(_RECIPIENT, clear.sub(full, plain))
            if changed != plain:
                encoded = b64encode(changed).rstrip(b"=")
                return text[:offset] + encoded + text[len(text.rstrip(b"=")) :]
        return text

    def lines(match: re.Match[bytes]) -> bytes:
        plain = _decode(match[0])
        changed = _POT.sub(_RECIPIENT, _TOKEN.sub(token, clear.sub(full, plain)))
        if changed == plain:
            return match[0]
        encoded = b64encode(changed)
        return b"\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))

    raw = _LINES.sub(lines, clear.sub(full, raw))
    return _HEX.sub(hexadecimal, _TOKEN.sub(token, raw))
