"""The example subscriber, as the README shows it, run as a program."""

import os
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from detectors.record import encode
from tests.detectors.test_record import VERDICT

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "subscriber.py"


def _start(settings):
    return subprocess.Popen(
        [sys.executable, "-u", str(EXAMPLE)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "WEIR_EMBEDDED__FOLDER": settings.embedded.folder,
            "WEIR_TOPICS__PARTITIONS": "2",
        },
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_example_is_ten_lines_and_prints_each_rejected_phish_once(settings, append):
    assert len([line for line in EXAMPLE.read_text().splitlines() if line.strip()]) <= 10
    refused = [replace(VERDICT, id=f"m{number}", action="reject") for number in range(3)]
    append(encode(refused[0]), encode(VERDICT), encode(refused[1]))
    for expected in (["m0", "m1"], ["m2"]):
        process = _start(settings)
        if expected == ["m2"]:
            append(encode(refused[1]), encode(refused[2]))
        lines = [process.stdout.readline() for _ in expected]
        process.terminate()
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert rest == ""
        assert [line.split()[0] for line in lines] == expected
        assert "['link_text_mismatch', 'learned_classifier']" in lines[0]


def test_the_documentation_shows_the_example_as_it_is():
    page = (ROOT / "docs" / "subscribing.md").read_text()
    assert EXAMPLE.read_text().strip() in page
