"""One invented message after the other, the same for the same seed."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from random import Random
from typing import NamedTuple

from apps.synthesis.cast import cast
from apps.synthesis.enclosures import calendar, enclosed, picture
from apps.synthesis.letter import Letter, write
from apps.synthesis.links import linker
from apps.synthesis.pages import plain_text, render
from apps.synthesis.scenarios import Label, Scenario, read_words, scenarios
from apps.synthesis.transport import header

__all__ = ["Invented", "invent"]

# Shares, of which a scenario has those that it is told in: every one is told in English.
_LANGUAGES = {
    "en": 20, "de": 14, "fr": 9, "es": 9, "pt": 7, "it": 6, "nl": 5, "pl": 3, "ru": 3, "ja": 3,
    "zh": 3,
}  # fmt: skip
_PRIVATE = frozenset({"person", "list", "host"})
_LONG = 0.3  # share of mailings with more text than what they are sent for
_WIRE = policy.SMTP.clone(max_line_length=998)


class Invented(NamedTuple):
    """One message: its scenario's name, its label, its language, RFC 5322 bytes."""

    scenario: str
    label: Label
    language: str
    raw: bytes


def invent(label: Label, messages: int, seed: int) -> Iterator[Invented]:
    """Yield messages of one label, each scenario as often as any other.

    Message *n* depends on label, seed and n alone: a longer run begins with a shorter one.
    """
    every = scenarios(label)
    for number in range(messages):
        scenario = every[number % len(every)]
        rng = Random(f"{label}:{seed}:{number}")  # noqa: S311 - invented mail, nothing secret
        language = _language(rng, scenario)
        yield Invented(scenario.name, label, language, _message(rng, scenario, language))


def _language(rng: Random, scenario: Scenario) -> str:
    told = [language for language in _LANGUAGES if language in scenario.tellings]
    return rng.choices(told, [_LANGUAGES[language] for language in told])[0]


def _around(rng: Random, scenario: Scenario, language: str) -> tuple[str, ...]:
    """Return more text, of honest mail: mailings are long, and fraud pastes what others wrote."""
    if scenario.speaker in _PRIVATE or rng.random() > _LONG:
        return ()
    told = [each for each in scenarios("honest") if language in each.tellings]
    chosen = rng.choices(told, k=rng.randint(2, 12))
    return tuple(rng.choice(each.tellings[language].text) for each in chosen)


def _message(rng: Random, scenario: Scenario, language: str) -> bytes:
    words = read_words(language)
    who = cast(rng, scenario, language, words)
    fraud = scenario.label == "fraud"
    link = linker(rng, who, fraud=fraud)
    letter = write(rng, scenario, language, words, who, link, _around(rng, scenario, language))
    top = header(
        rng,
        who,
        letter,
        fraud=fraud,
        speaker=scenario.speaker,
        replies=scenario.asks == "reply",
    )
    content = _content(rng, scenario, letter)
    if scenario.asks == "invitation":
        organizer = f"{who.local}@{who.domain}"
        invitation = EmailMessage(policy=_WIRE)
        invitation.set_content(
            calendar(rng, letter, organizer), subtype="calendar", charset="utf-8", cte="base64"
        )
        _attach(content, invitation)
    elif scenario.asks == "file":
        name, kind, data = enclosed(rng, letter, fraud=fraud)
        main, _, sub = kind.partition("/")
        content.add_attachment(data, maintype=main, subtype=sub, filename=name)
    elif scenario.asks == "code":
        content.add_attachment(
            picture(rng, 58), maintype="image", subtype="png", filename="image001.png"
        )
    _bound(rng, content)
    return top + content.as_bytes()


def _content(rng: Random, scenario: Scenario, letter: Letter) -> EmailMessage:
    """Return the text of a message: plain, HTML, or both. The same odds whatever the label."""
    private = scenario.speaker in _PRIVATE
    plain, both = (0.55, 0.8) if private else (0.08, 0.55)
    if scenario.speaker in {"host", "list"}:
        plain, both = 0.85, 0.95
    kind = rng.random()
    content = EmailMessage(policy=_WIRE)
    page = render(rng, letter, private=private, picture=scenario.asks == "image")
    text = plain_text(rng, letter)
    if kind < plain:
        _set(rng, content, text, "plain")
    elif kind < both:
        _set(rng, content, text, "plain")
        alternative = EmailMessage(policy=_WIRE)
        _set(rng, alternative, page, "html")
        content.make_alternative()
        _attach(content, alternative)
    else:
        _set(rng, content, page, "html")
    return content


def _set(rng: Random, part: EmailMessage, text: str, subtype: str) -> None:
    charset = rng.choice(("utf-8", "utf-8", "utf-8", "iso-8859-1"))
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        charset = "utf-8"
    encodings = ["quoted-printable", "quoted-printable", "base64", "8bit"]
    if text.isascii():
        encodings.append("7bit")
    # Lines longer than RFC 5322 allows can't go out as they are.
    if max(map(len, text.encode(charset).splitlines())) > 900:
        encodings = ["quoted-printable", "base64"]
    part.set_content(text, subtype=subtype, charset=charset, cte=rng.choice(encodings))


def _attach(content: EmailMessage, part: EmailMessage) -> None:
    if content.get_content_maintype() != "multipart":
        content.make_mixed()
    content.attach(part)


def _bound(rng: Random, content: EmailMessage) -> None:
    """Give each multipart a boundary from the seed: the library's own are drawn by chance."""
    for part in content.walk():
        if part.is_multipart():
            token = "".join(rng.choice("0123456789abcdef") for _ in range(24))
            part.set_boundary(
                rng.choice(("=_{}", "--==_{}", "b1_{}", "000000000000{}")).format(token)
            )
