"""Who is in a message: the reader, the sender it names, and the domains that it uses."""

from dataclasses import dataclass
from random import Random

from apps.synthesis.scenarios import Scenario, Words
from detectors.brands import BRANDS, Brand

__all__ = ["SERVICES", "Cast", "cast", "coined", "fresh_domain"]

_BY_NAME = {brand.name: brand for brand in BRANDS}
_FIRST = """amber ash birch bright brook cedar clay cliff copper coral crest dale dawn ember fern
field flint fox glen gold grain green grove harbor hazel heron hill iron ivy juniper kestrel lake
lark linden lumen maple marsh mill moss north oak olive opal otter pearl pine quarry raven reed
ridge river rowan sable sage salt silver slate sorrel stone summit swift thistle timber vale
willow wren
""".split()  # noqa: SIM905 - a list of words reads better as words
_SECOND = """works supply studio labs foods press media travel health sports books garden home tools
systems energy fashion optics music motors logistics partners academy clinic museum theatre post
bank insurance software games coffee tea bikes shoes paper toys lighting kitchen outdoor services
""".split()  # noqa: SIM905 - the same
_ENDINGS = {
    "en": ("com", "com", "co.uk", "org", "io", "net"),
    "de": ("de", "de", "com", "at", "ch"),
    "fr": ("fr", "fr", "com", "be"),
    "es": ("es", "com", "com.mx", "com.ar"),
    "pt": ("com.br", "com.br", "pt", "com"),
    "it": ("it", "it", "com"),
    "nl": ("nl", "nl", "be", "com"),
    "pl": ("pl", "com.pl"),
    "ru": ("ru", "ru", "com"),
    "ja": ("co.jp", "jp", "com"),
    "zh": ("cn", "com.cn", "com"),
}
_CHEAP = ("top", "xyz", "click", "cfd", "sbs", "icu", "shop", "online", "site", "store", "info")
_LURES = ("secure", "login", "verify", "account", "support", "service", "alert", "track", "claim")
_FREEMAIL = ("gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "web.de", "aol.com")
_ROLES = ("info", "noreply", "no-reply", "support", "service", "news", "hello", "contact", "team")
SERVICES = (
    "sendgrid.net", "mailgun.org", "amazonses.com", "mcsv.net", "rsgsv.net", "cmail20.com",
    "klaviyomail.com", "mailjet.com", "sparkpostmail.com", "hubspotemail.net", "sendinblue.com",
)  # fmt: skip
_UNLISTED = ("quillpost-mail.com", "lettercrane.net", "postwagon.io", "mailheron.com", "sendoak.eu")


@dataclass(frozen=True, slots=True)
class Cast:
    """The parties of one message.

    `shown` is the display name, `local`@`domain` the From address, `site` the domain the sender
    would call its own, `service` the mail service that sends for it or "", `home` whether links
    may lead to `site` because it is really the sender's. `free` says that From is free-mail.
    """

    reader: str
    address: str
    shown: str
    local: str
    domain: str
    site: str
    service: str
    home: bool
    free: bool
    brand: Brand | None


def coined(rng: Random, language: str) -> tuple[str, str]:
    """Return the name and the domain of a company that doesn't exist."""
    first, second = rng.choice(_FIRST), rng.choice(_SECOND)
    ending = rng.choice(_ENDINGS[language])
    joined = rng.choice(("{}{}", "{}{}", "{}-{}")).format(first, second)
    return f"{first.title()} {second.title()}", f"{joined}.{ending}"


def fresh_domain(rng: Random, brand: Brand | None) -> str:
    """Return a domain as registered for a day: a lookalike, letters by chance, or plain words."""
    kind = rng.random()
    ending = rng.choice(_CHEAP) if rng.random() < 0.5 else rng.choice(("com", "com", "net", "org"))
    if brand is not None and kind < 0.25:
        compact = next(iter(sorted(brand.domains))).split(".")[0]
        return f"{compact}-{rng.choice(_LURES)}.{ending}"
    if kind < 0.5:
        length = rng.randint(6, 14)
        return "".join(rng.choice("abcdefghijklmnoprstuvwxyz0123456789") for _ in range(length)) + (
            f".{ending}"
        )
    if kind < 0.75:
        return f"{rng.choice(_LURES)}{rng.choice(_SECOND)}{rng.randint(1, 99)}.{ending}"
    return f"{rng.choice(_FIRST)}{rng.choice(_SECOND)}.{ending}"


def cast(rng: Random, scenario: Scenario, language: str, words: Words) -> Cast:
    """Choose who is in a message of a scenario."""
    reader = rng.choice(words.people)
    address = _reader_address(rng)
    brand = _BY_NAME[rng.choice(scenario.brands)] if scenario.brands else None
    name, site = coined(rng, language)
    service = ""
    if scenario.speaker in {"brand", "company"} and rng.random() < 0.55:
        service = rng.choice(SERVICES if rng.random() < 0.5 else _UNLISTED)
    choose = _honest if scenario.label == "honest" else _fraudulent
    shown, local, domain, own, free = choose(rng, scenario, brand, (name, site), words)
    if scenario.label == "honest" and brand is not None:
        site = _own_domain(rng, brand)
    elif scenario.label == "fraud" and scenario.speaker == "office":
        site = address.partition("@")[2]
    if free or scenario.speaker == "host":
        service = ""
    return Cast(reader, address, shown, local, domain, site, service, own, free, brand)


def _reader_address(rng: Random) -> str:
    local = rng.choice(("alex", "kim.reed", "j.moreau", "s_hoffmann", "info", "office", "m.rossi"))
    host = rng.choice(("example.com", "example.org", "example.net", "mail.example.com"))
    return f"{local}@{host}"


def _own_domain(rng: Random, brand: Brand) -> str:
    domains = sorted(d for d in brand.domains if d.count(".") <= 2)
    return domains[0] if rng.random() < 0.7 or len(domains) < 2 else rng.choice(domains)


_Chosen = tuple[str, str, str, bool, bool]


def _honest(
    rng: Random, scenario: Scenario, brand: Brand | None, own: tuple[str, str], words: Words
) -> _Chosen:
    name, site = own
    person = rng.choice(words.people)
    if scenario.speaker == "person":
        if rng.random() < 0.5:
            return _quiet(rng, person), _local_of(rng, person), rng.choice(_FREEMAIL), True, True
        return _quiet(rng, person), _local_of(rng, person), site, True, False
    if scenario.speaker == "list":
        free = rng.random() < 0.5
        domain = rng.choice(_FREEMAIL) if free else site
        return person, _local_of(rng, person), domain, True, free
    if scenario.speaker == "host":
        host = f"{rng.choice(_FIRST)}{rng.randint(1, 9)}.{site}"
        return rng.choice(("", "Cron Daemon", "root")), "root", host, True, False
    if brand is not None:
        domain = rng.choice(("", "", "mail.", "email.", "news.")) + _own_domain(rng, brand)
        return _titled(rng, brand.name), _role(rng, brand.name), domain, True, False
    domain = rng.choice(("", "", "", "mail.", "news.", "e.")) + site
    shown = rng.choice((name, name, f"{person} @ {name}", f"{name} Team", person.split()[0]))
    return shown, _role(rng, name), domain, True, False


def _fraudulent(
    rng: Random, scenario: Scenario, brand: Brand | None, own: tuple[str, str], words: Words
) -> _Chosen:
    name, site = own
    person = rng.choice(words.people)
    if scenario.speaker == "person":
        free = rng.random() < 0.6
        domain = rng.choice(_FREEMAIL) if free else site
        writer = person if rng.random() < 0.7 else rng.choice(words.people)
        return _quiet(rng, person), _local_of(rng, writer), domain, False, free
    shown = _claimed(rng, scenario, brand, name)
    local, domain, free = _mailbox(rng, shown, brand, own, person)
    return shown, local, domain, False, free


def _mailbox(
    rng: Random, shown: str, brand: Brand | None, own: tuple[str, str], person: str
) -> tuple[str, str, bool]:
    """Return local part, domain and whether it is free-mail: where fraud is sent from."""
    name, site = own
    kind = rng.random()
    if kind < 0.35:  # someone else's domain whose mailbox was taken over
        return _role(rng, name), site, False
    if kind < 0.65:
        prefix = rng.choice(("", "", "", "mail.", "news.", "e."))
        return _role(rng, shown), prefix + fresh_domain(rng, brand), False
    if kind < 0.75:
        return _local_of(rng, person), rng.choice(_FREEMAIL), True
    if kind < 0.83:
        tenant = f"{rng.choice(_FIRST)}{rng.choice(_SECOND)}{rng.randint(1, 99)}"
        host = rng.choice(("onmicrosoft.com", "firebaseapp.com", "web.app", "shopifyemail.com"))
        return _role(rng, name), f"{tenant}.{host}", False
    if kind < 0.91 and brand is not None:  # nothing stops a forged From
        return _role(rng, brand.name), _own_domain(rng, brand), False
    return _role(rng, name), rng.choice(("mail.", "m1.", "smtp.")) + site, False


def _claimed(rng: Random, scenario: Scenario, brand: Brand | None, name: str) -> str:
    if brand is not None:
        if rng.random() < 0.15:
            return rng.choice(("Customer Service", "Support", "Notification", brand.name.upper()))
        return _titled(rng, brand.name)
    if scenario.speaker == "office":
        return rng.choice(("IT Helpdesk", "Mail Admin", "HR Department", "Voicemail", "Webmail"))
    return name


def _titled(rng: Random, name: str) -> str:
    titles = ("{}", "{}", "{}", "{} Support", "{} Team", "{} Service", "The {} Team", "{} News")
    return rng.choice(titles).format(name)


def _quiet(rng: Random, person: str) -> str:
    return "" if rng.random() < 0.12 else person


def _role(rng: Random, name: str) -> str:
    kind = rng.random()
    compact = "".join(c for c in name.lower() if c.isascii() and c.isalnum()) or "mail"
    if kind < 0.55:
        return rng.choice(_ROLES)
    if kind < 0.7:
        return compact[:20]
    if kind < 0.85:
        return f"{rng.choice(_ROLES)}{rng.choice(('', '.', '-'))}{rng.randint(1, 4000)}"
    return f"{rng.choice(_FIRST)}.{rng.choice(_SECOND)}"


def _local_of(rng: Random, person: str) -> str:
    parts = [
        "".join(c for c in word.lower() if c.isascii() and c.isalpha()) for word in person.split()
    ]
    first, last = (parts[0] or rng.choice(_FIRST)), (parts[-1] or rng.choice(_SECOND))
    form = rng.choice(("{0}.{1}", "{0}{1}", "{0[0]}{1}", "{0}{2}", "{0}.{1}{2}"))
    return form.format(first, last, rng.randint(1, 999))
