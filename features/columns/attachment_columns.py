"""Numbers about attachments."""

import math

from features.attachments import Attachments
from features.schema import Feature

__all__ = ["COLUMNS", "values"]

_TRAITS = (
    "archive", "archive_encrypted", "archive_executable", "double_extension", "executable", "html",
    "html_smuggling", "macro", "nested_message", "right_to_left_name", "script", "svg",
    "type_mismatch",
)  # fmt: skip
_KINDS = ("calendar", "image", "ole", "ooxml", "pdf", "text")

COLUMNS = (
    Feature("attachments.count", "count", "attachments"),
    Feature("attachments.bytes", "bytes, log", "their size in all"),
    *[Feature(f"attachments.{kind}", "count", f"attachments that are {kind}") for kind in _KINDS],
    *[
        Feature(f"attachments.{trait}", "flag", f"an attachment is or has: {trait}")
        for trait in _TRAITS
    ],
)


def values(attachments: Attachments) -> list[float]:
    """Return the numbers of COLUMNS."""
    kinds = [attachment.kind for attachment in attachments.all]
    return [
        float(len(attachments.all) + attachments.dropped),
        math.log1p(sum([attachment.size for attachment in attachments.all])),
        *[float(kinds.count(kind)) for kind in _KINDS],
        *[float(trait in attachments.traits) for trait in _TRAITS],
    ]
