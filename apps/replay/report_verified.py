"""The report of a verification: do recorded verdicts come out again, and if not, where?"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from apps.pages.frame import document, shown
from apps.pages.table import Cell, Column, table
from apps.replay.verify_result import Found, VerifyResult
from streams.whole_file import write_whole

__all__ = ["verified_page", "write_verified"]

_TITLE: Final = "Verdicts verified"
_LONGEST: Final = 300


def write_verified(file: Path, found: VerifyResult) -> None:
    """Write the report of a verification; raises OSError."""
    write_whole(file, verified_page(found).encode())


def verified_page(found: VerifyResult) -> str:
    """Return the report of a verification as an HTML document; deterministic."""
    return document(_TITLE, _body(found))


def _body(found: VerifyResult) -> Iterator[str]:
    yield f"<h1>{_TITLE}</h1>"
    yield f'<p class="lead">{_lead(found)}</p>'
    yield from _ways(found)
    if found.fields:
        yield "<h2>Fields that differ</h2>"
        yield from _counted("field", found.fields, "verdicts")
    if found.examples:
        yield "<h2>Verdicts that differ</h2>"
        if len(found.examples) < found.differing:
            yield f'<p class="note">The first {len(found.examples)} of {found.differing:,}.</p>'
        for example in found.examples:
            yield from _example(example)
    if found.reasons:
        yield "<h2>Verdicts that can't be judged again</h2>"
        yield from _counted("why", found.reasons, "verdicts")
    if found.unread:
        yield "<h2>What the source couldn't give</h2>"
        yield from _counted("what", found.unread, "times")
    yield "<h2>Digests</h2>"
    same = "the same" if found.digest == found.recorded else "not the same"
    yield (
        f'<dl class="facts"><dt>As recorded</dt><dd><code>{shown(found.recorded)}</code></dd>'
        f"<dt>As judged now</dt><dd><code>{shown(found.digest)}</code>, {same}</dd></dl>"
    )


def _lead(found: VerifyResult) -> str:
    compared = found.raw + found.vector
    if not compared:
        return "No verdict could be judged again."
    if not found.differing:
        return f"All {compared:,} verdicts that could be judged again come out the same."
    return (
        f'<strong class="harsher">{found.differing:,} of {compared:,}</strong> verdicts come out '
        "otherwise than they were recorded."
    )


def _ways(found: VerifyResult) -> Iterator[str]:
    rows = (
        ("from the mail itself", f"{found.raw:,}", _differing(found.differing_raw)),
        ("from vector and basis", f"{found.vector:,}", _differing(found.differing_vector)),
        ("couldn't be judged again", f"{found.untold:,}", ""),
        ("a hook's own, judged by no worker", f"{found.fallback:,}", ""),
    )
    columns = (Column("how"), Column("verdicts", numeric=True), Column("differing", numeric=True))
    yield from table(columns, rows)
    if found.other_engine:
        yield (
            f'<p class="note">{found.other_engine:,} of them are of another release or '
            "installation: there action and score count, not every byte.</p>"
        )


def _differing(count: int) -> Cell:
    return Cell(f"{count:,}", "harsher" if count else "zero")


def _counted(head: str, counts: Mapping[str, int], unit: str) -> Iterator[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [[shown(name, _LONGEST), f"{count:,}"] for name, count in ordered]
    yield from table([Column(head), Column(unit, numeric=True)], rows)


def _example(example: Found) -> Iterator[str]:
    way = "the mail itself" if example.way == "raw" else "vector and basis"
    yield f"<h3><code>{shown(example.event, 120)}</code>, from {way}</h3>"
    columns = (Column("field"), Column("recorded"), Column("judged now"))
    rows = (
        [f"<code>{shown(text, _LONGEST)}</code>" for text in difference]
        for difference in example.differences
    )
    yield from table(columns, rows, kind="cards full")
