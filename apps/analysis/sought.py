"""What is sought among verdicts, as SQL over the archive's columns and as a test of one verdict."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from apps.quality.truths import Truths
from apps.subscriber.condition import Condition
from apps.subscriber.wanted import Wanted
from detectors.verdict import Verdict
from models.label import Place

__all__ = ["Sought"]

_COLUMNS: Final = {"class_": "class"}  # fields of `Wanted` whose column has another name


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Verdicts for which all holds that is given.

    `domains` are of From or of the envelope's sender, with all below them, any of these; `signals`
    names of signals, or of overrides (`rule:NAME`, `deny:KIND:VALUE`), all of these. Times are
    those of receipt, [since, until); scores [least, most]. With `truths`, what labels come to,
    those are sought that are labelled as abuse, or as not.
    """

    id: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    domains: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    fingerprint: str = ""
    since: datetime | None = None
    until: datetime | None = None
    least: float | None = None
    most: float | None = None
    where: Condition | None = None
    truths: Truths | None = None
    abuse: bool = False

    def matches(self, verdict: Verdict) -> bool:
        """Tell whether a verdict is sought. One on which `where` fails isn't."""
        at, score = verdict.received_at, verdict.score
        spoken = {signal.name for signal in verdict.signals}
        spoken.update(override.name for override in verdict.overrides)
        return (
            (not self.id or verdict.id == self.id)
            and self.wanted(verdict)
            and (not self.domains or any(map(self._below, _domains(verdict))))
            and spoken.issuperset(self.signals)
            and (not self.fingerprint or verdict.fingerprint == self.fingerprint)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (self.least is None or (score is not None and score >= self.least))
            and (self.most is None or (score is not None and score <= self.most))
            and self.holds(verdict)
        )

    def holds(self, verdict: Verdict) -> bool:
        """Tell whether the condition and the labels hold, which SQL leaves aside."""
        said = self.where is None or self.where.holds(verdict) is True
        return said and (self.truths is None or self._labelled(self.truths, verdict))

    def sql(self) -> tuple[str, list[Any]]:
        """Return a condition over the archive's columns, all of `matches` but `where`.

        Of labels it says which messages have any, not what they come to.

        Its values stand in the list, in the order of their question marks.
        """
        parts = [("id IS NOT NULL", []), *self._parts()]
        return " AND ".join(f"({said})" for said, _ in parts), [v for _, vs in parts for v in vs]

    def _parts(self) -> Iterator[tuple[str, list[Any]]]:
        if self.id:
            yield "id = ?", [self.id]
        for name, values in zip(self.wanted._fields, self.wanted, strict=True):
            if values is not None:
                marks = ", ".join("?" * len(values))
                yield f"{_COLUMNS.get(name, name)} IN ({marks})", sorted(values)
        if self.domains:
            each = "{0} = ? OR ends_with({0}, ?)"
            either = " OR ".join(each.format(name) for name in ("from_domain", "mail_from_domain"))
            told = [[domain, f".{domain}"] * 2 for domain in self.domains]
            yield " OR ".join([either] * len(told)), [value for values in told for value in values]
        for name in self.signals:
            spoken = "list_contains(list_transform(signals, lambda s: s.name), ?)"
            yield f"{spoken} OR list_contains(overrides, ?)", [name, name]
        for said, value in (
            ("fingerprint = ?", self.fingerprint or None),
            ("received_at >= ?", self.since),
            ("received_at < ?", self.until),
            ("score >= ?", self.least),
            ("score <= ?", self.most),
        ):
            if value is not None:
                yield said, [value]

        if self.truths is not None:
            place = "concat_ws(':', log_epoch, log_partition, log_offset)"
            named = f"id IN (SELECT unnest(?)) OR {place} IN (SELECT unnest(?))"
            yield named, list(self.truths.named())

    def _labelled(self, truths: Truths, verdict: Verdict) -> bool:
        log = verdict.log
        place = None if log is None else Place(log.epoch, log.partition, log.offset)
        truth = truths.of(verdict.id, place)
        return truth is not None and truth.abuse == self.abuse

    def _below(self, domain: str) -> bool:
        return any(domain == each or domain.endswith(f".{each}") for each in self.domains)


def _domains(verdict: Verdict) -> tuple[str, str]:
    return verdict.from_domain, verdict.mail_from_domain
