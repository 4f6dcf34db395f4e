"""What `weir up` publishes, in the order in which it makes sense: ours first, the burst last."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from apps.received import envelope_of
from apps.sources import Mail, read_mail
from features.context import Limits
from features.envelope import Direction, Envelope
from streams.wire import new_id

__all__ = ["BURST", "Example", "Scene", "acts"]

Scene = Literal["", "correspondent", "lookalike", "burst", "reported"]

BURST: Final = 50
"""Messages of the burst."""

_SCENES: Final[dict[str, Scene]] = {
    "written-correspondent-reply.eml": "correspondent",
    "written-correspondent-lookalike.eml": "lookalike",
}
# What came days ago: a state that has watched for less than that takes nobody for new.
_EARLIER: Final = {"written-newsletter-1.eml": timedelta(days=6)}
_BURST_DOMAIN: Final = b"example-office"
_BURST_RECIPIENT: Final = b"recipient-1"


@dataclass(frozen=True, slots=True)
class Example:
    """A message to publish, the scene of the story that it plays in, if any, and how old it is."""

    mail: Mail
    envelope: Envelope
    scene: Scene = ""
    age: timedelta = timedelta()


def acts(folder: Path, limits: Limits, now: datetime) -> Iterator[list[Example]]:
    """Yield the examples of `folder` in acts; one begins when the one before has its verdicts.

    `outbound`: our users' own mail, so that the state knows whom they write to. Then `inbound`,
    and at last the burst: one message of `burst` to many recipients, from a domain that has `now`
    in its name, as only a sender never seen before is new.
    """
    yield list(_read(folder / "outbound", "outbound", limits))
    yield list(_read(folder / "inbound", "inbound", limits))
    yield list(_burst(folder / "burst", limits, now))


def _read(folder: Path, direction: Direction, limits: Limits) -> Iterator[Example]:
    for mail in _mails(folder, limits):
        envelope = envelope_of(mail, new_id(), datetime.now(UTC), limits)
        name = Path(mail.name).name
        yield Example(
            mail,
            replace(envelope, direction=direction),
            _SCENES.get(name, ""),
            _EARLIER.get(name, timedelta()),
        )


def _burst(folder: Path, limits: Limits, now: datetime) -> Iterator[Example]:
    domain = _BURST_DOMAIN + now.strftime("-%d%H%M%S").encode()
    for mail in _mails(folder, limits):
        for number in range(1, BURST + 1):
            raw = mail.raw.replace(_BURST_DOMAIN, domain)
            raw = raw.replace(_BURST_RECIPIENT, b"recipient-%d" % number)
            copy = mail._replace(name=f"{mail.name}#{number}", raw=raw, size=len(raw))
            yield Example(copy, envelope_of(copy, new_id(), datetime.now(UTC), limits), "burst")


def _mails(folder: Path, limits: Limits) -> Iterator[Mail]:
    if folder.is_dir():
        for mail in read_mail([str(folder)], limits.message_bytes):
            if isinstance(mail, Mail):
                yield mail
