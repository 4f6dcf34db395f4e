"""What the standing reports of one entity say, as far as the tenant's policy lets them count."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from detectors.wording import plural
from features.history import History
from features.reported import Hearing, Report

__all__ = ["Hearsay", "hearsay", "within"]

_HOUR, _DAY = 3_600.0, 86_400.0


@dataclass(frozen=True)
class Hearsay:
    """Reports of one entity that count, and whom they come from.

    `names` are the entity's labels (bands of one content have several), `messages` all that it was
    seen in, `age` (seconds) since when.
    """

    names: tuple[str, ...]
    reports: tuple[Report, ...]
    at: float
    hearing: Hearing
    messages: float
    age: float

    @cached_property
    def against(self) -> tuple[Report, ...]:
        """Reports of abuse: trusted ones, and users' that are recent enough."""
        oldest = self.at - self.hearing.seconds
        return tuple([it for it in self.reports if it.abuse and (it.trusted or it.at >= oldest)])

    @cached_property
    def people(self) -> int:
        """Distinct users who reported abuse."""
        return len({it.who for it in self.against if not it.trusted})

    @cached_property
    def trusted(self) -> int:
        """Distinct analysts and traps that say abuse."""
        return len({it.who for it in self.against if it.trusted})

    @cached_property
    def analysts(self) -> int:
        """Distinct analysts that say abuse."""
        return len({it.who for it in self.against if it.source == "analyst"})

    @cached_property
    def cleared(self) -> bool:
        """Whether somebody trusted says that mail with this is wanted."""
        return any(it.trusted and not it.abuse for it in self.reports)

    @property
    def enough(self) -> bool:
        """Whether one trusted source or enough distinct people speak, and nobody trusted denies."""
        told = self.trusted > 0 or self.people >= self.hearing.reporters
        return told and not self.cleared

    @property
    def since(self) -> float:
        """Seconds since the first of the reports."""
        return max(0.0, self.at - min(it.at for it in self.against))

    @property
    def settled(self) -> float:
        """For how long (seconds) it was seen before anybody reported it.

        Later mail of a campaign is held, so nobody reports it: its age alone would free it.
        """
        first = min((it.at for it in self.reports if it.abuse), default=self.at)
        return max(0.0, self.age - max(0.0, self.at - first))

    @property
    def weight(self) -> tuple[bool, int]:
        """By what one hearsay says more than another."""
        return self.trusted > 0, self.people

    def who(self) -> str:
        """Return who reported it, and when: "3 people and an analyst in the last hour"."""
        found = []
        if self.people:
            found.append("one person" if self.people == 1 else f"{self.people} people")
        for source, thing in (("analyst", "analyst"), ("trap", "trap")):
            count = len({it.who for it in self.against if it.source == source})
            if count:
                article = "an" if source == "analyst" else "a"
                found.append(f"{article} {thing}" if count == 1 else plural(count, thing))
        return f"{' and '.join(found)} in the last {within(self.since)}"

    def inputs(self, what: str) -> dict[str, str | int | float | bool]:
        """Return what a reason quotes."""
        return {
            "what": what,
            "people": self.people,
            "trusted": self.trusted,
            "since": self.since,
            "within": within(self.since),
            "messages": self.messages,
        }


def hearsay(history: History, kind: str, at: float, *, joined: bool = False) -> list[Hearsay]:
    """Return what was said of the message's entities of a kind by `at` (s); `joined`: as of one."""
    found = [it for it in history.reported if it.kind == kind]
    groups: Iterable[Sequence[int]] = [range(len(found))] if joined and found else ()
    if not joined:
        groups = [[place] for place in range(len(found))]
    heard = []
    for places in groups:
        of = [found[place] for place in places]
        reports = {it.label: it for one in of for it in one.reports}
        heard.append(
            Hearsay(
                tuple([one.name for one in of]),
                tuple(reports.values()),
                at,
                history.hearing,
                max(one.messages for one in of),
                max(one.age for one in of),
            )
        )
    return heard


def within(seconds: float) -> str:
    """Return a span of time that holds so many seconds: "minute", "hour", "3 hours", "2 days"."""
    if seconds <= _HOUR:
        return "minute" if seconds <= 60 else "hour"
    unit, length = ("hour", _HOUR) if seconds <= _DAY else ("day", _DAY)
    return plural(int(-(-seconds // length)), unit)
