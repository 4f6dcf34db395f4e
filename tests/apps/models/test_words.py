"""The table of models, as a terminal shows it."""

from apps.models.rows import Row
from apps.models.words import table
from streams.registry import Artifact

LIVE = Row(
    Artifact("classifier", "classifier", "ab" * 32, 400_000),
    "live",
    None,
    "classifier@bfcacbf0098f",
    "shipped",
    shipped=True,
)


def test_a_row_that_fits_has_its_version_beside_it():
    heading, row = table([LIVE], width=160)
    assert heading.endswith("MiB  version")
    assert row.endswith("0.4  classifier@bfcacbf0098f (shipped with Weir)")
    assert list(table([LIVE])) == [heading, row]  # no terminal: one line each, for grep


def test_in_a_narrow_terminal_versions_have_lines_of_their_own():
    lines = list(table([LIVE], width=80))
    assert all(len(line) <= 80 for line in lines)
    assert [line.strip() for line in lines[1::2]] == [
        "version",
        "classifier@bfcacbf0098f (shipped with Weir)",
    ]
