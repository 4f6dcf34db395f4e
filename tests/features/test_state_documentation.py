"""docs/state.md says what is kept of each kind of entity."""

from pathlib import Path

import pytest

from features.rolling import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "state.md").read_text()


def row(kind):
    counts = ", ".join(
        f"{it.name} ({', '.join(it.half_lives)})" if it.half_lives else it.name
        for it in kind.counters
    )
    distinct = ", ".join(kind.sketches)
    return f"| `{kind.name}` | {counts} | {distinct} | {kind.days} d | {kind.size} |"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_is_documented_with_its_fields(kind):
    assert row(kind) in PAGE
