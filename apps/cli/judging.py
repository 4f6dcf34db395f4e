"""Mail from files through the core, batch by batch: what `check` and `policy test` share."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple, cast

from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.received import content_id, envelope_of
from apps.sources import Mail, Unreadable, read_mail
from detectors.judging import Judge, Judged
from features.envelope import Direction, Incoming
from features.history import UNKNOWN

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
            headers.from_raw if headers else "",
            headers.subject if headers else "",
            self.size,
        )


def judge_mail(
    judges: Sequence[Judge], paths: Iterable[str], limit: int, *, direction: str, tenant: str
) -> Iterator[Answer | Unreadable]:
    """Judge all mail below the paths, in order; `limit` bytes of each message are read.

    The judges may differ in their policies alone: a message is read once for all of them.
    """
    first, now = judges[0], datetime.now(UTC)
    limits = first.context.limits
    mail = read_mail(paths, limit)
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
        prepared = first.prepare(messages)
        unknown = [UNKNOWN] * len(messages)
        answers = zip(messages, *(core.conclude(prepared, unknown) for core in judges), strict=True)
        for item in batch:
            if isinstance(item, Unreadable):
                yield item
            else:
                message, *judged = next(answers)
                yield Answer(item.name, item.size, message, tuple(judged))
