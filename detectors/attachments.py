"""What is attached, and whether it is what it claims to be."""

from detectors.brands import Brands
from detectors.checks import Checks, Hit
from features.attachments import Attachment
from features.context import Context
from features.data_files import read_data
from features.evidence import Evidence

__all__ = ["DETECTOR", "carries_program"]


def _attached(evidence: Evidence, _context: Context, _brands: Brands) -> Evidence | None:
    return evidence if evidence.attachments.all else None


DETECTOR = Checks("attachments", _attached)

_ENDINGS = frozenset().union(
    *(v for v in read_data("file_extensions").values() if isinstance(v, list))
)
_PROGRAMS = frozenset({"executable", "script", "archive_executable"})
_MAY_RUN = _PROGRAMS | {
    "double_extension",
    "right_to_left_name",
    "html_smuggling",
    "archive_encrypted",
    "macro",
}


def carries_program(evidence: Evidence) -> bool:
    """Say whether what is attached is, or may hide, a program: no good name speaks for that."""
    return not evidence.attachments.traits.isdisjoint(_MAY_RUN)


def _with_trait(evidence: Evidence, *traits: str) -> Attachment | None:
    if evidence.attachments.traits.isdisjoint(traits):
        return None
    return next((a for a in evidence.attachments.all if not a.traits.isdisjoint(traits)), None)


def _ending(attachment: Attachment) -> str:
    """Return the name's extension if it is a known one, else the kind: a name may be personal."""
    _, dot, ending = attachment.name.lower().rpartition(".")
    return f".{ending}" if dot and ending in _ENDINGS else attachment.kind


def _hit(reason: str, found: Attachment) -> Hit:
    ending = _ending(found)
    return Hit(reason.format(ending=ending), {"kind": found.kind, "ending": ending})


@DETECTOR.signal(
    "attachment_executable",
    "malware",
    "A program, script or shortcut is attached, openly or inside an archive.",
)
def _attachment_executable(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, *_PROGRAMS)
    if found is None:
        return None
    where = "inside an archive" if "archive_executable" in found.traits else "attached"
    return _hit(f"A program is {where} ({{ending}})", found)


@DETECTOR.signal(
    "attachment_double_extension",
    "malware",
    "An attachment hides its type behind a second, harmless extension or reversed letters.",
)
def _attachment_double_extension(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "double_extension", "right_to_left_name")
    if found is None:
        return None
    return _hit("An attachment hides that it is {ending}", found)


@DETECTOR.signal(
    "attachment_html_smuggling",
    "phish",
    "An attached page or drawing builds its content by script, to be read by nobody on the way.",
)
def _attachment_html_smuggling(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "html_smuggling")
    if found is None:
        return None
    return Hit("An attached page unpacks hidden content when opened", {"kind": found.kind})


@DETECTOR.signal(
    "attachment_html",
    "phish",
    "A web page is attached; those that open one usually see a false login.",
)
def _attachment_html(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "html")
    if found is None:
        return None
    return _hit("A web page is attached ({ending})", found)


@DETECTOR.signal(
    "attachment_svg", "phish", "A drawing (SVG) is attached, which can carry links and scripts."
)
def _attachment_svg(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "svg")
    if found is None:
        return None
    return Hit("A drawing that can carry scripts is attached", {"kind": found.kind})


@DETECTOR.signal(
    "attachment_encrypted_archive",
    "malware",
    "An archive is encrypted, so that no scanner on the way sees what is inside.",
)
def _attachment_encrypted_archive(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "archive_encrypted")
    if found is None:
        return None
    return Hit(
        "An attached archive is locked with a password, so nobody could look inside",
        {"kind": found.kind},
    )


@DETECTOR.signal("attachment_macro", "malware", "An attached document carries macros.")
def _attachment_macro(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "macro")
    if found is None:
        return None
    return _hit("A document with macros is attached ({ending})", found)


@DETECTOR.signal(
    "attachment_disk_image",
    "malware",
    "A disk image is attached: what it holds opens without the warning that files of mail get.",
)
def _attachment_disk_image(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "disk_image")
    if found is None:
        return None
    return _hit("A disk image is attached ({ending}), which slips past warnings", found)


@DETECTOR.signal(
    "attachment_archive_nested",
    "malware",
    "An archive within an archive is attached, which hides what is inside from scanners.",
)
def _attachment_archive_nested(evidence: Evidence) -> Hit | None:
    found = _with_trait(evidence, "archive_nested")
    if found is None:
        return None
    return Hit("An archive is packed into an attached archive", {"kind": found.kind})
