"""Each signal's reason as it is shown, on the sample that is written for it."""

import math
import tomllib
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from detectors.apart import detect
from detectors.catalogue import DETECTORS, SPECS
from detectors.signals import Finding
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import Evidence, extract
from features.history import History, known
from features.reported import Report, Reported
from features.wanted import wanted
from streams.sandbox.sandbox import Sandbox

__all__ = ["SAMPLES", "history_beside", "reasons"]

SAMPLES = Path(__file__).resolve().parents[2] / "tests" / "corpus" / "signals"

_ENVELOPE = Envelope(id="sample", received_at=datetime(2025, 11, 11, tzinfo=UTC))
_OURS = frozenset({"mx.brookvale.org"})
# A verifier that is believed, and one that isn't: forging its words is a signal too.
_CONTEXTS = (Context(authserv_ids=_OURS, upstream_verifies=True), Context(authserv_ids=_OURS))


def reasons() -> dict[str, str]:
    """Return each signal's reason; raises ValueError, naming those that have no sample that fires.

    FileNotFoundError where this is no checkout.
    """
    if not SAMPLES.is_dir():
        raise FileNotFoundError(2, "reasons are shown on the samples of a checkout", str(SAMPLES))
    with closing(Sandbox()) as sandbox:
        found = {name: _reason(name, sandbox) for name in SPECS}
    missing = [name for name, reason in found.items() if not reason]
    if missing:
        raise ValueError(f"no tests/corpus/signals/NAME/fires.eml fires {', '.join(missing)}")
    return found


def history_beside(told: Mapping[str, Any], evidence: Evidence) -> History:
    """Return the history that a sample's .toml tells: readings, a correspondent, reports.

    A table [[reported]] tells the reports of all entities of a kind that the message touches, or
    of the one that it names. `ago` is in seconds before the message.
    """
    reported = []
    for number, row in enumerate(told.get("reported", ())):
        reports = tuple(
            [
                Report(
                    said.get("label", f"{number}-{place}"),
                    said["who"].encode(),
                    said["source"],
                    said["abuse"],
                    1.0,
                    evidence.touches.at - said["ago"],
                )
                for place, said in enumerate(row["reports"])
            ]
        )
        touched = [
            it.entity.label
            for it in evidence.touches.increments
            if it.entity.kind.name == row["kind"]
        ]
        for label in [row["name"]] if "name" in row else touched:
            one = Reported(row["kind"], label, reports, row["messages"], row["age"])
            reported.append(one)
    return known(
        told.get("readings", {}),
        told.get("correspondent", ""),
        told.get("watched", math.nan),
        reported=tuple(reported),
    )


def _reason(name: str, sandbox: Sandbox) -> str:
    for sample in sorted((SAMPLES / name).glob("fires*.eml")):
        for context in _CONTEXTS:
            evidence = _read(sample, context, sandbox)
            for finding in detect(DETECTORS, evidence, context):
                if finding.name == name:
                    return _told(finding)
    return ""


def _told(finding: Finding) -> str:
    """Return the reason as a verdict has it: the stack puts the enclosed message's into it."""
    for signal in shipped_stack().weigh([finding], ()).signals:
        return signal.reason
    return finding.reason


def _read(sample: Path, context: Context, sandbox: Sandbox) -> Evidence:
    """Return a sample's evidence with the readings that lie beside it, if any."""
    beside = sample.with_suffix(".toml")
    told = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
    envelope = msgspec.structs.replace(_ENVELOPE, direction=told.get("direction", "inbound"))
    evidence = extract(Incoming(envelope, sample.read_bytes()), context)
    evidence = evidence.with_history(history_beside(told, evidence))
    requests = wanted(evidence, context.limits)
    opened = sandbox.open(requests) if requests else None
    return evidence.with_opened(opened) if opened else evidence
