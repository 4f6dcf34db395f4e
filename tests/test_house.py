"""The house rules that no linter knows."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("features", "models", "detectors", "streams", "apps")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 400
DUMPING_GROUNDS = re.compile(r"(utils?|helpers?|common|misc|base|manager|core)\.py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_enough_to_hold_one_idea(module):
    lines = len(module.read_text().splitlines())

    assert lines <= LONGEST


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_not_a_dumping_ground(module):
    assert not DUMPING_GROUNDS.fullmatch(module.name)


def test_the_core_reads_no_clock_and_draws_no_random_numbers():
    """Replay gives the same verdicts only if time and chance are inputs."""
    clock = re.compile(
        r"\b(time\.time|perf_counter|monotonic|datetime\.now|utcnow|uuid4|urandom)\b"
    )

    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for package in ("features", "models", "detectors")
        for path in (ROOT / package).rglob("*.py")
        for match in clock.finditer(path.read_text())
    ]

    assert found == []


def test_every_relative_link_of_the_documentation_leads_somewhere():
    """A link to a page that was renamed is a promise broken."""
    link = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    broken = [
        f"{page}: {target}"
        for page in tracked
        if (ROOT / page).exists()
        for target in link.findall((ROOT / page).read_text())
        if not (ROOT / page).parent.joinpath(target).exists()
    ]

    assert broken == []
