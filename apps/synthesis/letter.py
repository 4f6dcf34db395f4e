"""What a message says, before it is put into HTML or plain text: its words with all gaps filled."""

from dataclasses import dataclass
from random import Random

from apps.synthesis.cast import Cast, fresh_domain
from apps.synthesis.links import Linker
from apps.synthesis.scenarios import Scenario, Words

__all__ = ["Letter", "write"]

_THINGS = {
    "en": ("walnut desk lamp", "cordless drill", "garden hose", "wool blanket", "coffee grinder"),
    "de": ("Schreibtischlampe", "Akkuschrauber", "Wolldecke", "Kaffeemühle"),
    "fr": ("lampe de bureau", "perceuse", "couverture en laine"),
    "es": ("lámpara de mesa", "taladro", "manta de lana"),
    "pt": ("luminária", "furadeira", "cobertor"),
    "it": ("lampada da tavolo", "trapano", "coperta di lana"),
    "nl": ("bureaulamp", "boormachine", "wollen deken"),
    "pl": ("lampka biurkowa", "wiertarka"),
    "ru": ("настольная лампа", "дрель"),
    "ja": ("卓上ランプ", "電動ドリル"),
    "zh": ("台灯", "电钻"),
}
_MONTHS = {
    "en": "January March May July October", "de": "Januar März Mai Juli Oktober",
    "fr": "janvier mars mai juillet octobre", "es": "enero marzo mayo julio octubre",
    "pt": "janeiro março maio julho outubro", "it": "gennaio marzo maggio luglio ottobre",
    "nl": "januari maart mei juli oktober", "pl": "stycznia marca maja lipca",
    "ru": "января марта мая июля", "ja": "1月 3月 5月 7月", "zh": "1月 3月 5月 7月",
}  # fmt: skip
_MONEY = {
    "en": ("${a}.{c}", "£{a}.{c}", "USD {a}.{c}"), "pt": ("R$ {a},{c}", "{a},{c} €"),
    "pl": ("{a},{c} zł",), "ru": ("{a} ₽", "RUB {a}"), "ja": ("{a}円", "¥{a}"), "zh": ("¥{a}.{c}",),
}  # fmt: skip
_EURO = ("{a},{c} €", "€ {a},{c}", "EUR {a},{c}")
_EMOJI = ("🎁", "📦", "⚠️", "✅", "🔔", "⏰")


@dataclass(frozen=True, slots=True)
class Letter:
    """The content of one message; each link is its text and its URL.

    `asks` is false where the reader has nothing to click on. `extra` are the small links at the
    end, `pictures` the URLs of hosted images, `stop` the way out of a mailing, if it has one.
    """

    language: str
    subject: str
    title: str
    preheader: str
    greeting: str
    paragraphs: tuple[str, ...]
    button: tuple[str, str]
    asks: bool
    bye: str
    sender: str
    foot: tuple[str, ...]
    extra: tuple[tuple[str, str], ...]
    pictures: tuple[str, ...]
    online: tuple[str, str] | None
    stop: tuple[str, str] | None
    pixel: str


def write(
    rng: Random,
    scenario: Scenario,
    language: str,
    words: Words,
    who: Cast,
    link: Linker,
    around: tuple[str, ...],
) -> Letter:
    """Fill in a scenario's words for one message; `around` is further text that it carries."""
    telling = scenario.tellings[language]
    gaps = _gaps(rng, language, words, who)

    def filled(text: str) -> str:
        return text.format_map(gaps)

    subject = _decorated(rng, filled(rng.choice(telling.subject)), who)
    private = scenario.speaker in {"person", "list", "host"}
    named = rng.random() < (0.6 if scenario.label == "fraud" else 0.7)
    greeting = filled(rng.choice(words.hello if named else words.anyone))
    bulk = not private and rng.random() < 0.75
    asks = scenario.asks in {"link", "image", "code", "invitation"} or rng.random() < 0.25
    return Letter(
        language=language,
        subject=subject,
        title=rng.choice((subject, who.shown, "", "", telling.button[0])),
        preheader=filled(rng.choice(telling.text)) if bulk and rng.random() < 0.4 else "",
        greeting="" if rng.random() < 0.15 else greeting,
        paragraphs=(
            *_paragraphs(rng, [filled(text) for text in telling.text]),
            *(filled(text) for text in around),
        ),
        button=(filled(rng.choice(telling.button)), link("action")),
        asks=asks,
        bye="" if rng.random() < 0.2 else filled(rng.choice(words.bye)),
        sender=who.shown,
        foot=tuple(filled(t) for t in rng.sample(words.foot, rng.randint(1, 3))) if bulk else (),
        extra=tuple(
            (text, link("help")) for text in rng.sample(words.more, rng.randint(0, len(words.more)))
        )
        if bulk
        else (),
        pictures=tuple(link("image") for _ in range(rng.choice((0, 1, 1, 2, 4)) if bulk else 0)),
        online=(rng.choice(words.online), link("help")) if bulk and rng.random() < 0.35 else None,
        stop=(rng.choice(words.stop), link("stop")) if bulk and rng.random() < 0.6 else None,
        pixel=link("image") if bulk and rng.random() < 0.4 else "",
    )


def _paragraphs(rng: Random, texts: list[str]) -> tuple[str, ...]:
    """Return a part of the sentences in their order, now and then two in one paragraph."""
    least = max(1, len(texts) - 2)
    kept = sorted(rng.sample(range(len(texts)), rng.randint(least, len(texts))))
    chosen = [texts[index] for index in kept]
    if len(chosen) > 2 and rng.random() < 0.4:
        chosen[0:2] = [f"{chosen[0]} {chosen[1]}"]
    return tuple(chosen)


def _decorated(rng: Random, subject: str, who: Cast) -> str:
    kind = rng.random()
    if kind < 0.05:
        return f"{rng.choice(_EMOJI)} {subject}"
    if kind < 0.08:
        return f"{subject} - {rng.randint(10_000, 99_999_999)}"
    if kind < 0.10:
        return f"{who.reader.split()[0]}, {subject}"
    if kind < 0.115:
        return subject.upper()
    return subject


def _gaps(rng: Random, language: str, words: Words, who: Cast) -> dict[str, str]:
    pounds = rng.choice(_MONEY.get(language, _EURO))
    amount = pounds.format(
        a=rng.choice((1, 3, 9, 24, 49, 89, 199, 500, 750)), c=rng.randint(10, 99)
    )
    month = rng.choice(_MONTHS[language].split())
    day = rng.randint(1, 28)
    dates = {"en": f"{month} {day}", "de": f"{day}. {month}", "ja": f"{month}{day}日"}
    dates["zh"] = dates["ja"]
    site = who.address.partition("@")[2]
    return {
        "name": who.reader,
        "first": who.reader.split()[0],
        "address": who.address,
        "company": who.brand.name if who.brand else who.shown,
        "amount": amount,
        "number": _number(rng),
        "four": f"{rng.randint(1000, 9999)}",
        "two": f"{rng.randint(10, 59)}",
        "code": f"{rng.randint(100_000, 999_999)}",
        "date": dates.get(language, f"{day} {month}"),
        "month": month,
        "year": str(rng.randint(2023, 2026)),
        "thing": rng.choice(_THINGS[language]),
        "person": rng.choice(words.people),
        "town": rng.choice(words.towns),
        "street": rng.choice(words.streets),
        "phone": rng.choice(("+1 (888) 555-01{}", "0800 555 01{}", "+44 20 7946 09{}")).format(
            rng.randint(10, 99)
        ),
        "site": rng.choice((site, who.site)),
        "word": rng.choice(("heron", "quartz", "lapis", "tern")),
        "fresh": fresh_domain(rng, None),
    }


def _number(rng: Random) -> str:
    form = rng.choice(("{0}", "{1}-{0}", "{1}{0}", "#{0}"))
    letters = "".join(rng.choice("ABCDEFGHKMNPRSTUX") for _ in range(2))
    return form.format(rng.randint(10_000, 999_999_999), letters)
