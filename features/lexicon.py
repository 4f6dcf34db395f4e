"""Phrases of abusive mail by group and language, counted through look-ups of words.

Japanese and Chinese put no blanks between words: their phrases are looked up by two characters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, count
from operator import add
from types import MappingProxyType
from typing import Final

from features.data_files import data_names, read_data
from features.text import fold, words

__all__ = ["COLUMN_GROUPS", "GROUPS", "count_phrases", "find_phrases", "find_unspaced"]

Phrase = tuple[str, ...]

_LONGEST = 8  # words of a phrase
_UNSPACED = frozenset({"ja", "zh"})
_HAN_OR_KANA = re.compile("[\u3041-\u30ff\u3400-\u9fff]")

_FILES = [read_data(name) for name in data_names("phrases/")]

GROUPS: Final[Mapping[str, str]] = MappingProxyType({row["group"]: row["what"] for row in _FILES})
"""The groups of phrases, each with what it is about."""

COLUMN_GROUPS: Final = tuple(row["group"] for row in _FILES if row.get("column", True))
"""The groups that are columns of the feature vector: a file says `column = false` where not."""


_Entry = tuple[Phrase, tuple[str, ...], bool]  # a phrase, its groups, and whether it ends a search


def _entries(*, unspaced: bool) -> list[_Entry]:
    groups: dict[Phrase, list[str]] = {}
    for row in _FILES:
        for language, phrases in row["phrases"].items():
            if (language in _UNSPACED) == unspaced:
                for phrase in phrases:
                    made = words(fold(phrase), _LONGEST)
                    made = ("".join(made),) if unspaced else made
                    groups.setdefault(made, []).append(row["group"])
    longest_first = sorted(groups, key=lambda made: (-len(made), -len("".join(made)), made))
    columns = set(COLUMN_GROUPS)
    return [
        (made, tuple(groups[made]), not columns.isdisjoint(groups[made])) for made in longest_first
    ]


_Follows = tuple[dict[str, list[_Entry]], list[_Entry]]


def _index() -> dict[str, _Follows]:
    """Return by first word: entries by second word, those of one word last; those of one word."""
    index: dict[str, _Follows] = {}
    for entry in _entries(unspaced=False):
        first, second = (*entry[0], "")[:2]
        by_second, alone = index.setdefault(first, ({}, []))
        (by_second.setdefault(second, []) if second else alone).append(entry)
    for by_second, alone in index.values():
        for entries in by_second.values():
            entries.extend(alone)
    return index


_INDEX: Final = _index()


def _by_two_characters() -> dict[str, list[_Entry]]:
    index: dict[str, list[_Entry]] = {}
    for entry in _entries(unspaced=True):
        index.setdefault(entry[0][0][:2], []).append(entry)
    return index


_BY_TWO_CHARACTERS: Final = _by_two_characters()


def find_phrases(text_words: Sequence[str]) -> dict[str, set[Phrase]]:
    """Return the distinct phrases that occur in folded words, by group; empty groups are left out.

    Where several phrases start at a word, the longest counts there. One that is in no group of
    COLUMN_GROUPS doesn't hide a shorter one that is: a new group leaves the columns as they were.
    """
    found: dict[str, set[Phrase]] = {}
    index = _INDEX
    text_words = (*text_words, "")
    for start in compress(count(), map(index.__contains__, text_words)):
        by_second, alone = index[text_words[start]]
        entries = by_second.get(text_words[start + 1], alone)
        if not entries:  # as nearly always: the first word is "to", and the second fits nothing
            continue
        hits = [
            entry
            for entry in entries
            if len(entry[0]) <= 2 or tuple(text_words[start : start + len(entry[0])]) == entry[0]
        ]
        _note(hits, found)
    return found


def find_unspaced(folded: str) -> dict[str, set[Phrase]]:
    """Return the distinct Japanese and Chinese phrases that occur in folded text, by group.

    Blanks and line breaks don't matter. Time is linear in the text, and next to nothing where it
    holds neither.
    """
    found: dict[str, set[Phrase]] = {}
    if folded.isascii() or not _HAN_OR_KANA.search(folded):
        return found
    index = _BY_TWO_CHARACTERS
    text = "".join(folded.split())
    for start in compress(count(), map(index.__contains__, map(add, text, text[1:]))):
        entries = index[text[start : start + 2]]
        _note([entry for entry in entries if text.startswith(entry[0][0], start)], found)
    return found


def _note(hits: Iterable[_Entry], found: dict[str, set[Phrase]]) -> None:
    """Note what hits one place, longest first: the first, and the first of a column."""
    beside = False
    for phrase, groups, ends in hits:
        if ends or not beside:
            for group in groups:
                found.setdefault(group, set()).add(phrase)
        if ends:
            break
        beside = True


def count_phrases(*found: Mapping[str, set[Phrase]]) -> dict[str, int]:
    """Count distinct phrases by group over one or more findings; every group has a count."""
    counts = dict.fromkeys(GROUPS, 0)
    for group in {group for finding in found for group in finding}:
        counts[group] = len(set().union(*[finding.get(group, ()) for finding in found]))
    return counts
