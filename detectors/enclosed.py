"""Mail inside mail: an enclosed message judged by what judges all mail, once and no deeper."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from detectors.actions import MICRO
from detectors.brands import SHIPPED, Brands
from detectors.kinds import checked_kind
from detectors.signals import Detector, Finding, Signal, Spec
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import Evidence, extract

__all__ = ["EnclosedMail", "told"]

_MOST = 4  # enclosed messages; their bytes are the outer message's, which are bounded
_LONGEST_REASON = 300  # characters
_NAMED = 8  # signals of an enclosed message
_NAME: Final = "nested_mail_abusive"


class EnclosedMail:
    """Judges the messages enclosed in a message; a Detector of one signal.

    The findings stay findings: the stack makes strength and reason of them, under the policy's
    weights in force. Nothing is known of the enclosed message's sender, and nothing is proven:
    whatever it says of its way here was written by whoever enclosed it.
    """

    specs: tuple[Spec, ...] = (
        Spec(_NAME, "enclosed", "phish", "An attached message is abusive when judged as mail."),
    )

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = tuple(detectors)

    def detect(
        self, evidence: Evidence, context: Context, brands: Brands = SHIPPED
    ) -> Iterator[Finding]:
        """Yield one finding about all enclosed messages of which anything was found."""
        if not evidence.message.nested_messages:
            return
        kind = checked_kind(evidence)
        if kind.ours_returned or kind.complaint:
            return
        trusting_nobody = replace(context, authserv_ids=frozenset(), upstream_verifies=False)
        judged = [
            self._judge(part.content, evidence, trusting_nobody, brands)
            for part in kind.mail.enclosed[:_MOST]
        ]
        within = tuple([findings for findings in judged if findings])
        if within:
            yield Finding(_NAME, "An attached message looks abusive", within=within)

    def _judge(
        self, raw: bytes, outer: Evidence, context: Context, brands: Brands
    ) -> tuple[Finding, ...]:
        envelope = Envelope(
            id=outer.envelope.id,
            received_at=outer.envelope.received_at,
            rcpt_to=outer.envelope.rcpt_to,
        )
        inner = extract(Incoming(envelope, raw), context)
        return tuple(
            finding
            for detector in self._detectors
            for finding in detector.detect(inner, context, brands)
        )


def told(finding: Finding, logit: int, signals: Sequence[Signal]) -> Finding:
    """Return a finding about an enclosed message with what speaks most against that one.

    `logit` (millionths) and `signals` are what the stack made of the worst one enclosed.
    """
    against = [signal for signal in signals if signal.contribution > 0]
    reasons = "; ".join([signal.reason for signal in against])
    said = f"{finding.reason}: {reasons}"
    return replace(
        finding,
        reason=said if len(said) <= _LONGEST_REASON else f"{said[: _LONGEST_REASON - 3]}...",
        inputs={
            **finding.inputs,
            "logit": round(logit / MICRO, 6),
            "signals": " ".join([signal.name for signal in against[:_NAMED]]),
        },
    )
