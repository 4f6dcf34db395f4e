"""Attachments opened for a replay, for which no mail waits."""

from typing import Final

import msgspec

from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["patient_sandbox"]

_PATIENCE: Final = 20  # times as long as a worker waits


def patient_sandbox(settings: Settings) -> Sandbox:
    """Return a sandbox that opens on a busy machine, too, what a worker had the time to open."""
    section = settings.attachments
    patient = msgspec.structs.replace(section, deadline_ms=section.deadline_ms * _PATIENCE)
    return Sandbox(patient)
