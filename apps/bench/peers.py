"""What others take for the same messages in the same run: bare parsers, and a whole filter."""

import email
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.bench.warm_core import Example
from apps.evaluation.bogofilter import Bogofilter, PeerMissingError, bogofilter

__all__ = ["Peer", "peers"]

Peer = Callable[[], float]
"""Handles all messages once; returns its CPU time a message, in us."""
Say = Callable[[str], None]


@contextmanager
def peers(examples: Sequence[Example], say: Say) -> Iterator[dict[str, Peer]]:
    """Yield the peers by name; `say` is told of a filter that isn't installed."""
    raws = [example.incoming.raw for example in examples]
    found: dict[str, Peer] = {"email": lambda: _cost(_by_email, raws)}
    if find_spec("fast_mail_parser"):  # comes with the development environment
        found["fast_mail_parser"] = lambda: _cost(_by_rust, raws)
    with ExitStack() as stack:
        try:
            taught = stack.enter_context(bogofilter())
        except PeerMissingError as error:
            say(f"left out: {error}")
        else:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="weir-bench-")))
            found["bogofilter"] = _taught(taught, examples, folder)
        yield found


def _taught(peer: Bogofilter, examples: Sequence[Example], folder: Path) -> Peer:
    """Teach the filter all labels, and return what classifies the messages in one process."""
    files = [folder / str(number) for number in range(len(examples))]
    for file, example in zip(files, examples, strict=True):
        file.write_bytes(example.incoming.raw)
    for spam in (False, True):
        kind = [file for file, it in zip(files, examples, strict=True) if it.spam == spam]
        peer.teach_files(kind, abuse=spam)

    def judged() -> float:
        before = peer.cpu_seconds
        peer.judge_files(files)
        return (peer.cpu_seconds - before) / len(files) * 1e6

    return judged


def _cost(read: Callable[[bytes], None], raws: Sequence[bytes]) -> float:
    started = time.process_time()
    for raw in raws:
        read(raw)
    return (time.process_time() - started) / len(raws) * 1e6


def _by_email(raw: bytes) -> None:
    for part in email.message_from_bytes(raw).walk():
        if not part.is_multipart():
            part.get_payload(decode=True)


def _by_rust(raw: bytes) -> None:
    from fast_mail_parser import parse_email  # noqa: PLC0415 - a peer that need not be installed

    with suppress(Exception):  # it gives up on some mail; that it tried is the cost
        parse_email(raw)
