"""The header of an invented message: what its writer's program and the servers on its way wrote."""

from datetime import UTC, datetime, timedelta, timezone
from email.header import Header
from email.utils import format_datetime
from random import Random

from apps.synthesis.cast import Cast, fresh_domain
from apps.synthesis.letter import Letter

__all__ = ["header"]

_START = datetime(2023, 1, 2, tzinfo=UTC)
_DAYS = 1_400
_MAILERS = (
    "Microsoft Outlook 16.0", "Apple Mail (2.3774.600.62)", "PHPMailer 6.8.0",
    "Mozilla Thunderbird", "nodemailer", "ActionMailer", "Salesforce Marketing", "WordPress/6.5",
)  # fmt: skip
_DESKS = ("zendesk.com", "freshdesk.com", "quillpost-mail.com", "helpdesk-oak.eu")
_HEX = "0123456789abcdef"


def header(
    rng: Random, who: Cast, letter: Letter, *, fraud: bool, speaker: str, replies: bool
) -> bytes:
    """Return the header fields of a message, without those of its content.

    With `replies` the answer is wanted elsewhere. Only what fraud really does differs by label:
    a From that no server should pass, raw octets, priority, a Reply-To of free-mail.
    """
    sent = _START + timedelta(days=rng.randrange(_DAYS), seconds=rng.randrange(86_400))
    sent = sent.astimezone(timezone(timedelta(hours=rng.choice((0, 0, 0, 1, 2, -5, -8, 9)))))
    sender = who.service or who.domain
    fields = [
        ("Return-Path", f"<{_bounce(rng, who, sender)}>"),
        *(("Received", hop) for hop in _hops(rng, sender, sent)),
        ("Date", format_datetime(sent)),
        ("From", _from(rng, who, fraud=fraud)),
        ("To", _to(rng, who, fraud=fraud)),
        ("Subject", _encoded(rng, letter.subject, fraud=fraud)),
        ("Message-ID", _message_id(rng, sender)),
    ]
    if rng.random() < 0.12:
        del fields[-1]  # the first server of the reader's writes one
    fields += _optional(rng, who, letter, fraud=fraud, speaker=speaker, replies=replies)
    if rng.random() < 0.5:
        tail = fields[3:]
        rng.shuffle(tail)
        fields[3:] = tail
    text = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return text.encode("utf-8")


def _optional(
    rng: Random, who: Cast, letter: Letter, *, fraud: bool, speaker: str, replies: bool
) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    if rng.random() < 0.3:
        fields.append(("X-Mailer", rng.choice(_MAILERS)))
    fields += _of_mailing(rng, letter)
    if speaker == "list":
        name = f"users.lists.{who.site}"
        fields += [("List-Id", f"<{name}>"), ("List-Post", f"<mailto:users@lists.{who.site}>")]
        fields += [("Precedence", "list"), ("Reply-To", f"users@lists.{who.site}")]
    elif replies or rng.random() < 0.2:
        fields.append(("Reply-To", _reply_to(rng, who, fraud=fraud, replies=replies)))
    answers = speaker in {"person", "list"} and letter.subject.lower().startswith(("re", "aw"))
    if answers and rng.random() < (0.3 if fraud else 0.9):
        fields.append(("In-Reply-To", _message_id(rng, "mail.example.com")))
    if rng.random() < (0.12 if fraud else 0.03):
        fields.append(("X-Priority", rng.choice(("1", "1 (Highest)", "2"))))
    if speaker == "host":
        fields.append(("Auto-Submitted", "auto-generated"))
    return fields


def _of_mailing(rng: Random, letter: Letter) -> list[tuple[str, str]]:
    if letter.stop is None or rng.random() < 0.4:
        return []
    fields = [("List-Unsubscribe", f"<{letter.stop[1]}>")]
    if rng.random() < 0.5:
        fields.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    if rng.random() < 0.4:
        fields.append(("Precedence", "bulk"))
    return fields


def _reply_to(rng: Random, who: Cast, *, fraud: bool, replies: bool) -> str:
    if fraud and replies and rng.random() < 0.6:
        host = rng.choice(("gmail.com", "outlook.com", "proton.me", "yandex.com", "aol.com"))
        return f"{who.local}{rng.randint(1, 99)}@{host}"
    if fraud and rng.random() < 0.4:
        return f"office@{fresh_domain(rng, None)}"
    # A Reply-To elsewhere says nothing: help desks, shop systems and lists write one as often.
    desk = f"{who.site.split('.')[0]}.{rng.choice(_DESKS)}"
    host = rng.choice((who.site, who.domain, desk, desk))
    return f"{rng.choice(('reply', 'support', who.local))}@{host}"


def _bounce(rng: Random, who: Cast, sender: str) -> str:
    if who.service:
        token = "".join(rng.choice(_HEX) for _ in range(12))
        return f"bounces+{rng.randint(1000, 999_999)}-{token}@em{rng.randint(1, 99)}.{sender}"
    if rng.random() < 0.1:
        return f"www-data@{rng.choice(('vps', 'srv', 'host'))}{rng.randint(1, 999)}.{sender}"
    return f"{who.local}@{who.domain}"


def _hops(rng: Random, sender: str, sent: datetime) -> list[str]:
    hops = []
    relay = rng.choice(("mail", "mx1", "o1", "smtp-out", f"vps{rng.randint(1, 999)}"))
    at = sent
    for number in range(rng.choice((1, 1, 2, 3))):
        at += timedelta(seconds=rng.randint(1, 9))
        protocol = rng.choice(("ESMTP", "ESMTPS", "ESMTPSA"))
        source = f"{relay}{number or ''}.{sender}"
        hops.append(
            f"from {source} ({source} [203.0.113.{rng.randint(1, 250)}])\r\n"
            f"\tby mx.example.com with {protocol} id {rng.randint(10**8, 10**9):x};\r\n"
            f"\t{format_datetime(at)}"
        )
    return hops[::-1]


def _from(rng: Random, who: Cast, *, fraud: bool) -> str:
    address = f"{who.local}@{who.domain}"
    if not who.shown:
        return rng.choice((address, f"<{address}>"))
    faults = rng.random()
    if faults < (0.06 if fraud else 0.004):
        form = rng.choice(("{0}, {2}<{1}>", "{0}<{1}>", "{0} ,_<{1}>", "{0} <{1} >"))
        return form.format(who.shown, address, who.shown.split()[0])
    if not who.shown.isascii():
        return f"{_encoded(rng, who.shown, fraud=fraud)} <{address}>"
    quoted = any(c in who.shown for c in "@&.,'") or rng.random() < 0.5
    return f'"{who.shown}" <{address}>' if quoted else f"{who.shown} <{address}>"


def _to(rng: Random, who: Cast, *, fraud: bool) -> str:
    if rng.random() < (0.07 if fraud else 0.02):
        return "undisclosed-recipients:;"
    if who.reader.isascii() and rng.random() < 0.3:
        return f'"{who.reader}" <{who.address}>'
    return who.address


def _encoded(rng: Random, text: str, *, fraud: bool) -> str:
    if text.isascii() or rng.random() < (0.08 if fraud else 0.01):
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _message_id(rng: Random, sender: str) -> str:
    token = "".join(rng.choice(_HEX) for _ in range(rng.choice((12, 20, 32))))
    form = rng.choice(("<{t}@{s}>", "<{n}.{t}@{s}>", "<{t}@mail.{s}>", "<{n}@{s}>"))
    return form.format(t=token, n=rng.randint(10**9, 10**10), s=sender)
