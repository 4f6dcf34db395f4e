"""Re-live: mail judged anew from nothing, as one worker would have that began before the first.

Unlike verify and what-if it takes nothing from a recorded verdict: sender state is built up by
the mail itself, in the order of receipt. So it is right for changed feature definitions and for
mail that was never judged, and it can't be divided: each message needs those before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from apps.replay.at_once import at_once
from apps.replay.in_order import Received
from detectors.judging import Judge, Judged
from detectors.record import encode
from detectors.verdict import Verdict
from streams.cases import Case, incoming, keeping, numbered, queries, settled
from streams.judging import conclude_safely, prepare_safely
from streams.sandbox.sandbox import Sandbox
from streams.sender_state import arrival, history, outcome
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Move

__all__ = ["BATCH", "Relive", "Relived"]

BATCH: Final = 32
"""Messages judged at once. Part of the result: within a batch nothing is known of outcomes."""


class Relived(NamedTuple):
    """A message's new verdict and its bytes; `judged` has what learning from it needs."""

    received: Received
    verdict: Verdict
    value: bytes
    judged: Judged


class Relive:
    """Judges mail in order by the acts of a worker's batch (streams.pipeline), over a fresh state.

    Retries, repeated ids and copies for other recipients are told as a worker tells them, by the
    messages' own times: no clock is read, and equal mail in equal order gives equal bytes.
    Without `sandbox` no attachment is opened. `core` may be exchanged between batches; its online
    models, if it has some, are the caller's to teach.
    """

    def __init__(self, core: Judge, sandbox: Sandbox | None = None) -> None:
        self.core = core
        self._sandbox = sandbox
        self._now = 0.0
        # Nothing is delivered twice here, so no recorded verdict is ever asked for.
        self.store = MemoryStore(record_seconds=0.0, clock=lambda: self._now)

    def run(self, received: Iterable[Received]) -> Iterator[Relived]:
        """Yield a verdict for each message, in order; see `in_order` for the order of receipt."""
        rest = iter(received)
        while batch := list(islice(rest, BATCH)):
            yield from self.judge(batch)

    def judge(self, batch: Sequence[Received]) -> list[Relived]:
        """Judge the next messages as one batch, and count them."""
        cases = [Case(one.arrival) for one in batch]
        self._now = max([self._now, *(case.arrival.appended_ms / 1000 for case in cases)])
        asked = queries(cases)
        prepared = prepare_safely(self.core, [incoming(case) for case in cases])
        if self._sandbox is not None:
            prepared = self._sandbox.open_all(prepared)
        found = at_once(self.store.look_up(asked))
        for case, one, known in zip(cases, prepared, found, strict=True):
            case.prepared, case.found, case.known = one, known, True
        moving = [case for case in cases if case.touches is not None]
        advanced = at_once(self.store.advance([_unplaced(arrival(case)) for case in moving]))
        for case, answer in zip(moving, advanced, strict=True):
            case.advanced = answer
        messages = [settled(case) for case in cases]
        judged = conclude_safely(self.core, messages, [history(case) for case in cases])
        relived = [
            Relived(one, *self._encoded(case, said), said)
            for one, case, said in zip(batch, cases, judged, strict=True)
        ]
        outcomes = [_unplaced(move) for move in map(outcome, cases) if move is not None]
        at_once(self.store.record([keeping(case) for case in cases], outcomes))
        return relived

    def _encoded(self, case: Case, judged: Judged) -> tuple[Verdict, bytes]:
        case.error = judged.error
        case.verdict = numbered(case, judged.verdict)
        try:
            case.value = encode(case.verdict)
        except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
            case.error = f"encode: {type(error).__name__}: {error}"
            case.verdict = numbered(case, self.core.degraded(incoming(case), "pipeline"))
            case.value = encode(case.verdict)
        return case.verdict, case.value


def _unplaced(move: Move) -> Move:
    """Return a move that is always applied: by time of receipt, offsets don't always rise."""
    return move._replace(position=None)
