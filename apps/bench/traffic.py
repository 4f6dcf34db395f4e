"""A stream with senders as real ones are: few send much, most are seen once or never again.

The bodies are a corpus's; who sends, from where and to whom is drawn, from a fixed seed, so that
two runs see the same stream. Links lead to the sender's own domain as often as they would.
"""

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from features.envelope import Client, Envelope, Fact

__all__ = ["Traffic", "Transit"]

_KNOWN = 20_000  # senders that come again
_ONCE = 0.3  # share of messages whose sender was never seen
_PROVEN = 0.7
_RECIPIENTS = 2_000  # ours
_MANY = 0.05  # share of messages with several recipients
_SKEW = 1.1  # of Zipf's law, for senders and recipients
_DROPPED = (b"from", b"return-path", b"dkim-signature", b"reply-to", b"sender")
_FIELD = re.compile(rb"^([!-9;-~]+):[^\n]*\n(?:[ \t][^\n]*\n)*", re.MULTILINE)
_HOST = re.compile(rb"https?://([A-Za-z0-9.-]{4,60})")


class Transit(NamedTuple):
    """One message of the stream."""

    envelope: Envelope
    raw: bytes


class Traffic:
    """Makes message after message; the number of a message decides nothing but its body.

    `start` is the time of the first, `rate` messages follow a second in the stream's own time.
    """

    def __init__(
        self, bodies: Sequence[bytes], start: datetime, rate: float, seed: int = 0
    ) -> None:
        self._bodies = bodies
        self._start = start.astimezone(UTC)
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - a benchmark's stream, the same each time
        self._made = 0
        self._senders = list(accumulate(1 / (n + 1) ** _SKEW for n in range(_KNOWN)))
        self._recipients = list(accumulate(1 / (n + 1) ** _SKEW for n in range(_RECIPIENTS)))

    def message(self, identifier: str) -> Transit:
        """Return the next message, under that id."""
        number, self._made = self._made, self._made + 1
        drawn = self._random
        sender = _KNOWN + number if drawn.random() < _ONCE else _pick(drawn, self._senders)
        domain, user = f"sender-{sender}-of-weir.com", f"user{drawn.randrange(1 + sender % 9)}"
        count = drawn.randrange(2, 11) if drawn.random() < _MANY else 1
        recipients = {f"ours-{_pick(drawn, self._recipients)}@example.org" for _ in range(count)}
        facts = {"spf": Fact("pass"), "spf.domain": Fact(domain)}
        envelope = Envelope(
            id=identifier,
            received_at=self._start + timedelta(seconds=number / self._rate),
            client=Client(
                ip=f"10.{sender >> 16 & 255}.{sender >> 8 & 255}.{1 + sender % 3}",
                helo=f"mail.{domain}",
            ),
            mail_from=f"{user}@{domain}",
            rcpt_to=tuple(sorted(recipients)),
            facts=facts if sender % 10 < 10 * _PROVEN else {},
        )
        body = self._bodies[number % len(self._bodies)]
        return Transit(envelope, _rewritten(body, f"{user}@{domain}", domain))


def _pick(drawn: random.Random, weights: list[float]) -> int:
    return drawn.choices(range(len(weights)), cum_weights=weights)[0]


def _rewritten(raw: bytes, address: str, domain: str) -> bytes:
    raw = raw.replace(b"\r\n", b"\n")
    head, separator, body = raw.partition(b"\n\n")
    kept = [field[0] for field in _FIELD.finditer(head + b"\n") if field[1].lower() not in _DROPPED]
    link = _HOST.search(body)
    if link:
        body = body.replace(link[1], f"www.{domain}".encode())
    return b"From: <" + address.encode() + b">\n" + b"".join(kept) + separator[1:] + body
