"""Whether attachments can be opened on this machine, by opening one."""

from apps.doctor.finding import Finding, fine, warning
from features.opened import Request
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["look_at_attachments"]

_LINK = "https://example.org/"
# Not well formed, as hostile files are: its link is read all the same.
_PAGE = b"%PDF-1.4\n1 0 obj <</S/URI/URI(https://example.org/)>> endobj\ntrailer <<>>\n"
_LEFT_OUT = 'verdicts of messages that ask for it say degraded: ["attachments"]'


def look_at_attachments(settings: Settings) -> Finding:
    """Start the process that opens attachments, as a worker does, and give it a small PDF."""
    if not settings.limits.opened:
        return fine("attachments", "limits.opened = 0: none is opened")
    failures: list[str] = []
    sandbox = Sandbox(settings.attachments, failed=failures.append)
    try:
        files = sandbox.open([Request("pdf", 0, _PAGE)])
    finally:
        sandbox.close()
    if files is None or not any(_LINK in file.targets for file in files):
        why = failures[0] if failures else "a link in a PDF isn't found"
        return warning(
            "attachments",
            f"their reader doesn't work: {why}; {_LEFT_OUT}",
            "see what `python -m streams.sandbox.reader_process 256 2 </dev/null` says, raise "
            "attachments.deadline_ms or attachments.memory_mib, or set limits.opened = 0",
        )
    return fine("attachments", f"opened in a process of their own (up to {settings.limits.opened})")
