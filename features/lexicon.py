"""Phrases of abusive mail by group and language, counted through look-ups of words."""

from collections.abc import Mapping, Sequence
from itertools import compress, count
from types import MappingProxyType
from typing import Final

from features.data_files import data_names, read_data
from features.text import fold, words

__all__ = ["COLUMN_GROUPS", "GROUPS", "count_phrases", "find_phrases"]

Phrase = tuple[str, ...]

_LONGEST = 8  # words of a phrase

_FILES = [read_data(name) for name in data_names("phrases/")]

GROUPS: Final[Mapping[str, str]] = MappingProxyType({row["group"]: row["what"] for row in _FILES})
"""The groups of phrases, each with what it is about."""

COLUMN_GROUPS: Final = tuple(row["group"] for row in _FILES if row.get("column", True))
"""The groups that are columns of the feature vector: a file says `column = false` where not."""


_Entry = tuple[Phrase, tuple[str, ...], bool]  # a phrase, its groups, and whether it ends a search


def _entries() -> list[_Entry]:
    groups: dict[Phrase, list[str]] = {}
    for row in _FILES:
        for phrases in row["phrases"].values():
            for phrase in phrases:
                groups.setdefault(words(fold(phrase), _LONGEST), []).append(row["group"])
    longest_first = sorted(groups, key=lambda phrase: (-len(phrase), phrase))
    columns = set(COLUMN_GROUPS)
    return [
        (phrase, tuple(groups[phrase]), not columns.isdisjoint(groups[phrase]))
        for phrase in longest_first
    ]


_Follows = tuple[dict[str, list[_Entry]], list[_Entry]]


def _index() -> dict[str, _Follows]:
    """Return by first word: entries by second word, those of one word last; those of one word."""
    index: dict[str, _Follows] = {}
    for entry in _entries():
        first, second = (*entry[0], "")[:2]
        by_second, alone = index.setdefault(first, ({}, []))
        (by_second.setdefault(second, []) if second else alone).append(entry)
    for by_second, alone in index.values():
        for entries in by_second.values():
            entries.extend(alone)
    return index


_INDEX: Final = _index()


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
        beside = False
        for phrase, groups, ends in by_second.get(text_words[start + 1], alone):
            if beside and not ends:
                continue
            if len(phrase) <= 2 or tuple(text_words[start : start + len(phrase)]) == phrase:
                for group in groups:
                    found.setdefault(group, set()).add(phrase)
                if ends:
                    break
                beside = True
    return found


def count_phrases(*found: Mapping[str, set[Phrase]]) -> dict[str, int]:
    """Count distinct phrases by group over one or more findings; every group has a count."""
    counts = dict.fromkeys(GROUPS, 0)
    for group in {group for finding in found for group in finding}:
        counts[group] = len(set().union(*[finding.get(group, ()) for finding in found]))
    return counts
