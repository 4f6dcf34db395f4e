"""Invented campaigns: mail that reads harmless, each campaign about something else."""

import random
from datetime import UTC, datetime
from typing import Final, NamedTuple

from features.envelope import Client, Envelope, Fact
from streams.wire import new_id

__all__ = ["Campaign", "campaigns"]

_WHAT: Final = (
    "register", "catalogue", "seminar", "membership", "brochure", "survey", "sample", "directory",
    "calendar", "guide", "workshop", "exhibition", "handbook", "certificate", "archive", "bulletin",
)  # fmt: skip
_ABOUT: Final = (
    "gardens", "bridges", "kitchens", "orchards", "libraries", "tractors", "bicycles", "windows",
    "harbours", "theatres", "bakeries", "vineyards", "workrooms", "chimneys", "greenhouses",
    "staircases", "fountains", "railways", "lighthouses", "sawmills",
)  # fmt: skip
_DOES: Final = (
    "collects", "describes", "compares", "prepares", "supplies", "arranges", "improves", "restores",
    "measures", "protects", "collates", "presents",
)  # fmt: skip
_HOW: Final = (
    "with care", "in detail", "for the coming year", "at short notice", "by region", "in print",
    "on request", "for members", "in three volumes", "without obligation", "every spring",
    "for smaller firms",
)  # fmt: skip
_SENTENCES: Final = 9
_UNSET: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Campaign(NamedTuple):
    """One campaign: its sender's domain and network (/24), its subject, its text.

    Network and recipients are its own: what is reported of one campaign is held against its
    network, and nobody is heard more than so many times a day.
    """

    domain: str
    network: str
    subject: str
    text: str

    def message(self, number: int) -> tuple[Envelope, bytes]:
        """Return the copy for the `number`-th recipient, under a new id; `received_at` is unset."""
        to = f"{self.domain.partition('.')[0]}-{number}@example.org"
        raw = (
            f"From: Office <office@{self.domain}>\nTo: {to}\nSubject: {self.subject}\n"
            f"Message-ID: <{number}.{new_id()}@{self.domain}>\nMIME-Version: 1.0\n"
            "Content-Type: text/plain; charset=utf-8\n\n"
            f"Good morning,\n\n{self.text}\n\nhttps://www.{self.domain}/{number}\n"
        )
        envelope = Envelope(
            id=new_id(),
            received_at=_UNSET,
            client=Client(ip=f"{self.network}.{number % 250 + 1}", helo=f"mail.{self.domain}"),
            mail_from=f"office@{self.domain}",
            rcpt_to=(to,),
            facts={"spf": Fact("pass"), "spf.domain": Fact(self.domain)},
        )
        return envelope, raw.encode()


def campaigns(count: int, seed: int = 0) -> list[Campaign]:
    """Return that many campaigns, the same for a seed; no two share a sentence's order."""
    drawn = random.Random(seed)  # noqa: S311 - a benchmark's mail, the same each time
    return [_campaign(number, drawn) for number in range(count)]


def _campaign(number: int, drawn: random.Random) -> Campaign:
    def one(words: tuple[str, ...]) -> str:
        return drawn.choice(words)

    sentences = [
        f"Our {one(_WHAT)} of {one(_ABOUT)} {one(_DOES)} {one(_ABOUT)} and {one(_ABOUT)}"
        f" {one(_HOW)}."
        for _ in range(_SENTENCES)
    ]
    subject = f"The {one(_WHAT)} of {one(_ABOUT)} and {one(_ABOUT)}"
    network = f"198.{18 + number // 250 % 2}.{number % 250}"  # RFC 2544: for benchmarks
    return Campaign(f"office-{number}-{one(_ABOUT)}.eu", network, subject, "\n".join(sentences))
