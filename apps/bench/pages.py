"""The two pages that a measurement of detection makes, in the checkout's docs/."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.bench.detection_page import detection_page
from apps.bench.detectors_page import WHY, detectors_page
from apps.bench.samples import reasons
from detectors.catalogue import SPECS
from detectors.stack import shipped_weights_text
from detectors.weights import Weights, read_weights

__all__ = ["DOCS", "Pages", "prepared_pages"]

DOCS = Path(__file__).resolve().parents[2] / "docs"

_CORPORA = ("sa", "modern/ham", "transactional_templates", "phishing_pot*")


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages need beside the measurement, read before it as the measurement reads it."""

    weights: Weights
    reasons: Mapping[str, str]

    def write(self, found: Mapping[str, Any]) -> list[Path]:
        """Write both pages and return their paths."""
        pages = {
            DOCS / "detectors.md": detectors_page(found, self.weights, self.reasons),
            DOCS / "detection.md": detection_page(found),
        }
        for path, text in pages.items():
            path.write_text(text, "utf-8")
        return list(pages)


def prepared_pages(corpora: Path) -> Pages:
    """Read what the pages need, before the long measurement.

    Raises ValueError, one line, for a signal whose sample doesn't fire, a group without a why, or
    corpora that the pages speak of and that aren't there,
    WeightsError for weights that don't fit, FileNotFoundError where this is no checkout.
    """
    absent = [pattern for pattern in _CORPORA if not any(corpora.glob(pattern))]
    if absent:
        raise ValueError(f"the pages are of all corpora: {corpora} lacks {', '.join(absent)}")
    groups = dict.fromkeys(spec.group for spec in SPECS.values())
    missing = [group for group in groups if group not in WHY]
    if missing:
        raise ValueError(f"apps/bench/detectors_page.py: WHY lacks {', '.join(missing)}")
    return Pages(read_weights(shipped_weights_text(), SPECS), reasons())
