"""A worker for tests alone: its core fails on messages that say so, as a defect of ours would."""

import os
import time

from streams.worker import main


class Poisoned:
    """The real core; a message with POISON in it breaks the batch it is in, HANG stops it.

    Whatever file POISON_CURE names, if it exists, cures it: the defect was mended.
    """

    def __init__(self, judge):
        self._judge = judge

    def prepare(self, batch):
        """Prepare as the real core does."""
        return self._judge.prepare(batch)

    def conclude(self, prepared, histories):
        """Fail as a whole, without saying which message it was."""
        raws = [one.incoming.raw for one in prepared]
        if any(b"HANG" in raw for raw in raws):
            time.sleep(3600)
        if not os.path.exists(os.environ["POISON_CURE"]):  # noqa: PTH110 - a test script
            for raw in raws:
                if b"POISON" in raw:
                    raise RuntimeError("poison")
        return self._judge.conclude(prepared, histories)

    def degraded(self, incoming, *missing):
        """Answer as the real core does."""
        return self._judge.degraded(incoming, *missing)


if __name__ == "__main__":
    main(wrap=Poisoned)
