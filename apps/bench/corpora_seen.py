"""The corpora judged once: what fired, with and without the data that signals rest on."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.bench.check_cost import CheckCost
from apps.training.splits import cluster
from apps.weighing.mail import distinct, of_corpora
from apps.weighing.seen import Seen, look
from detectors.apart import detect
from detectors.brands import Brands
from detectors.catalogue import DETECTORS
from detectors.judging import Judge
from detectors.signals import Finding
from features.context import Context
from features.evidence import Evidence
from streams.sandbox.sandbox import Sandbox

__all__ = ["PHISHING", "Read", "campaigns", "read_mail_of"]

PHISHING = "phishing-pot"
"""The collection that recall is told of; its forwards are counted apart."""

_NO_BRANDS = Brands(())
_SHORTEST = 4  # characters of a name or subject by which two messages are one campaign


@dataclass(frozen=True, slots=True)
class Read:
    """A message: what it showed, the same without brand table and lexicon, and whence it comes.

    `year` is its Date's, 0 where it tells none; `keys` are what a campaign shares.
    """

    seen: Seen
    sha256: str
    year: int
    keys: tuple[str, ...]
    without_brands: tuple[Finding, ...]
    without_phrases: tuple[Finding, ...]


def read_mail_of(
    corpora: Path,
    judge: Judge,
    sandbox: Sandbox,
    cost: CheckCost,
    advance: Callable[[str], None],
) -> list[Read]:
    """Judge every message of the corpora and time every check on it; `advance` gets its source.

    Raises FileNotFoundError where the folder holds no corpora.
    """
    return list(_read(corpora, judge, sandbox, cost, advance))


def _read(
    corpora: Path,
    judge: Judge,
    sandbox: Sandbox,
    cost: CheckCost,
    advance: Callable[[str], None],
) -> Iterator[Read]:
    pieces = distinct(of_corpora(corpora), Counter())
    for piece, seen, evidence in look(judge, sandbox, pieces):
        advance(piece.source)
        assert seen is not None, piece.name
        assert evidence is not None
        cost.add(evidence, judge.context)
        headers = evidence.headers
        yield Read(
            seen,
            hashlib.sha256(piece.raw).hexdigest(),
            headers.date.year if headers.date else 0,
            tuple(_keys(evidence)),
            _found(evidence, judge.context, _NO_BRANDS),
            _found(_speechless(evidence), judge.context),
        )


def _found(
    evidence: Evidence, context: Context, brands: Brands | None = None
) -> tuple[Finding, ...]:
    given = () if brands is None else (brands,)
    found = detect(DETECTORS, evidence, context, *given)
    return tuple(replace(finding, reason="", inputs={}) for finding in found)


def _speechless(evidence: Evidence) -> Evidence:
    content = msgspec.structs.replace(evidence.content, phrases={}, subject_phrases={})
    return replace(evidence, content=content)


def _keys(evidence: Evidence) -> Iterator[str]:
    headers = evidence.headers
    for kind, value in (
        ("name", headers.display_folded),
        ("subject", headers.subject_folded),
        ("address", headers.from_.address),
    ):
        if len(value) >= _SHORTEST:
            yield f"{kind}:{value}"
    for domain in sorted(evidence.links.domains):
        yield f"link:{domain}"


def campaigns(reads: Sequence[Read]) -> NDArray[np.intp]:
    """Return a campaign's number for each message: joined by name, subject, address, link domain.

    A domain that legitimate mail links to joins nothing: everybody's mail leads to it.
    """
    honest = {key for read in reads if read.seen.legitimate for key in read.keys}
    return cluster(
        [
            [key for key in read.keys if not (key.startswith("link:") and key in honest)]
            for read in reads
        ]
    )
