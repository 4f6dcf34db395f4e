"""bogofilter as a peer: the Debian package, in a database of its own that is thrown away."""

import math
import resource
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.evaluation.opinion import Opinion
from apps.evaluation.regimes import Shown
from apps.evaluation.stream import Item

__all__ = ["Bogofilter", "PeerMissingError", "bogofilter", "version_of"]

_LEAST = 1e-16  # scores are printed with 16 decimals
_UNTRAINED = 3  # exit code: no word list yet
_UNSURE = 0.5
_CUTOFF = 0.99  # its own default spam_cutoff


class PeerMissingError(RuntimeError):
    """The peer isn't there: one line that says how to install it."""


@contextmanager
def bogofilter() -> "Iterator[Bogofilter]":
    """Yield a bogofilter that knows nothing; its database is deleted at the end.

    Raises PeerMissingError.
    """
    program = _program()
    with TemporaryDirectory(prefix="weir-bogofilter-") as folder:
        yield Bogofilter(program, Path(folder))


def version_of() -> str:
    """Return what the installed peer calls itself; raises PeerMissingError."""
    done = subprocess.run(  # noqa: S603 - a fixed program
        (_program(), "-V"), capture_output=True, text=True, check=True
    )
    return done.stdout.partition("\n")[0].replace(" version", "")


def _program() -> str:
    program = shutil.which("bogofilter")
    if program is None:
        raise PeerMissingError("bogofilter isn't installed; on Debian: apt-get install bogofilter")
    return program


class Bogofilter:
    """Classifies by one process a message, and learns by another: the way an MTA calls it.

    Its defaults are in force, no configuration file is read, and it isn't told to learn from its
    own verdicts (-u). `cpu_seconds` is what its processes used, their start included.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._command = (program, "-C", "-d", str(folder))
        self._last = b""
        self.cpu_seconds = 0.0

    def judge(self, item: Item) -> Opinion:
        """Return its spamicity as a logit; even odds before it was taught anything."""
        self._last = item.incoming.raw
        done = self._run("-TT", given=self._last)
        return _opinion(done.stdout) if done.returncode != _UNTRAINED else Opinion(0.0, _UNSURE)

    def keep(self) -> bytes:
        """Return the message that was judged last."""
        return self._last

    def learn(self, kept: bytes, shown: Shown) -> None:
        """Register a message, whoever says what it is: the peer knows no sources."""
        self.teach(kept, abuse=shown.abuse)

    def settle(self) -> None:
        """Go on: a message that is registered twice counts twice."""

    def teach(self, raw: bytes, *, abuse: bool) -> None:
        """Register a message."""
        self._run("-s" if abuse else "-n", given=raw)

    def teach_files(self, files: Sequence[Path], *, abuse: bool) -> None:
        """Register each file, one message each, in one process."""
        if files:
            self._run("-s" if abuse else "-n", "-b", given=_listed(files))

    def judge_files(self, files: Sequence[Path]) -> list[Opinion]:
        """Return what it says of each file, one message each, in one process and without learning.

        Raises RuntimeError where it answers for fewer.
        """
        done = self._run("-TT", "-b", given=_listed(files))
        opinions = [_opinion(line.rpartition(b" ")[2]) for line in done.stdout.splitlines()]
        if len(opinions) != len(files):
            raise RuntimeError(f"bogofilter: {len(opinions)} answers for {len(files)} messages")
        return opinions

    def _run(self, *arguments: str, given: bytes) -> subprocess.CompletedProcess[bytes]:
        before = _children()
        done = subprocess.run(  # noqa: S603 - a fixed program, mail only on standard input
            (*self._command, *arguments), input=given, capture_output=True, check=False
        )
        self.cpu_seconds += _children() - before
        if done.returncode > 2 and not _no_words(done):
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise RuntimeError(f"bogofilter: exit code {done.returncode}: {said}")
        return done


def _listed(files: Sequence[Path]) -> bytes:
    return "".join(f"{file}\n" for file in files).encode()


def _no_words(done: subprocess.CompletedProcess[bytes]) -> bool:
    return done.returncode == _UNTRAINED and b"wordlist.db" in done.stderr


def _opinion(printed: bytes) -> Opinion:
    score = float(printed)
    held = min(max(score, _LEAST), 1 - _LEAST)
    return Opinion(math.log(held) - math.log1p(-held), score, delivered=score < _CUTOFF)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
