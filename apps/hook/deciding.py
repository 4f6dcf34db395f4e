"""Where a verdict comes from: Kafka, the pipeline in this process, or the fallback."""

from typing import Final, Protocol

from detectors.verdict import Verdict
from features.envelope import Envelope

__all__ = ["BUDGET", "Decide"]

BUDGET: Final = 0.05  # seconds before the deadline, for a verdict without anybody's help


class Decide(Protocol):
    """One message in, one verdict out, whatever fails behind it."""

    async def __call__(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict:
        """Return a verdict by `deadline` (the event loop's clock, seconds); never raises.

        The verdict's `kind` is "fallback" where nobody answered in time, `degraded` names what
        it had to do without, and its `action` is what must be enforced. Its `id` is that of an
        earlier attempt where a late verdict on the same delivery was waiting. `raw` is cut to
        the log's limit by the caller, which says so in `envelope.truncated`.
        """
        ...
