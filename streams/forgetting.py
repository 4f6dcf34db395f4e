"""When a recorded verdict may be deleted: its message can't be delivered again."""

from collections import defaultdict, deque

from features.envelope import LogPosition

__all__ = ["Forgetting"]


class Forgetting:
    """Remembers recorded places until their offset has been committed for `seconds`.

    A commit counts only after that time: another worker may have read the partition from an
    older one just before. Places of a partition that was lost are left to expire in the store.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._recorded: defaultdict[int, deque[LogPosition]] = defaultdict(deque)
        self._commits: defaultdict[int, deque[tuple[float, int]]] = defaultdict(deque)

    def recorded(self, position: LogPosition) -> None:
        """Note that a verdict was recorded; places of a partition come in order of offset."""
        self._recorded[position.partition].append(position)

    def committed(self, partition: int, offset: int, now: float) -> None:
        """Note that all below `offset` was committed at `now` (seconds)."""
        self._commits[partition].append((now, offset))

    def lost(self, partition: int) -> None:
        """Note that a partition went to another worker."""
        self._recorded.pop(partition, None)
        self._commits.pop(partition, None)

    def due(self, now: float) -> list[LogPosition]:
        """Return, and no longer remember, the places whose records may be deleted."""
        places: list[LogPosition] = []
        for partition, commits in self._commits.items():
            safe = -1
            while commits and commits[0][0] <= now - self._seconds:
                safe = commits.popleft()[1]
            recorded = self._recorded[partition]
            while recorded and recorded[0].offset < safe:
                places.append(recorded.popleft())
        return places
