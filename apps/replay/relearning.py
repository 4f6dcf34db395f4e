"""The labels of a log heard anew while its mail is: found, counted and taught as a learner does.

A label is heard before the first message that was received after the log took it; so the message
that it is of has been judged. It takes a learner's own path: `Finding` (tenants, signed tokens),
`Counting` by the policy's trust, and `Teacher`, over models that begin with nothing. What a learner
does beside isn't replayed: each step counts at once, where a learner publishes now and then and its
gate may hold back, and what operators commanded (`weir models`) isn't done.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Self

from apps.replay.at_once import at_once
from apps.replay.in_order import Spool
from apps.replay.labels_read import GivenLabel
from apps.replay.relive import Relived
from detectors.judging import Judge
from detectors.record import decode
from detectors.verdict import Verdict
from features.context import Context
from features.entities import Namer
from features.envelope import LogPosition
from features.sender import index_keys
from features.tokens import layout
from streams.labels.counting import Counting, Task
from streams.labels.finding import Finding
from streams.labels.message import Taken, Unfound, record_of
from streams.labels.verdict_scan import Wanted
from streams.learning.lessons import Teacher
from streams.learning.lineage import Lineage
from streams.learning.memory import Memory
from streams.settings import Settings
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Mention
from streams.wire import Arrival

__all__ = ["Relearning"]

_EPOCH: Final = "re-live"  # of the labels' offsets, which order them
_HOUR: Final = 3600.0


class Relearning:
    """Labels of a log, in its order, beside a re-live whose `core` has models that know nothing.

    `store` is the re-live's: counters move where it reads them. `token_key` is that of the keys
    file. Used as a context, since judged mail lies in a file until its label comes.
    """

    def __init__(
        self,
        settings: Settings,
        core: Judge,
        store: MemoryStore,
        labels: Iterable[GivenLabel],
        token_key: bytes,
    ) -> None:
        if core.models is None:
            raise ValueError("nothing to teach: the core has no models")
        self._core = core
        self._labels = list(labels)
        self._next = 0
        self._judged = _Judged(store)
        self._finding = Finding(self._judged, store, self._judged, core.context, token_key)
        self._counting = Counting(
            store,
            _EPOCH,
            lambda tenant: core.policies.for_tenant(tenant).labels,
            settings.state.reports_hours * _HOUR,
        )
        lineage = Lineage(core.models, Memory(settings.learner.known_ham), layout(core.context))
        self._teacher = Teacher(
            lineage,
            core.stack,
            layout(core.context),
            epoch=_EPOCH,
            fence=1,
            largest=settings.record_bytes,
        )
        self.learned = 0
        self.refused: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Keep judged mail within the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Delete it."""
        self._judged.close()

    @property
    def left(self) -> int:
        """How many labels haven't been heard."""
        return len(self._labels) - self._next

    def keep(self, relived: Sequence[Relived]) -> None:
        """Take in what was judged: labels to come may be of it."""
        for one in relived:
            self._judged.add(one)

    def is_due(self, at: float) -> bool:
        """Tell whether the log took the next label before a time (s)."""
        return self._next < len(self._labels) and self._labels[self._next].at < at

    def learn(self, at: float) -> None:
        """Hear and teach, one after the other, what the log took before a time (s)."""
        while self.is_due(at):
            given = self._labels[self._next]
            # Offsets count from 0 here: those of a log that was made anew needn't rise.
            self._hear(Taken(given.label, self._next, given.at))
            self._next += 1

    def _hear(self, taken: Taken) -> None:
        (found,) = at_once(self._finding.find([taken]))
        if isinstance(found, Unfound):
            self.refused[found.reason] += 1
            return
        prepared = None if found.incoming is None else self._core.prepare([found.incoming])[0]
        record = found.record
        if record is None and prepared is not None and prepared.evidence is not None:
            record = record_of(found, prepared.evidence, taken.at)
        if record is None:
            self.refused["unreadable"] += 1
            return
        (outcome,) = at_once(self._counting.apply([Task(taken, record)]))
        self.learned += self._teacher.learn(taken, outcome, found, prepared) is not None


class _Judged:
    """Judged mail by id, place and Message-ID, as a learner finds it in the log and the store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._spool = Spool()
        self._lies: dict[LogPosition, tuple[int, int]] = {}
        self._ids: dict[str, LogPosition] = {}

    def add(self, one: Relived) -> None:
        """Keep a message with its verdict."""
        arrival = one.received.arrival
        self._lies[arrival.position] = self._spool.add(one.received._replace(value=one.value))
        self._ids.setdefault(arrival.incoming.envelope.id, arrival.position)

    def close(self) -> None:
        """Delete what is kept."""
        self._spool.__exit__()

    async def messages(self, places: Sequence[LogPosition]) -> dict[LogPosition, Arrival]:
        """Return the messages at these places."""
        return {it: self._spool.take(self._lies[it]).arrival for it in places if it in self._lies}

    async def verdicts(self, wanted: Sequence[Wanted]) -> dict[Wanted, Verdict]:
        """Return the verdicts on messages at these places."""
        return {
            each: decode(self._spool.take(self._lies[each.place]).value)
            for each in wanted
            if each.place in self._lies
        }

    async def positions(self, ids: Sequence[str]) -> list[LogPosition | None]:
        """Return where each message lies, None of one that wasn't judged."""
        return [self._ids.get(each) for each in ids]

    async def by_message_id(
        self, message_ids: Sequence[str], context: Context, tenant: str
    ) -> list[Mention | None]:
        """Return which of the tenant's messages has each Message-ID."""
        namer = Namer(context, tenant)
        keys = [index_keys(namer, each) for each in message_ids]
        return [
            next((found for key in pair if (found := self._store.senders.mentioned(key))), None)
            for pair in keys
        ]
