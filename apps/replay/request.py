"""What was asked of `weir replay`: the one argument of each way of replaying."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from streams.settings import Settings

__all__ = ["Mode", "Request", "WhatIf"]

Mode = Literal["verify", "what-if", "re-live"]


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is to be otherwise, as it was given on the command line."""

    policy: Path | None = None
    models: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    against: Path | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A replay: `sources` as given, where its result goes, and how it is worked on.

    `out` is the result's file (JSON), beside which its checkpoint lies; `report` an HTML page.
    """

    settings: Settings
    sources: tuple[str, ...] = ()
    mode: Mode = "verify"
    out: Path | None = None
    report: Path | None = None
    resume: bool = False
    workers: int = 1
    engine: Literal["local", "spark"] = "local"
    learning: bool = False
    as_json: bool = False
    what_if: WhatIf = field(default_factory=WhatIf)
