"""What kind of mail this is, as far as more than its own word says so (features/mail_kind.py)."""

from functools import lru_cache
from math import isnan
from typing import Final

import msgspec

from detectors.brands import SHIPPED, Brands
from detectors.checks import Checks, Hit
from detectors.relations import shown_host
from detectors.standing import DAY
from features.context import Context
from features.conversation import answered_ids, returned_date, returned_id
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import host_traits
from features.lexicon import count_phrases, find_phrases
from features.mail_kind import MailKind, posted_through, read_kind
from features.text import fold, words
from features.urls import find_urls, read_url

__all__ = ["DETECTOR", "KindOfMail", "checked_kind"]

# RFC 2142, section 4, and how those who run one name it besides.
_DESKS: Final = frozenset(
    {
        "abuse",
        "dmarc",
        "dmarc-reports",
        "fbl",
        "fraud",
        "not-spam",
        "phish",
        "phishing",
        "postmaster",
        "report-phishing",
        "report-spam",
        "reportphishing",
        "reportspam",
        "spam",
        "tlsrpt",
    }
)
_LURES: Final = (
    "advance_fee",
    "credentials",
    "extortion",
    "legal",
    "mailbox",
    "prize",
    "spam_goods",
    "suspension",
    "wallet",
)
_REMEMBERED = 3 * DAY  # how long the state knows the Message-IDs of what our users sent
_WORDS = 400  # of an invitation
_LINKS = 20
_PARTLY = 0.5


class KindOfMail(msgspec.Struct, frozen=True, eq=False):
    """A message's kind with what can be checked of it.

    `answers` tells whether it answers a message of ours, None where nobody asked the state, or the
    state can't know: what our users send isn't fed to it, or is forgotten by now.
    `ours_returned`: a bounce that brings back a message of ours, and mentions no other. `at_desk`:
    all recipients are desks for complaints. `from_ours`: written by a user of ours, which
    authentication proves. `invited`: an invitation between its sender and its recipient.
    `through_list`: the list's own domain sent it.
    """

    evidence: Evidence
    mail: MailKind
    answers: bool | None
    ours_returned: bool
    at_desk: bool
    from_ours: bool
    invited: bool
    through_list: bool

    @property
    def complaint(self) -> bool:
        """Whether what it encloses is evidence for a desk, and not meant to be believed."""
        mail = self.mail
        return self.at_desk and ("abuse_report" in mail.also or mail.passed_on == "attached")


def _kind_of(evidence: Evidence, _context: Context, _brands: Brands = SHIPPED) -> KindOfMail | None:
    """Return the kind for checks, which all look for some other than ordinary mail."""
    kind = checked_kind(evidence)
    return None if kind.mail.kind == "ordinary" else kind


@lru_cache(maxsize=1)
def checked_kind(evidence: Evidence) -> KindOfMail:
    """Read the kind and check what can be checked, once a message for all that ask."""
    headers, message = evidence.headers, evidence.message
    mail = read_kind(message, headers, evidence.envelope, evidence.content.text)
    if mail.kind == "ordinary":
        return KindOfMail(
            evidence,
            mail,
            answers=None,
            ours_returned=False,
            at_desk=False,
            from_ours=False,
            invited=False,
            through_list=False,
        )
    answers = _answers(evidence)
    outbound = evidence.envelope.direction == "outbound"
    return KindOfMail(
        evidence,
        mail,
        answers=answers,
        ours_returned=answers is True and not outbound and _brings_one_back(evidence, mail),
        at_desk=_at_desk(headers.recipients),
        from_ours=outbound or _is_colleague(evidence),
        invited=_invited(evidence, mail),
        through_list=bool(posted_through(message, headers, evidence.authentication)),
    )


def _answers(evidence: Evidence) -> bool | None:
    history = evidence.history
    asked = history["thread.answers"]
    # What names no message asks nothing, and a state that wasn't read has no answer.
    if isnan(asked) or not evidence.touches.mentions:
        return None
    if asked == 1:
        return True
    if history.watched_outbound < _REMEMBERED:
        return None
    sent = returned_date(evidence.message)
    if sent is None:
        return False
    # A server gives up after four or five days (RFC 5321, 4.5.4.1), when the state has forgotten
    # the message. A forged date gains what no answer of the state's gains.
    return None if evidence.touches.at - sent.timestamp() > _REMEMBERED - DAY else False


def _brings_one_back(evidence: Evidence, mail: MailKind) -> bool:
    """Say whether a bounce returns one message and mentions no other.

    Else the one of ours that it answers needn't be the one that it shows.
    """
    if "bounce" not in mail.also or not mail.returned or evidence.message.nested_messages > 1:
        return False
    returned = returned_id(evidence.message)
    return bool(returned) and answered_ids(evidence.message, bounce=True) == (returned,)


def _at_desk(recipients: tuple[str, ...]) -> bool:
    return bool(recipients) and all(it.partition("@")[0] in _DESKS for it in recipients)


def _is_colleague(evidence: Evidence) -> bool:
    domain = evidence.headers.from_.domain.registrable
    return (
        evidence.authentication.aligned is True
        and bool(domain)
        and all(
            split_host(address.rpartition("@")[2]).registrable == domain
            for address in evidence.headers.recipients
        )
    )


def _invited(evidence: Evidence, mail: MailKind) -> bool:
    """Say whether sender and recipient are an invitation's organizer and attendee, or reverse."""
    found, headers = mail.invitation, evidence.headers
    if found is None:
        return False
    senders = {it.address.lower() for it in (headers.from_, headers.sender, *headers.reply_to)}
    recipients = set(headers.recipients)
    if found.method == "REPLY":
        return found.organizer in recipients and not found.attendees.isdisjoint(senders)
    return found.organizer in senders and not found.attendees.isdisjoint(recipients)


DETECTOR = Checks("kind", _kind_of)


@DETECTOR.signal(
    "bounce_of_ours", "ham", "A bounce that brings back a message that our users sent."
)
def _bounce_of_ours(kind: KindOfMail) -> Hit | None:
    if not kind.ours_returned:
        return None
    return Hit("A message of your own came back undelivered", {"answers": 1})


@DETECTOR.signal(
    "bounce_forged",
    "spam",
    "A bounce of a message that our users never sent: forged, or the echo of a forged sender.",
)
def _bounce_forged(kind: KindOfMail) -> Hit | None:
    evidence = kind.evidence
    if "bounce" not in kind.mail.also or kind.answers is not False:
        return None
    if evidence.envelope.direction == "outbound" or not returned_id(evidence.message):
        return None  # the state wasn't asked for anything
    alone = not kind.mail.enclosed
    return Hit(
        "It says that your mail came back, but you sent no such message",
        {"answers": 0},
        _PARTLY if alone else 1.0,
    )


@DETECTOR.signal(
    "abuse_report", "ham", "A complaint with the message it is about, to a desk for complaints."
)
def _abuse_report(kind: KindOfMail) -> Hit | None:
    mail = kind.mail
    if not kind.at_desk:
        return None
    if {"abuse_report", "aggregate_report"} & set(mail.also):
        return Hit("A report to a desk for complaints", {"report": mail.kind})
    if mail.passed_on and (mail.passed_on == "attached" or kind.from_ours):
        return Hit(
            "A message passed on to a desk for complaints",
            {"passed_on": mail.passed_on, "from_ours": kind.from_ours},
        )
    return None


@DETECTOR.signal(
    "automatic_reply", "ham", "A program's answer, such as an absence note, to a message of ours."
)
def _automatic_reply(kind: KindOfMail) -> Hit | None:
    if "automatic_reply" not in kind.mail.also or kind.answers is not True:
        return None
    return Hit("An automatic reply to a message of your own", {"answers": 1})


@DETECTOR.signal(
    "calendar_invitation", "ham", "A calendar message between its own sender and recipient."
)
def _calendar_invitation(kind: KindOfMail) -> Hit | None:
    if not kind.invited or kind.mail.invitation is None:
        return None
    method = kind.mail.invitation.method
    return Hit("A calendar message between the sender and you", {"method": method})


@DETECTOR.signal(
    "invitation_text_lure",
    "phish",
    "An invitation whose own text lures or alarms, with a link that isn't the organizer's.",
)
def _invitation_text_lure(kind: KindOfMail) -> Hit | None:
    found = kind.mail.invitation
    if found is None or "http" not in found.text:
        return None
    phrases = count_phrases(find_phrases(words(fold(found.text), _WORDS)))
    count = sum(phrases[group] for group in _LURES)
    host = _foreign_host(kind.evidence, found.text, found.organizer)
    if count < 2 or not host:
        return None
    return Hit(
        f"The invitation itself lures or alarms, and leads to {host}",
        {"phrases": count, "host": host},
    )


def _foreign_host(evidence: Evidence, text: str, organizer: str) -> str:
    own = evidence.links.own | {split_host(organizer.rpartition("@")[2]).registrable}
    for address in find_urls(text)[:_LINKS]:
        url = read_url(address)
        if url is None or "mail_service" in host_traits(url.host):
            continue
        domain = split_host(url.host).registrable
        if domain not in own:
            return shown_host(domain or url.host)
    return ""


@DETECTOR.signal(
    "list_post", "ham", "Posted through a mailing list whose own domain it was sent from."
)
def _list_post(kind: KindOfMail) -> Hit | None:
    if not kind.through_list:
        return None
    domain = shown_host(kind.mail.list_domain)
    return Hit(f"It came through a mailing list at {domain}", {"list": domain})


@DETECTOR.signal(
    "forwarded",
    "ham",
    "Another message is passed on: enclosed, quoted below its header, or resent.",
)
def _forwarded(kind: KindOfMail) -> Hit | None:
    passed_on = kind.mail.passed_on
    if not passed_on:
        return None
    how = {"attached": "as an attachment", "quoted": "quoted", "resent": "as it came"}[passed_on]
    return Hit(f"It passes another message on, {how}", {"passed_on": passed_on})
