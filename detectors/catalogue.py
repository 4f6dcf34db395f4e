"""Every detector by name, and every signal's entry; a name that is used twice stops the import."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from detectors import (
    attached_pages,
    attachments,
    authentication,
    borrowed_names,
    business_fraud,
    combinations,
    content,
    correspondents,
    decoys,
    diversions,
    doorsteps,
    first_contact,
    headers,
    impersonation,
    kinds,
    links,
    novelty,
    opened_attachments,
    pretexts,
    reports,
    reputation,
    schemes,
    strange_links,
    swapped_letters,
    velocity,
    vouching,
)
from detectors.enclosed import EnclosedMail
from detectors.signals import Detector, Spec

__all__ = ["DETECTORS", "SPECS", "catalogue"]


def catalogue(detectors: Iterable[Detector]) -> Mapping[str, Spec]:
    """Return all signals of the detectors by name; ValueError for a name that is used twice."""
    specs: dict[str, Spec] = {}
    for detector in detectors:
        for spec in detector.specs:
            if spec.name in specs:
                raise ValueError(f"signal {spec.name}: two detectors claim this name")
            specs[spec.name] = spec
    return MappingProxyType(specs)


_OF_MAIL: tuple[Detector, ...] = (
    authentication.DETECTOR,
    headers.DETECTOR,
    impersonation.DETECTOR,
    swapped_letters.DETECTOR,
    borrowed_names.DETECTOR,
    links.DETECTOR,
    schemes.DETECTOR,
    content.DETECTOR,
    attachments.DETECTOR,
    opened_attachments.DETECTOR,
    attached_pages.DETECTOR,
    combinations.DETECTOR,
    strange_links.DETECTOR,
    pretexts.DETECTOR,
    decoys.DETECTOR,
    doorsteps.DETECTOR,
    business_fraud.DETECTOR,
    diversions.DETECTOR,
    velocity.DETECTOR,
    novelty.DETECTOR,
    correspondents.DETECTOR,
    first_contact.DETECTOR,
    reputation.DETECTOR,
    reports.DETECTOR,
    vouching.DETECTOR,
    kinds.DETECTOR,
)
DETECTORS: tuple[Detector, ...] = (*_OF_MAIL, EnclosedMail(_OF_MAIL))
SPECS: Mapping[str, Spec] = catalogue(DETECTORS)
