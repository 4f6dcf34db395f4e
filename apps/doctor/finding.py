"""What the doctor says about one subject."""

from typing import Literal, NamedTuple

__all__ = ["Finding", "Level", "fault", "fine", "warning"]

Level = Literal["fine", "warning", "fault"]


class Finding(NamedTuple):
    """One subject looked at. `todo` says what to do, and is empty where all is well."""

    subject: str
    level: Level
    said: str
    todo: str = ""


def fine(subject: str, said: str) -> Finding:
    """Return a finding that needs nothing done."""
    return Finding(subject, "fine", said)


def warning(subject: str, said: str, todo: str) -> Finding:
    """Return a finding that mail flows in spite of, at a price."""
    return Finding(subject, "warning", said, todo)


def fault(subject: str, said: str, todo: str) -> Finding:
    """Return a finding that keeps mail from being judged, or verdicts from being right."""
    return Finding(subject, "fault", said, todo)
