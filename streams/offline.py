"""Mail judged in order and without a log, with what was seen before it: evaluation's shell."""

from collections.abc import Callable, Sequence

from detectors.judging import Judge, Judged, Prepared
from detectors.outcomes import outcome_of
from features.envelope import Incoming
from features.history import UNKNOWN, History
from features.reported import heard_by
from features.sender import Touches, labelled, read_history
from streams.judging import conclude_safely, prepare_safely
from streams.sandbox.sandbox import Sandbox
from streams.stores.protocol import Mention, Move
from streams.stores.rolling_memory import RollingMemory

__all__ = ["Offline"]


class Offline:
    """Does in one thread, and at once, what the worker does with a batch; it keeps no verdict.

    The order of acts is the worker's: what the messages show, their arrivals in the state, what
    it reads of their senders, the verdicts, their outcomes. Without `state` every sender is
    unknown, without `sandbox` no attachment is opened. `core` may be exchanged between batches.
    `stage`, if given, is called with "state" and "learn" at their ends, so that the caller can
    time them beside the core's stages.
    """

    def __init__(
        self,
        core: Judge,
        state: RollingMemory | None = None,
        stage: Callable[[str], None] | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self._sandbox = sandbox
        self.core = core
        self.state = state
        self._stage = stage or _unobserved

    def judge(self, batch: Sequence[Incoming]) -> list[Judged]:
        """Return one verdict a message, in order.

        The history of a message has those before it in the batch, but not how they were judged:
        in a batch of one all is known.
        """
        return self.conclude(self.prepare(batch))

    def prepare(self, batch: Sequence[Incoming]) -> list[Prepared]:
        """Return what each message shows by itself, its attachments opened; nothing is counted."""
        prepared = prepare_safely(self.core, batch)
        if self._sandbox is not None:
            prepared = self._sandbox.open_all(prepared)
        return prepared

    def conclude(self, prepared: Sequence[Prepared]) -> list[Judged]:
        """Return one verdict for each of `prepare`, in order, as `judge` does."""
        histories = self._arrive(prepared)
        self._stage("state")
        judged = conclude_safely(self.core, prepared, histories)
        self._depart(judged)
        self._stage("state")
        return judged

    def label(self, judged: Judged, *, abuse: bool, weight: float = 1.0) -> None:
        """Teach what a message was: its models, and the label counts that the state keeps.

        A message that broke the pipeline teaches nothing.
        """
        if judged.error is not None or judged.evidence is None:
            return
        if self.core.models is not None:
            self.core.models.learn(judged, abuse=abuse, weight=weight)
        if self.state is not None:
            touches = judged.evidence.touches
            move = Move(None, touches.at, labelled(touches, abuse=abuse))
            self.state.advance("outcome", [move])
        self._stage("learn")

    def _arrive(self, prepared: Sequence[Prepared]) -> list[History | None]:
        """Apply what arrives, and return what is known of each message's sender."""
        histories: list[History | None] = [UNKNOWN] * len(prepared)
        if self.state is None:
            return histories
        touched = [
            (at, one.evidence.touches, one.evidence.envelope.tenant)
            for at, one in enumerate(prepared)
            if one.evidence is not None
        ]
        moves = [_arrival(touches) for _, touches, _ in touched]
        advanced = self.state.advance("arrival", moves)
        for (at, touches, tenant), answer in zip(touched, advanced, strict=True):
            directions = [mention and mention.direction for mention in answer.mentions]
            reports = [heard_by(each, tenant) for each in answer.reports]
            histories[at] = read_history(touches, answer.readings, directions, touches.at, reports)
        return histories

    def _depart(self, judged: Sequence[Judged]) -> None:
        """Apply what is known now that the messages are judged."""
        if self.state is None:
            return
        moves = []
        for one in judged:
            if one.evidence is None or one.error is not None:
                continue
            touches, envelope = one.evidence.touches, one.evidence.envelope
            moves.append(Move(None, touches.at, outcome_of(touches, one.verdict)))
            if touches.message_id:
                mention = Mention(envelope.id, None, envelope.direction)
                self.state.index(touches.message_id, mention)
        self.state.advance("outcome", moves)


def _arrival(touches: Touches) -> Move:
    return Move(None, touches.at, touches.increments, mentions=touches.mentions)


def _unobserved(stage: str) -> None:
    """Stand in for a caller that doesn't time the stages."""
