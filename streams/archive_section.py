"""The section [archive] of weir.toml: where the archive lies, what it keeps, for how long."""

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["ArchiveSection", "inconsistent_archive", "names_keys"]


class ArchiveSection(msgspec.Struct, frozen=True, kw_only=True):
    """What `weir archive` keeps of the topics, as Parquet (docs/archive.md)."""

    url: Annotated[
        str,
        Meta(
            description="A folder, or `s3://BUCKET/PREFIX` (`?region=`, `&endpoint_override=`, "
            "`&scheme=`; access keys come from the environment). Empty: there is no archive.",
            extra={"path": True},
        ),
    ] = ""
    raw: Annotated[
        bool,
        Meta(
            description="Keep messages and their envelopes too. Without them verdicts are verified "
            "from their vectors alone."
        ),
    ] = False
    raw_days: Annotated[
        float, Meta(gt=0, description="How long messages and envelopes are kept.")
    ] = 7.0
    vector_days: Annotated[
        float, Meta(gt=0, description="How long the verdicts' feature vectors are kept.")
    ] = 90.0
    verdict_days: Annotated[
        float, Meta(gt=0, description="How long verdicts, labels and learning steps are kept.")
    ] = 400.0
    block_seconds: Annotated[
        float,
        Meta(gt=0, le=86_400, description="Longest wait before what came is in the archive."),
    ] = 60.0
    block_rows: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Most records that are held for a block.")
    ] = 20_000
    block_bytes: Annotated[
        int, Meta(ge=1_000_000, description="Most bytes of records that are held for a block.")
    ] = 67_108_864
    tidy_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="Pause between two rounds in which small files are merged, and what has "
            "had its time goes.",
        ),
    ] = 3600.0


def inconsistent_archive(section: ArchiveSection) -> Iterator[str]:
    """Yield what can't hold together in the section, one line each."""
    scheme, colon, rest = section.url.partition("://")
    if names_keys(section.url):
        yield (
            "archive.url names access keys; allowed: s3://BUCKET/PREFIX, and the keys in the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    elif colon and (scheme not in {"file", "s3"} or not rest):
        yield f"archive.url = {section.url!r}; allowed: a folder, or s3://BUCKET/PREFIX"
    for name in ("raw_days", "vector_days"):
        if getattr(section, name) > section.verdict_days:
            yield (
                f"archive.{name} = {getattr(section, name):g}; allowed: at most "
                f"archive.verdict_days ({section.verdict_days:g})"
            )


def names_keys(url: str) -> bool:
    """Tell whether more than a bucket stands where an address has it: KEY:SECRET@BUCKET."""
    return re.match(r"[A-Za-z0-9]+://[^/?#]*[@:]", url) is not None and not url.startswith("file:")
