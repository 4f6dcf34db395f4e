"""What `weir up` shows of the hook: a message accepted with our header fields, another refused.

By the local Postfix where one can be started, else by a milter client in its place.
"""

import asyncio
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

import click

from apps.hook.addresses import parse_address
from apps.hook.probing.milter import tell_milter
from apps.local.errors import StackError
from apps.local.postfix import Entrance, Postfix, missing
from apps.received import envelope_of
from apps.sources import Mail, read_mail
from features.context import Limits
from features.envelope import Envelope
from streams.wire import new_id

__all__ = ["Said", "converse", "tell_dialogue"]

_HAM: Final = "written-receipt.eml"
_PHISH: Final = "written-phish-brand-1.eml"
_SECONDS: Final = 20.0
_SHOWN: Final = ("X-Spam-Status", "X-Weir-Id")
_WIDTH: Final = 100
_REJECTED: Final = 550


@dataclass(frozen=True, slots=True)
class Said:
    """One message's dialogue: the reply to its data, and our fields on it where it was taken."""

    name: str
    code: int
    reply: str
    fields: tuple[tuple[str, str], ...]

    @property
    def as_wanted(self) -> bool:
        """Whether ham was accepted with our fields, and the phish refused with an id."""
        if self.name == _PHISH:
            return self.code == _REJECTED and "id " in self.reply
        return self.code == 250 and len(self.fields) == len(_SHOWN)


async def converse(milter: str, examples: Path, limits: Limits) -> tuple[str, list[Said]]:
    """Hand a ham and a phish over in one session; return by whom, and what was said.

    Raises StackError or MilterError where nobody answers.
    """
    inbound = examples / "inbound"
    mails = [each for name in (_HAM, _PHISH) for each in _read(inbound / name, limits)]
    if why := missing():
        return f"a milter client ({why})", await _by_milter(milter, mails, limits)
    return "Postfix", await asyncio.to_thread(_by_postfix, milter, mails, limits)


def tell_dialogue(by: str, said: Sequence[Said]) -> None:
    """Print the dialogue as a person reads it."""
    click.echo(f"\nAsked while the SMTP client waits, by {by}")
    for one in said:
        colour = "red" if one.code >= 400 else "green"
        click.echo(f"  {one.name}")
        click.echo(f"      {click.style(str(one.code), fg=colour, bold=True)} {one.reply}")
        for name, value in one.fields:
            text = " ".join(value.split())
            click.echo(f"      {name}: {text[:_WIDTH]}{'…' if len(text) > _WIDTH else ''}")


def _read(path: Path, limits: Limits) -> Iterator[Mail]:
    for mail in read_mail([str(path)], limits.message_bytes):
        if isinstance(mail, Mail):
            yield mail


def _envelope(mail: Mail, limits: Limits) -> Envelope:
    return envelope_of(mail, new_id(), datetime.now(UTC), limits)


async def _by_milter(milter: str, mails: Sequence[Mail], limits: Limits) -> list[Said]:
    address = parse_address(milter, "milter.listen")
    found = []
    for mail in mails:
        envelope = _envelope(mail, limits)
        heard = await tell_milter(
            address, envelope.mail_from or "", envelope.rcpt_to, mail.raw, _SECONDS
        )
        taken = heard.final == "accept"
        code = 250 if taken else int(heard.final[:3])
        reply = "accepted" if taken else heard.final[4:]
        fields = tuple(pair for pair in heard.added if pair[0] in _SHOWN)
        found.append(Said(Path(mail.name).name, code, reply, fields))
    return found


def _by_postfix(milter: str, mails: Sequence[Mail], limits: Limits) -> list[Said]:
    with Postfix([Entrance(milters=(milter.split(maxsplit=1)[0],))]) as postfix:
        found = []
        for mail in mails:
            envelope = _envelope(mail, limits)
            with _client(postfix.port(), envelope) as smtp:
                smtp.mail(envelope.mail_from or "")
                for recipient in envelope.rcpt_to:
                    smtp.rcpt(recipient)
                code, reply = smtp.data(mail.raw)
            found.append(Said(Path(mail.name).name, code, reply.decode("ascii", "replace"), ()))
        taken = [one for one in found if one.code == 250]
        for one, raw in zip(taken, postfix.delivered(len(taken)), strict=True):
            kept = BytesHeaderParser().parsebytes(raw)
            found[found.index(one)] = Said(one.name, one.code, one.reply, _ours(kept))
        return found


@contextmanager
def _client(port: int, envelope: Envelope) -> Iterator[smtplib.SMTP]:
    """Open a session that stands for the client of the example."""
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=_SECONDS) as smtp:
            smtp.ehlo()
            if envelope.client.ip and ":" not in envelope.client.ip:
                smtp.docmd("XCLIENT", f"ADDR={envelope.client.ip}")
            smtp.ehlo(envelope.client.helo or "client.example.net")
            yield smtp
    except (OSError, smtplib.SMTPException) as error:
        raise StackError(f"Postfix: {error}") from None


def _ours(message: Message) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(message[name])) for name in _SHOWN if message[name] is not None)
