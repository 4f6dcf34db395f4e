"""Phrases of abusive mail in seven languages, counted by group through look-ups of words."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from features.data_files import data_names, read_data

__all__ = ["GROUPS", "count_phrases", "find_phrases"]

Phrase = tuple[str, ...]

_FILES = [read_data(name) for name in data_names("phrases/")]

GROUPS: Final[Mapping[str, str]] = MappingProxyType({row["group"]: row["what"] for row in _FILES})
"""The groups of phrases, each with what it is about."""


def _index_by_first_word() -> dict[str, list[tuple[Phrase, tuple[str, ...]]]]:
    groups: dict[Phrase, list[str]] = {}
    for row in _FILES:
        for phrases in row["phrases"].values():
            for phrase in phrases:
                groups.setdefault(tuple(phrase.split()), []).append(row["group"])
    index: dict[str, list[tuple[Phrase, tuple[str, ...]]]] = {}
    for phrase in sorted(groups, key=lambda found: (-len(found), found)):  # the longest wins
        index.setdefault(phrase[0], []).append((phrase, tuple(groups[phrase])))
    return index


_BY_FIRST_WORD: Final = _index_by_first_word()


def find_phrases(words: Sequence[str]) -> dict[str, set[Phrase]]:
    """Return the distinct phrases that occur in folded words, by group; empty groups are left out.

    Where several phrases start at a word, the longest counts there.
    """
    found: dict[str, set[Phrase]] = {}
    first_words = _BY_FIRST_WORD
    for start in [i for i, word in enumerate(words) if word in first_words]:
        for phrase, groups in first_words[words[start]]:
            if len(phrase) == 1 or tuple(words[start : start + len(phrase)]) == phrase:
                for group in groups:
                    found.setdefault(group, set()).add(phrase)
                break
    return found


def count_phrases(*found: Mapping[str, set[Phrase]]) -> dict[str, int]:
    """Count distinct phrases by group over one or more findings; every group has a count."""
    counts = {}
    for group in GROUPS:
        seen: set[Phrase] = set()
        for finding in found:
            seen |= finding.get(group, set())
        counts[group] = len(seen)
    return counts
