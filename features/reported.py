"""What people have said of mail that shares something with this message: reports by entity."""

from typing import NamedTuple

import msgspec

__all__ = ["REPORTED", "Report", "Reported"]

REPORTED = ("content", "link", "attachment", "domain", "network")
"""Kinds of entities (features.rolling.KINDS) whose standing reports are kept and read."""


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One standing label as kept with an entity.

    `label` is the label's id, cut; `who` 8 bytes of a hash of its reporter; `source` as in
    models.label.Source; `weight` what Trust gave it; `at` the label's append time (s).
    """

    label: str
    who: bytes
    source: str
    abuse: bool
    weight: float
    at: float


class Reported(NamedTuple):
    """The standing reports of one entity: its kind's name, its label, the reports by time."""

    kind: str
    name: str
    reports: tuple[Report, ...]
