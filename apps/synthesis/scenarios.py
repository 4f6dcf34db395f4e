"""The scenarios of invented mail: what is claimed and asked for, in the words of each language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

import msgspec

__all__ = ["LANGUAGES", "Asks", "Label", "Scenario", "Speaker", "Words", "read_words", "scenarios"]

Label = Literal["fraud", "honest"]
Speaker = Literal["brand", "company", "office", "person", "list", "host"]
Asks = Literal["link", "reply", "phone", "file", "image", "code", "invitation", "nothing"]

Language = Literal["en", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "ja", "zh"]
LANGUAGES = get_args(Language)


class Telling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario in one language: subjects and buttons to choose from, sentences in order."""

    subject: tuple[str, ...]
    text: tuple[str, ...]
    button: tuple[str, ...]


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every message of a language is dressed in, whatever it says."""

    hello: tuple[str, ...]
    anyone: tuple[str, ...]
    bye: tuple[str, ...]
    online: tuple[str, ...]
    stop: tuple[str, ...]
    foot: tuple[str, ...]
    more: tuple[str, ...]
    people: tuple[str, ...]
    towns: tuple[str, ...]
    streets: tuple[str, ...]


class Scenario(msgspec.Struct, frozen=True):
    """One kind of message: who writes, what the reader is to do, and how it is told."""

    name: str
    label: Label
    speaker: Speaker
    asks: Asks
    brands: tuple[str, ...]
    ads: bool
    tellings: Mapping[str, Telling]


@cache
def scenarios(label: Label) -> tuple[Scenario, ...]:
    """Return all scenarios of a label; msgspec.ValidationError where the data is wrong."""
    return tuple(_scenario(name, label, table) for name, table in _data(label).items())


@cache
def read_words(language: str) -> Words:
    """Return the words of a language; KeyError for one that there is none of."""
    return msgspec.convert(_data("words")[language], Words)


def _data(name: str) -> dict[str, dict[str, object]]:
    text = (files("apps.synthesis") / "data" / f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _scenario(name: str, label: Label, table: Mapping[str, object]) -> Scenario:
    rest = dict(table)
    speaker = msgspec.convert(rest.pop("as"), Speaker)
    return Scenario(
        name=name,
        label=label,
        speaker=speaker,
        asks=msgspec.convert(rest.pop("asks"), Asks),
        brands=msgspec.convert(rest.pop("brands", ()), tuple[str, ...]),
        ads=msgspec.convert(rest.pop("ads", False), bool),
        tellings=msgspec.convert(rest, dict[Language, Telling]),
    )
