"""A peer that judges messages ahead, many in one process, as long as no label comes between."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from apps.evaluation.opinion import Opinion
from apps.evaluation.protocol import Filter
from apps.evaluation.regimes import Shown
from apps.evaluation.stream import Item

__all__ = ["Ahead", "Peer"]

_MOST: Final = 64


class Peer(Filter[bytes], Protocol):
    """A filter whose processes take many messages as well as one."""

    def judge_files(self, files: Sequence[Path]) -> list[Opinion]:
        """Return what it says of each file, one message each; it was taught something before."""
        ...


class Ahead:
    """Says of each of `items`, in their order, what the peer says, by fewer processes.

    What a peer says changes by labels alone, so twice as many messages are judged ahead each time
    that no label came, up to 64; a label throws away what was said of those behind it. `folder` is
    for the messages that wait.
    """

    def __init__(self, peer: Peer, items: Sequence[Item], folder: Path) -> None:
        self._peer, self._coming, self._folder = peer, items, folder
        self._said: deque[Opinion] = deque()
        self._place, self._many = 0, 1
        self._taught = False
        self._last = b""

    def judge(self, item: Item) -> Opinion:
        """Return what the peer says of the next message."""
        if not self._said:
            self._said.extend(self._judged(item))
        self._place += 1
        self._last = item.incoming.raw
        return self._said.popleft()

    def keep(self) -> bytes:
        """Return the message that was judged last."""
        return self._last

    def learn(self, kept: bytes, shown: Shown) -> None:
        """Teach the peer; what it said of messages behind this label isn't so any more."""
        self._said.clear()
        self._many = 1
        self._taught = True
        self._peer.learn(kept, shown)

    def settle(self) -> None:
        """Tell the peer."""
        self._peer.settle()

    def _judged(self, item: Item) -> list[Opinion]:
        many, self._many = self._many, min(2 * self._many, _MOST)
        if many == 1 or not self._taught:
            return [self._peer.judge(item)]
        files = []
        for place, each in enumerate(islice(self._coming, self._place, self._place + many)):
            files.append(self._folder / f"{place}")
            files[-1].write_bytes(each.incoming.raw)
        return self._peer.judge_files(files)
