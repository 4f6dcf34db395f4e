"""A detector as a list of checks: each catalogue entry beside the function that finds it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from detectors.brands import SHIPPED, Brands
from detectors.signals import AbuseClass, Finding, Spec
from features.context import Context
from features.evidence import Evidence

__all__ = ["Checks", "Hit", "evidence_itself"]

View = TypeVar("View")


def evidence_itself(evidence: Evidence, _context: Context, _brands: Brands) -> Evidence:
    """Prepare nothing: for checks that read the evidence as it is."""
    return evidence


@dataclass(frozen=True, slots=True)
class Hit:
    """What a check found: the reason as shown, and the values that the reason quotes."""

    reason: str
    inputs: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    strength: float = 1.0


class Checks(Generic[View]):
    """One subject's checks in the order they were added; a Detector (detectors.signals).

    `prepare` makes, once a message, what all checks of the subject read; None says that there is
    nothing for any of them to find, as in mail without attachments.
    """

    specs: tuple[Spec, ...] = ()

    def __init__(
        self, group: str, prepare: Callable[[Evidence, Context, Brands], View | None]
    ) -> None:
        self._group = group
        self._prepare = prepare
        self._checks: list[tuple[str, Callable[[View], Hit | None]]] = []

    def signal(
        self, name: str, speaks_for: AbuseClass, what: str, *, raw: bool = False
    ) -> Callable[[Callable[[View], Hit | None]], Callable[[View], Hit | None]]:
        """Add the decorated check under a catalogue entry; `raw` as in Spec."""

        def add(check: Callable[[View], Hit | None]) -> Callable[[View], Hit | None]:
            self.specs = (*self.specs, Spec(name, self._group, speaks_for, what, raw))
            self._checks.append((name, check))
            return check

        return add

    def parts(
        self, evidence: Evidence, context: Context, brands: Brands = SHIPPED
    ) -> tuple[View | None, tuple[tuple[str, Callable[[View], Hit | None]], ...]]:
        """Return what the checks read, made for this message, and each check by name, to time."""
        return self._prepare(evidence, context, brands), tuple(self._checks)

    def detect(
        self, evidence: Evidence, context: Context, brands: Brands = SHIPPED
    ) -> Iterator[Finding]:
        """Yield what fired, in the order of `specs`; then raise what broke in a check, if any."""
        view = self._prepare(evidence, context, brands)
        if view is None:
            return
        failure: Exception | None = None
        for name, check in self._checks:
            try:
                hit = check(view)
            except Exception as error:  # noqa: BLE001 - one check must not silence the others
                failure = failure or error
                continue
            if hit is not None:
                yield Finding(name, hit.reason, hit.strength, dict(hit.inputs))
        if failure is not None:
            raise failure
