"""Links that are no web addresses and yet do something: open a program, a share, a page within."""

from detectors.checks import Checks, Hit, evidence_itself
from features.evidence import Evidence

__all__ = ["DETECTOR"]

DETECTOR = Checks("links", evidence_itself)

# What mail programs hand on; javascript: stands in many an honest page saved as mail.
_ACTIVE = (
    "data:text", "data:application", "data:image/svg", "blob:", "vbscript:", "view-source:",
    "file:", "smb:", "search-ms:", "search:", "ms-word:", "ms-excel:", "ms-powerpoint:",
    "ms-appinstaller:", "ms-msdt:", "ms-officecmd:",
)  # fmt: skip
_START = 40
_CONTROLS = "".join(map(chr, range(33)))
_TABS = str.maketrans("", "", "\t\r\n")


@DETECTOR.signal(
    "link_active_scheme",
    "malware",
    "A link opens a program, a file share or a page that it carries itself, no web address.",
)
def _link_active_scheme(evidence: Evidence) -> Hit | None:
    for anchor in evidence.content.anchors:
        if anchor.href.startswith(("http", "mailto:", "#", "tel:")):  # nearly always
            continue
        start = anchor.href[:_START].strip(_CONTROLS).translate(_TABS).lower()
        if start.startswith(_ACTIVE):
            scheme = start.partition(":")[0]
            reason = f"A link is no web address but starts with {scheme}:"
            return Hit(reason, {"scheme": scheme})
    return None
