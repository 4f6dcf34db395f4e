"""A what-if as a task that any process can do a part of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from apps.quality.truths import Truths
from apps.replay.comparing import Comparing
from apps.replay.materials import Materials
from apps.replay.model_history import ModelHistory
from apps.replay.opening import patient_sandbox
from apps.replay.otherwise import read_otherwise
from apps.replay.reading import kept_in
from apps.replay.request import WhatIf
from apps.replay.what_if import Counterfact, Counterfacts
from apps.subscriber.recorded import Recorded
from detectors.record import encode
from detectors.verdict import Verdict
from models.label import Label, Place
from streams.opening import load_weights
from streams.settings import Settings

__all__ = ["LABELS", "WhatIfTask"]

LABELS = "labels.jsonl"
"""The file of a source's labels, beside the history of its models."""


@dataclass(frozen=True, slots=True)
class WhatIfTask:
    """Judges stretches otherwise (apps.replay.workers.Task) and compares.

    `history` is the folder of a ModelHistory with LABELS, `archive` the URL of an archive that
    keeps policies and artifacts, "" for none; `top` says how many changes are told.
    """

    settings: Settings
    asked: WhatIf
    history: str
    archive: str = ""
    top: int = 100

    def open(self) -> Callable[[Sequence[Recorded]], Comparing]:
        """Open what judging needs; what is returned judges a stretch and compares it.

        Raises what `read_otherwise` raises.
        """
        folder = Path(self.history)
        kept = Materials(self.settings, ModelHistory(folder), kept_in(self.archive))
        stack, _ = load_weights(self.settings)
        sandbox = patient_sandbox(self.settings)
        runs = [
            Counterfacts(kept, read_otherwise(asked, self.settings, stack, kept), sandbox)
            for asked in (self.asked, WhatIf(policy=self.asked.against))
            if asked is self.asked or asked.policy is not None
        ]
        truths = _truths(folder / LABELS)

        def compare(block: Sequence[Recorded]) -> Comparing:
            """Compare what would have been said with what was, or with what else would have."""
            found = Comparing(self.top)
            first, *others = [run.judge(block) for run in runs]
            for at, (recorded, after) in enumerate(zip(block, first, strict=True)):
                other = others[0][at] if others else None
                _add(found, recorded, after, other, truths)
            return found

        return compare

    def dump(self, tally: Comparing) -> bytes:
        """Return a tally as bytes."""
        return msgspec.json.encode(tally)

    def load(self, state: bytes) -> Comparing:
        """Return the tally of bytes that `dump` made."""
        return msgspec.json.decode(state, type=Comparing)


def _add(
    found: Comparing,
    recorded: Recorded,
    after: Counterfact,
    other: Counterfact | None,
    truths: Truths,
) -> None:
    """Compare one message; `other` is what else would have been said, None for what was."""
    missing = after.missing or (other.missing if other is not None else "")
    if missing or after.before is None or after.after is None:
        found.leave(missing)
        return
    then: tuple[Verdict, bytes] = (after.before, recorded.value)
    if other is not None and other.after is not None:
        then = (other.after, encode(other.after))
    log = after.before.log
    place = None if log is None else Place(log.epoch, log.partition, log.offset)
    truth = truths.of(after.before.id, place)
    by_mail = after.by_mail or (other is not None and other.by_mail)
    found.add(recorded.event, then, after.after, truth, by_mail=by_mail)


def _truths(file: Path) -> Truths:
    """Return what the labels of a file come to; a file that isn't there holds none."""
    truths = Truths()
    if file.exists():
        decoder = msgspec.json.Decoder(Label)
        with file.open("rb") as lines:
            for line in lines:
                truths.add(decoder.decode(line))
    return truths
