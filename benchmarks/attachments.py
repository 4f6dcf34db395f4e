"""Measure attachments on corpora of mail: which messages ask for opening, and what that costs.

    python benchmarks/attachments.py FOLDER [--json]

FOLDER is laid out as apps.training.corpora says. CPU time is that of the process that opens them
(/proc/PID/schedstat), the median of three openings of each; the samples of the signals' tests are
measured beside, because hardly any mail of the corpora has documents. `asking_us` is what a message
pays for being asked, with and without attachments.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import process_time_ns
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script, not a package

from apps.training.corpora import pooled, read_corpora  # noqa: E402 - after the path
from detectors import attached_pages, opened_attachments  # noqa: E402 - after the path
from features.context import Context  # noqa: E402 - after the path
from features.envelope import Envelope, Incoming  # noqa: E402 - after the path
from features.evidence import extract  # noqa: E402 - after the path
from features.opened import Request  # noqa: E402 - after the path
from features.wanted import wanted  # noqa: E402 - after the path
from streams.sandbox.sandbox import Sandbox  # noqa: E402 - after the path

SAMPLES = ROOT / "tests" / "corpus" / "signals"
CONTEXT = Context()
ENVELOPE = Envelope(id="benchmark", received_at=datetime(2026, 1, 1, tzinfo=UTC))
ROUNDS = 3
ASKED = 20  # times: the clock costs more than the question


class Measured:
    """What was asked for and what it cost, by source and by kind."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.messages: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.fired: dict[str, Counter[str]] = defaultdict(Counter)
        self.cpu_ms: dict[str, list[float]] = defaultdict(list)
        self.asking_us: dict[str, list[float]] = defaultdict(list)
        self._sandbox = sandbox

    def add(self, source: str, raw: bytes) -> None:
        """Judge one message as far as its attachments go."""
        evidence = extract(Incoming(ENVELOPE, raw), CONTEXT)
        started = process_time_ns()
        for _ in range(ASKED):
            requests = wanted(evidence, CONTEXT.limits)
        with_any = "with" if evidence.attachments.all else "without"
        self.asking_us[with_any].append((process_time_ns() - started) / 1000 / ASKED)
        self.messages[source] += 1
        if requests:
            self.asked[source] += 1
            files = self._sandbox.open(requests)
            self.failed[source] += files is None
            evidence = evidence.with_opened(files or ())
            for request in requests if files else ():
                self._time(request, source)
        for detector in (opened_attachments.DETECTOR, attached_pages.DETECTOR):
            for finding in detector.detect(evidence, CONTEXT):
                self.fired[finding.name][source] += 1

    def _time(self, request: Request, source: str) -> None:
        spent = []
        for _ in range(ROUNDS):
            before = _cpu_ns(self._sandbox.pid)
            self._sandbox.open([request])
            spent.append((_cpu_ns(self._sandbox.pid) - before) / 1_000_000)
        of = "samples" if source == "samples" else "corpora"
        self.cpu_ms[f"{request.kind}, {of}"].append(median(spent))


def _cpu_ns(pid: int | None) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])


def mail(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the corpora's mail by source, then the signals' samples."""
    for sample in read_corpora(folder):
        yield f"{sample.label}: {pooled(sample.source)}", sample.raw
    for file in sorted(SAMPLES.glob("attachment_*/*.eml")):
        yield "samples", file.read_bytes()


def report(measured: Measured) -> dict[str, Any]:
    """Return all figures."""
    return {
        "sources": {
            source: {
                "messages": count,
                "asked": measured.asked[source],
                "failed": measured.failed[source],
            }
            for source, count in measured.messages.items()
        },
        "cpu_ms": {kind: _spread(values) for kind, values in sorted(measured.cpu_ms.items())},
        "asking_us": {kind: _spread(values) for kind, values in measured.asking_us.items()},
        "fired": {
            name: {source: n for source, n in found.items() if source != "samples"}
            for name, found in sorted(measured.fired.items())
        },
    }


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    p95 = quantiles(ordered, n=20, method="inclusive")[-1] if len(ordered) > 1 else ordered[0]
    return {
        "n": len(ordered),
        "median": round(median(ordered), 2),
        "p95": round(p95, 2),
        "max": round(ordered[-1], 2),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    sandbox = Sandbox()
    try:
        measured = Measured(sandbox)
        for source, raw in mail(given.folder):
            measured.add(source, raw)
    finally:
        sandbox.close()
    found = report(measured)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for part, rows in found.items():
        print(part)
        for name, row in rows.items():
            print(f"  {name:40} " + "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
