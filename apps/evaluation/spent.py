"""CPU time by stage, for parts that only tell where a stage ends."""

import time
from collections import defaultdict

__all__ = ["Spent"]


class Spent:
    """Adds up this process's CPU seconds between one stage's end and the next one's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.process_time()

    def skip(self) -> None:
        """Begin here: what was spent since the last end belongs to no stage."""
        self._last = time.process_time()

    def end(self, stage: str) -> None:
        """Count what was spent since the last end or `skip` for a stage."""
        now = time.process_time()
        self.seconds[stage] += now - self._last
        self._last = now
