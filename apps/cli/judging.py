"""Mail from files through the core, batch by batch: what `check` and `policy test` share."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple, cast

import structlog
from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.received import content_id, envelope_of
from apps.sources import Mail, Unreadable, read_mail
from detectors.judging import Judge, Judged
from features.encoded_words import decode_words
from features.envelope import Direction, Incoming
from features.history import UNKNOWN
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["Answer", "judge_mail"]

_BATCH = 32


class Answer(NamedTuple):
    """A message and what each judge said of it, in the judges' order."""

    name: str
    size: int
    incoming: Incoming
    judged: tuple[Judged, ...]

    def shown(self, which: int = 0) -> Shown:
        """Return a judge's verdict with what a person recognises the message by."""
        judged = self.judged[which]
        headers = judged.evidence.headers if judged.evidence else None
        return Shown(
            judged.verdict,
            self.name,
            decode_words(headers.from_raw) if headers else "",
            headers.subject if headers else "",
            self.size,
        )


def judge_mail(
    judges: Sequence[Judge],
    settings: Settings,
    paths: Iterable[str],
    *,
    direction: str,
    tenant: str,
) -> Iterator[Answer | Unreadable]:
    """Judge all mail below the paths, in order, opening attachments as a worker does.

    The judges may differ in their policies alone: a message is read once for all of them.
    """
    _keep_output_clean()
    with closing(Sandbox(settings.attachments)) as sandbox:
        mail = read_mail(paths, settings.topics.message_bytes)
        yield from _judge(judges, sandbox, mail, direction, tenant)


def _keep_output_clean() -> None:
    """Send what the shell's parts log to standard error: a program may read standard output."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def _judge(
    judges: Sequence[Judge],
    sandbox: Sandbox,
    mail: Iterator[Mail | Unreadable],
    direction: str,
    tenant: str,
) -> Iterator[Answer | Unreadable]:
    first, now = judges[0], datetime.now(UTC)
    limits = first.context.limits
    while batch := list(islice(mail, _BATCH)):
        messages = [
            Incoming(
                replace(
                    envelope_of(item, content_id(item.raw), now, limits),
                    direction=cast("Direction", direction),
                    tenant=tenant,
                ),
                item.raw,
            )
            for item in batch
            if isinstance(item, Mail)
        ]
        prepared = sandbox.open_all(first.prepare(messages))
        unknown = [UNKNOWN] * len(messages)
        answers = zip(messages, *(core.conclude(prepared, unknown) for core in judges), strict=True)
        for item in batch:
            if isinstance(item, Unreadable):
                yield item
            else:
                message, *judged = next(answers)
                yield Answer(item.name, item.size, message, tuple(judged))
