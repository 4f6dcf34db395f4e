"""From what was handed in to what is said of which message: files by their form, ids and tokens."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from apps.labels.reading import read_report
from apps.labels.report import Form, NoReport, Report, Returned
from apps.labels.returned import has_header, read_returned
from apps.sources import STDIN, Mail
from features.addresses import hash_address
from features.context import Context, Limits
from models.label import ABUSE, Source, Truth
from streams.tokens import HEADER, id_in

__all__ = [
    "Candidate",
    "ReadAs",
    "Refused",
    "Unread",
    "Wanted",
    "allowed_truths",
    "candidates_of",
    "checked",
    "named",
    "reporter_hash",
]

ReadAs = Literal["auto", "report", "message"]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")
_MESSAGE_ID: Final = re.compile(r"<([^<>\s\x00-\x1f\x7f]{1,998})>")
_HASH: Final = re.compile(r"[0-9A-Za-z]{1,16}:[0-9a-f]{32}")


class Wanted(NamedTuple):
    """What the command line says of every message; None and '' leave what a report says.

    `reporter` and `operator` are keyed hashes: of who was named, and of who runs the command, who
    is the analyst where nobody is named. `retracts`: labels are taken back, and need no truth.
    """

    truth: Truth | None = None
    source: Source | None = None
    reporter: str = ""
    operator: str = ""
    read_as: ReadAs = "auto"
    retracts: bool = False

    def by(self, source: Source) -> str:
        """Return the reporter of what no report says."""
        return self.reporter or (self.operator if source == "analyst" else "")


class Candidate(NamedTuple):
    """Something said of a message that is yet to be found.

    `name` is what was handed in; `ident` the message's id where that was given; `form` that of
    the report it came by, None where the message itself was handed in. `note` is for the person.
    """

    name: str
    truth: Truth | None
    source: Source
    reporter: str
    ident: str
    returned: Returned
    form: Form | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """What was handed in and teaches nothing, and why."""

    name: str
    reason: str


class Unread(Refused):
    """What could not be read at all."""


def allowed_truths(source: Source) -> frozenset[Truth]:
    """Return what a source may say: a rescue says ham, a trap gets no wanted mail."""
    match source:
        case "rescue" | "reply":
            return frozenset[Truth]({"ham"})
        case "trap":
            return ABUSE
        case "report":
            return ABUSE | {"unwanted"}
        case "bounce":
            return frozenset[Truth]({"unwanted"})
        case "analyst":
            return ABUSE | {"ham", "unwanted"}


def reporter_hash(given: str, context: Context) -> str:
    """Return the keyed hash of an address or a name; a keyed hash stays as it is."""
    return given if _HASH.fullmatch(given) else hash_address(given, context)


def named(argument: str, wanted: Wanted) -> Candidate | Refused | None:
    """Read an argument that names a message: an id, a token, a <Message-ID>; None for a path."""
    # False, too, for what is too long for a file's name, where pathlib raises
    if argument == STDIN or os.path.exists(argument):  # noqa: PTH110 - as said
        return None
    argument = argument.removeprefix(f"{HEADER}:").strip()  # as --token prints it
    if wanted.truth is None and not wanted.retracts:
        said = "nothing says what it was; say it: ... spam (or take a label back: --retract)"
        return Refused(argument, said)
    source = wanted.source or "analyst"
    nothing = Returned((), "", None)

    def candidate(ident: str = "", returned: Returned = nothing) -> Candidate | Refused:
        said = Candidate(argument, wanted.truth, source, wanted.by(source), ident, returned)
        return checked(said)

    if id_in(argument):
        return candidate(returned=nothing._replace(tokens=(argument,)))
    if found := _MESSAGE_ID.fullmatch(argument):
        return candidate(returned=nothing._replace(message_id=found[1]))
    if _ID.fullmatch(argument):
        return candidate(argument)
    return Refused(argument, "no such file, and no id, token or <Message-ID>")


def candidates_of(
    mail: Mail, wanted: Wanted, context: Context, limits: Limits
) -> Iterator[Candidate | Refused]:
    """Read a mail as what it is, or as the command line says it is.

    A feedback report is about the message in it. A bounce or a mail that encloses messages may be
    meant itself: where that isn't clear, it is refused with what would make it so. `limits` are
    those of reports (apps.labels.reading).
    """
    as_message = wanted.read_as == "message"
    report = NoReport("") if as_message else read_report(mail.raw, limits)
    if isinstance(report, NoReport):
        if wanted.read_as == "report":
            yield Refused(mail.name, report.reason)
        elif report.form is not None:
            yield Refused(mail.name, f"{report.reason}; is the mail itself meant? --as message")
        else:
            yield from _itself(mail, wanted)
    elif wanted.read_as == "auto" and report.form != "arf" and not _is_clear(report, wanted):
        count = len(report.returned) + report.dropped
        what = "is a bounce" if report.form == "bounce" else f"encloses {_messages(count)}"
        yield Refused(
            mail.name,
            f"{what}; say what is meant: --as report (what it brings) or --as message (itself)",
        )
    else:
        yield from _by_report(mail, report, wanted, context)


def _is_clear(report: Report, wanted: Wanted) -> bool:
    """Nothing but a report could be meant where a bounce comes without a truth of its own."""
    return report.form == "bounce" and wanted.truth is None


def _itself(mail: Mail, wanted: Wanted) -> Iterator[Candidate | Refused]:
    source = wanted.source or "analyst"
    if wanted.truth is None and not wanted.retracts:
        yield Refused(mail.name, "no report that says what it is; say it: weir label FILE spam")
        return
    if not has_header(mail.raw):
        yield Unread(mail.name, "no header field, so it's no message")
        return
    note = f"read up to {len(mail.raw):,} of {mail.size:,} bytes" if mail.sha256 else ""
    returned = read_returned(mail.raw, whole=True)
    by = wanted.by(source)
    yield checked(Candidate(mail.name, wanted.truth, source, by, "", returned, note=note))


def _by_report(
    mail: Mail, report: Report, wanted: Wanted, context: Context
) -> Iterator[Candidate | Refused]:
    truth = report.truth if report.form == "bounce" else wanted.truth or report.truth
    if truth is None and not wanted.retracts:
        what = "of a type" if report.form == "arf" else "a forward"
        yield Refused(mail.name, f"{what} that doesn't say what the message is; say it: ... spam")
        return
    source = wanted.source or _source(report.form, truth)
    if report.form == "bounce" and source != "bounce":
        yield Refused(mail.name, f"a bounce is no word of {source}; leave --source out")
        return
    reporter = wanted.reporter or reporter_hash(_mailbox(report.sender), context)
    many = len(report.returned) > 1
    for number, returned in enumerate(report.returned, 1):
        name = f"{mail.name}:{number}" if many else mail.name
        yield checked(Candidate(name, truth, source, reporter, "", returned, report.form))
    if report.dropped and report.form == "forward":
        yield Refused(mail.name, f"{_messages(report.dropped)} more than are read of one mail")


def _mailbox(address: str) -> str:
    """Return an address without its detail (RFC 5233): who has one mailbox is one reporter.

    A mailbox takes mail to, and its owner writes as, any number of them.
    """
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def checked(candidate: Candidate) -> Candidate | Refused:
    """Refuse what its source can't say, and users' words that nobody said."""
    source, truth = candidate.source, candidate.truth
    if truth is not None and truth not in allowed_truths(source):
        said = ", ".join(sorted(allowed_truths(source)))
        return Refused(candidate.name, f"{source} can't say {truth}; it says {said}")
    if source in {"report", "rescue"} and not candidate.reporter:
        return Refused(candidate.name, f"a {source} is somebody's word; say whose: --reporter")
    return candidate


def _source(form: Form, truth: Truth | None) -> Source:
    if form == "bounce":
        return "bounce"
    return "rescue" if truth == "ham" else "report"


def _messages(count: int) -> str:
    return f"{count:,} message{'s' * (count != 1)}"
