"""What `weir up` shows of learning: people report a message, an analyst frees another.

The siblings of both are published one after the other until one comes back with another action;
the seconds count from the moment at which the broker had the last label. Then the labels are taken
back, and the siblings are what they were: also for the next `weir up`.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from msgspec.structs import replace

from apps.cli.rendering import COLOURS, clean, plain_score
from apps.local.demonstration import Sent, Tally, judged
from apps.publishing import Publisher, open_publisher
from apps.received import envelope_of
from apps.sources import Mail, read_mail
from detectors.verdict import Verdict
from features.addresses import hash_address
from features.context import Context, Limits
from models.label import Label, Source, Target, Truth
from streams import topics
from streams.label_records import label_record, new_label, retraction
from streams.settings import Settings, read_keys
from streams.wire import message_record, new_id

__all__ = ["Change", "report_examples"]

_RECIPIENT: Final = b"recipient-1"
_SIBLINGS_A_SECOND: Final = 10
_PATIENCE: Final = 20.0  # seconds in which a sibling must come back with another action
_HEARD: Final = frozenset({"reports", "vouched"})  # groups of signals that labels make
_ANSWER: Final = 10.0  # seconds for a verdict


@dataclass(frozen=True, slots=True)
class _Story:
    """One example: who says what it was, and how that is told."""

    file: str
    truth: Truth
    source: Source
    reporters: int
    told: str


_STORIES: Final = (
    _Story("written-reported-register.eml", "spam", "report", 3, "three people report it"),
    _Story("written-rescued-treasurer.eml", "ham", "analyst", 1, "an analyst frees it"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What labels changed: the verdict before, that of the first sibling that differs, seconds.

    `after` is the last sibling's verdict where none differed in time; `seconds` is None then.
    `back` are the seconds from taking the labels back to a sibling with the first action again.
    """

    told: str
    before: Verdict
    after: Verdict
    seconds: float | None
    back: float | None = None

    @property
    def failed(self) -> bool:
        """Whether labels came too late, or not at all: not where older ones stand already."""
        labelled = any(signal.group in _HEARD for signal in self.before.signals)
        return not labelled and (self.seconds is None or self.back is None)

    def lines(self) -> Iterator[str]:
        """Yield what a person reads of it."""
        before, after = (_action(verdict) for verdict in (self.before, self.after))
        took = "no change" if self.seconds is None else f"{self.seconds:.1f} s later"
        line = (
            f"  {self.told:24} {before} {plain_score(self.before)} -> {after} "
            f"{plain_score(self.after)}, {took}"
        )
        if self.back is not None:
            line += f"; taken back, {before} again {self.back:.1f} s later"
        yield line
        known = {signal.name for signal in self.before.signals}
        new = [signal for signal in self.after.signals if signal.name not in known]
        reason = max(new, key=lambda signal: abs(signal.contribution), default=None)
        if reason is not None:
            yield f"      {clean(reason.reason, 160)}"


def _action(verdict: Verdict) -> str:
    return click.style(verdict.action, fg=COLOURS.get(verdict.action), bold=True)


async def report_examples(settings: Settings, folder: Path, tally: Tally) -> list[Change]:
    """Publish the examples of `folder`, label them, and see what becomes of their siblings.

    All messages are in the tally, which somebody else feeds with the verdicts. Raises TopicError
    where the brokers can't take them.
    """
    limits = Limits(message_bytes=settings.topics.message_bytes)
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    found = _examples(folder, limits)
    changes = []
    async with open_publisher(settings) as publisher:
        for story in _STORIES:
            if story.file in found:
                copies = _Copies(settings, publisher, found[story.file], limits, tally)
                changes.append(await _play(story, copies, context, publisher, settings))
    return [change for change in changes if change is not None]


def _examples(folder: Path, limits: Limits) -> dict[str, Mail]:
    mails = read_mail([str(folder)], limits.message_bytes) if folder.is_dir() else ()
    return {Path(mail.name).name: mail for mail in mails if isinstance(mail, Mail)}


class _Copies:
    """One message to ever other recipients, each a sibling of the others."""

    def __init__(
        self, settings: Settings, publisher: Publisher, mail: Mail, limits: Limits, tally: Tally
    ) -> None:
        self._topic = topics.name(settings, "messages")
        self._publisher = publisher
        self._mail = mail
        self._limits = limits
        self._tally = tally
        self._number = 0

    async def send(self) -> tuple[str, str]:
        """Publish the next one; return its id and its recipient's address."""
        self._number += 1
        raw = self._mail.raw.replace(_RECIPIENT, b"recipient-%d" % self._number)
        copy = self._mail._replace(raw=raw, size=len(raw))
        now = datetime.now(UTC)
        envelope = replace(envelope_of(copy, new_id(), now, self._limits), received_at=now)
        record = message_record(self._topic, envelope, raw, source="/weir/up", now=now)
        name = f"{Path(copy.name).name}#{self._number}"
        self._tally.sent[envelope.id] = Sent(name, "", "", time.monotonic(), "reported")
        await self._publisher.send(record)
        await self._publisher.flush()
        return envelope.id, envelope.rcpt_to[0]

    def verdict(self, ident: str) -> Verdict | None:
        """Return the verdict on a copy, None before it is there."""
        verdicts = self._tally.scenes["reported"]
        return next((verdict for verdict in verdicts if verdict.id == ident), None)

    async def answered(self, idents: Sequence[str]) -> list[Verdict]:
        """Return the copies' verdicts once they are there, fewer where they stay away."""
        await judged(self._tally, _ANSWER)
        return [verdict for ident in idents if (verdict := self.verdict(ident)) is not None]


async def _play(
    story: _Story, copies: _Copies, context: Context, publisher: Publisher, settings: Settings
) -> Change | None:
    sent = [await copies.send() for _ in range(story.reporters)]
    first = await copies.answered([ident for ident, _ in sent])
    if not first:
        return None
    before = first[0]
    labels = [
        new_label(
            Target(id=ident),
            story.truth,
            story.source,
            reporter=hash_address(recipient, context),
            given_at=datetime.now(UTC),
        )
        for ident, recipient in sent
    ]
    topic = topics.name(settings, "labels")
    changed, seconds = await _until(copies, publisher, topic, labels, before, same=False)
    back = None
    if changed is not None and seconds is not None:
        taken = [retraction(label, datetime.now(UTC)) for label in labels]
        _, back = await _until(copies, publisher, topic, taken, before, same=True)
    return None if changed is None else Change(story.told, before, changed, seconds, back)


async def _until(
    copies: _Copies,
    publisher: Publisher,
    topic: str,
    labels: Sequence[Label],
    before: Verdict,
    *,
    same: bool,
) -> tuple[Verdict | None, float | None]:
    """Publish labels, then siblings until one has the action as before, or another one.

    Returns its verdict and the seconds; the last sibling's and None where time is up.
    """
    for label in labels:
        await publisher.send(label_record(topic, label, source="/weir/up"))
    await publisher.flush()
    started = time.monotonic()
    siblings: list[str] = []
    while time.monotonic() - started < _PATIENCE:
        ident, _ = await copies.send()
        siblings.append(ident)
        await asyncio.sleep(1 / _SIBLINGS_A_SECOND)
        for verdict in map(copies.verdict, siblings):
            if verdict is not None and (verdict.action == before.action) == same:
                return verdict, time.monotonic() - started
    last = await copies.answered(siblings)
    return (last[-1] if last else None), None
