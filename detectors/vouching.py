"""What analysts say is wanted: they free a campaign that reports or its own content stopped."""

from collections.abc import Iterable

from detectors.brands import SHIPPED, Brands
from detectors.checks import Checks, Hit
from detectors.standing import Standing, stand
from features.context import Context
from features.evidence import Evidence
from features.increments import ATTACHMENTS, LINKS, linked_domains, sent_files
from features.reported import Reported

__all__ = ["DETECTOR"]


def _prepare(evidence: Evidence, context: Context, brands: Brands = SHIPPED) -> Standing | None:
    """Return what the check reads; None where nobody reported anything, as for nearly all mail."""
    return stand(evidence, context, brands) if evidence.history.reported else None


DETECTOR = Checks("vouched", _prepare)


@DETECTOR.signal(
    "vouched_for",
    "ham",
    "Analysts say that mail of this sender with this content, these links and files is wanted.",
)
def _vouched_for(standing: Standing) -> Hit | None:
    analysts = _analysts(standing)
    if not analysts:
        return None
    who = "An analyst says" if analysts == 1 else f"{analysts} analysts say"
    return Hit(
        f"{who} that this sender's mail with this content is legitimate",
        {"analysts": analysts},
        min(1.0, analysts / standing.history.hearing.clears),
    )


def _analysts(standing: Standing) -> int:
    """Return how many called mail wanted that shares all with this one which could do harm.

    The same content alone is easily copied around another link, another file, another sender. The
    sender is the proven domain, or one claimed from the same network.
    """
    evidence, reported = standing.parties.evidence, standing.history.reported
    vouched = _labels(one for one in reported if one.kind == "content")
    names = [f"link:{domain}" for domain in linked_domains(evidence.links)[:LINKS]]
    names += [f"attachment:{it}" for it in sent_files(evidence.attachments)[:ATTACHMENTS]]
    if not standing.outbound:
        sender = evidence.touches.sender
        names.append(sender.label if sender else "")
    for name in names:
        shared = _labels(one for one in reported if one.name == name)
        vouched = {label: who for label, who in vouched.items() if label in shared}
    return len(set(vouched.values()))


def _labels(reported: Iterable[Reported]) -> dict[str, bytes]:
    """Return the analysts' labels of ham, with who gave each."""
    return {
        it.label: it.who
        for one in reported
        for it in one.reports
        if it.source == "analyst" and not it.abuse
    }
