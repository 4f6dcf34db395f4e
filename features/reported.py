"""What people have said of mail that shares something with this message: reports by entity."""

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

__all__ = [
    "ASKED",
    "MOST_REPORTS",
    "REPORTED",
    "TRUSTED",
    "Hearing",
    "Report",
    "Reported",
    "decode_reports",
    "encode_reports",
    "heard_by",
    "kept",
    "tenant_mark",
    "who_is",
]

REPORTED = ("content", "link", "attachment", "domain", "network")
"""Kinds of entities (features.rolling.KINDS) whose standing reports are kept and read."""
TRUSTED: Final = frozenset({"analyst", "trap"})
"""Sources whose one word is enough."""
MOST_REPORTS: Final = 256
_MOST_OF_ONE = 4  # of one reporter's: more would let one voice push out the others


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One standing label as kept with an entity.

    `label` is the label's id, cut; `who` 8 bytes of a hash of its reporter; `source` as in
    models.label.Source; `weight` what Trust gave it; `at` the label's append time (s); `tenant`
    whose mail it was (tenant_mark).
    """

    label: str
    who: bytes
    source: str
    abuse: bool
    weight: float
    at: float
    tenant: bytes = b""

    @property
    def trusted(self) -> bool:
        """Whether one word of its source is enough."""
        return self.source in TRUSTED


class Reported(NamedTuple):
    """The standing reports of one entity: its kind's name, its label, the reports by time.

    `messages` are all that the entity was seen in, this one among them, `age` the seconds since
    the first: how much honest mail a few reports would stop.
    """

    kind: str
    name: str
    reports: tuple[Report, ...]
    messages: float = 0.0
    age: float = 0.0


class Hearing(NamedTuple):
    """What a tenant's policy asks of reports: so many distinct reporters within so many seconds.

    `rate` is the share of delivered messages that must be reported where many are delivered;
    `clears`: so many analysts' word frees a campaign in full.
    """

    reporters: int = 3
    seconds: float = 604_800.0
    rate: float = 0.003
    clears: int = 3


ASKED: Final = Hearing()
"""What is asked where no policy says otherwise."""


def who_is(reporter: str, source: str) -> bytes:
    """Return 8 bytes that stand for a reporter; all that have no name are one for each source."""
    name = reporter or f"={source}"
    return hashlib.blake2b(name.encode("utf-8", "backslashreplace"), digest_size=8).digest()


def tenant_mark(tenant: str) -> bytes:
    """Return 4 bytes that stand for a tenant."""
    return hashlib.blake2b(tenant.encode("utf-8", "backslashreplace"), digest_size=4).digest()


def heard_by(reports: Sequence[Report], tenant: str) -> tuple[Report, ...]:
    """Return reports as they count for a tenant's mail.

    What is shared is reported by all tenants' people. But whom another tenant trusts is one more
    person here, and what that tenant wants is its own affair.
    """
    own = tenant_mark(tenant)
    heard = []
    for report in reports:
        if report.tenant == own:
            heard.append(report)
        elif report.abuse:
            is_stranger = report.source in TRUSTED
            heard.append(replace(report, source="report") if is_stranger else report)
    return tuple(heard)


def kept(reports: Sequence[Report], oldest: float, most: int = MOST_REPORTS) -> tuple[Report, ...]:
    """Return the reports that are kept with an entity, by time: `most`, none before `oldest`.

    Of too many, analysts' stay first, then traps', then the newest; of one reporter at most four
    each way, so that neither many words, nor many accounts, nor who writes to a trap, push out an
    analyst's.
    """
    given: dict[tuple[bytes, bool], int] = {}
    chosen: list[Report] = []
    for report in sorted(reports, key=_worth, reverse=True):
        said = given.get((report.who, report.abuse), 0)
        if report.at < oldest or (said >= _MOST_OF_ONE and not report.trusted):
            continue
        given[report.who, report.abuse] = said + 1
        chosen.append(report)
        if len(chosen) == most:
            break
    return tuple(sorted(chosen, key=_order))


def encode_reports(reports: Sequence[Report]) -> bytes:
    """Return reports as MessagePack, as a store keeps them."""
    return _ENCODER.encode(reports)


def decode_reports(kept_bytes: bytes) -> tuple[Report, ...]:
    """Return the reports of a stored record; msgspec.DecodeError for bytes that are none."""
    return _DECODER.decode(kept_bytes)


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(tuple[Report, ...])


def _worth(report: Report) -> tuple[bool, bool, float, str]:
    return report.source == "analyst", report.trusted, report.at, report.label


def _order(report: Report) -> tuple[float, str]:
    return report.at, report.label
