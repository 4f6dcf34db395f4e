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

    def judge(self, batch):
        """Fail as a whole, without saying which message it was."""
        if any(b"HANG" in message.raw for message in batch):
            time.sleep(3600)
        if not os.path.exists(os.environ["POISON_CURE"]):  # noqa: PTH110 - a test script
            for message in batch:
                if b"POISON" in message.raw:
                    raise RuntimeError("poison")
        return self._judge.judge(batch)

    def degraded(self, incoming, *missing):
        """Answer as the real core does."""
        return self._judge.degraded(incoming, *missing)


if __name__ == "__main__":
    main(wrap=Poisoned)
