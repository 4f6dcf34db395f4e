"""The result of a replay as a file, for programs and for --resume."""

from pathlib import Path
from typing import Any

import msgspec

from streams.whole_file import write_whole

__all__ = ["write_result"]


def write_result(file: Path, told: Any) -> None:
    """Write a result as indented JSON, whole or not at all; raises OSError."""
    write_whole(file, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
