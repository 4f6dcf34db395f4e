"""SpamProbe as a peer: the Debian package, in a database of its own that is thrown away."""

import math
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.evaluation.bogofilter import PeerMissingError
from apps.evaluation.opinion import Opinion
from apps.evaluation.regimes import Shown
from apps.evaluation.stream import Item

__all__ = ["Spamprobe", "spamprobe", "version_of"]

_LEAST = 1e-7  # scores are printed with 7 decimals
_CUTOFF = 0.7  # its own default threshold
_UNSURE = 0.5
_WORDS = 3  # SPAM or GOOD, the score, a digest


@contextmanager
def spamprobe() -> "Iterator[Spamprobe]":
    """Yield a SpamProbe that knows nothing; its database is deleted at the end.

    Raises PeerMissingError.
    """
    program = _program()
    with TemporaryDirectory(prefix="weir-spamprobe-") as folder:
        yield Spamprobe(program, Path(folder))


def version_of() -> str:
    """Return what the installed peer calls itself; raises PeerMissingError."""
    done = subprocess.run(  # noqa: S603 - a fixed program
        (_program(), "-V"), capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).partition("\n")[0]
    return " ".join(said.split()[:2])


def _program() -> str:
    program = shutil.which("spamprobe")
    if program is None:
        raise PeerMissingError("spamprobe isn't installed; on Debian: apt-get install spamprobe")
    return program


class Spamprobe:
    """Classifies by one process a message, and learns by another, with its defaults."""

    def __init__(self, program: str, folder: Path) -> None:
        self._command = (program, "-M", "-d", str(folder))
        self._last = b""
        self._taught = False

    def judge(self, item: Item) -> Opinion:
        """Return its score as a logit; even odds before it was taught anything."""
        self._last = item.incoming.raw
        if not self._taught:
            return Opinion(0.0, _UNSURE)
        return _opinion(self._run("score", given=self._last))

    def judge_files(self, files: Sequence[Path]) -> list[Opinion]:
        """Return what it says of each file, one message each, in one process.

        Raises RuntimeError where it answers for fewer.
        """
        opinions = [_opinion(line) for line in self._run("score", *map(str, files)).splitlines()]
        if len(opinions) != len(files):
            raise RuntimeError(f"spamprobe: {len(opinions)} answers for {len(files)} messages")
        return opinions

    def keep(self) -> bytes:
        """Return the message that was judged last."""
        return self._last

    def learn(self, kept: bytes, shown: Shown) -> None:
        """Train on a message, whoever says what it is: the peer knows no sources."""
        self._taught = True
        self._run("spam" if shown.abuse else "good", given=kept)

    def settle(self) -> None:
        """Go on: it learns a message once."""

    def _run(self, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(  # noqa: S603 - a fixed program, mail by standard input or our files
            (*self._command, *arguments), input=given, capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise RuntimeError(f"spamprobe: exit code {done.returncode}: {said}")
        return done.stdout


def _opinion(printed: bytes) -> Opinion:
    words = printed.split()
    if len(words) < _WORDS:
        raise RuntimeError("spamprobe: no score printed")
    held = min(max(float(words[1]), _LEAST), 1 - _LEAST)
    return Opinion(math.log(held) - math.log1p(-held), held, delivered=held < _CUTOFF)
