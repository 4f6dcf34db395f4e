"""Honest mail of kinds that the corpora lack: the signals alone leave it in peace."""

import re
import tomllib
from datetime import UTC, datetime
from email.header import Header
from html import escape
from itertools import count
from pathlib import Path

import pytest

from detectors.actions import MICRO
from detectors.apart import detect
from detectors.catalogue import DETECTORS
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract

LETTERS = tomllib.loads(
    (Path(__file__).parents[1] / "corpus" / "honest" / "letters.toml").read_text("utf-8")
)
TAGGED = 0.0  # logits; add_header of the shipped policy is a probability of one half
MAILED = {
    name
    for name, letter in LETTERS.items()
    if not letter.get("plain") and "@gmail.com" not in letter["from"]
}
"""What a service may mail for its customers: nobody's private letters."""

UNTOLD = {"crypto-newsletter": "subject, text and links are those of a lure; who subscribed tells"}
"""Letters that nothing in them tells from fraud: a proven or known sender does."""

ALL_ELSEWHERE = {
    "a brand's notice that leads to nothing of the brand's is what phishing looks like": (
        "amazon-sister card-security-alert jira-notice parcel-dhl parcel-laposte railway-de-delay "
        "sign-in-google sign-in-microsoft calendar-invite"
    ),
    "an alarm about an account and no link that is the sender's": (
        "password-reset saas-invoice sign-in-account-named crypto-statement"
    ),
    "a fault, a cheap ending or no reader named, and no link that is the sender's": (
        "office-comma newsletter-xyz shop-cheap-domain school-letter"
    ),
}
"""What stays tagged where bounces come home but each link is a stranger's: names by the reason."""

UNTOLD_MAILED = UNTOLD | {
    "telecom-ch": "a carrier at the domain of its customers' mailboxes, and nothing leads home"
}

LINK = re.compile(r"\[([^\]]{1,60})\]\((\S{1,200})\)")
PLAIN_FROM = re.compile(r'"?([^"<]{1,60}?)"? (<\S{1,80}>)')


def _raw(letter):
    """Write a message as its sender's program would: encoded words, HTML with a style block."""
    named = PLAIN_FROM.fullmatch(letter["from"])
    sender = letter["from"]
    if named and not sender.isascii():
        sender = f"{Header(named[1], 'utf-8').encode()} {named[2]}"
    fields = [
        f"Return-Path: <{letter['bounces']}>" if "@" in letter["bounces"] else "",
        f"From: {sender}",
        f"To: {letter.get('to', 'robin@example.org')}",
        f"Subject: {Header(letter['subject'], 'utf-8').encode(linesep=chr(10))}"
        if not letter["subject"].isascii()
        else f"Subject: {letter['subject']}",
        "Date: Tue, 04 Mar 2025 09:00:00 +0100",
        "Message-ID: <20250304.1@mail.example.net>",
        letter.get("headers", ""),
        "MIME-Version: 1.0",
    ]
    if letter.get("plain"):
        fields.append("Content-Type: text/plain; charset=utf-8")
        body = "\n\n".join(letter["text"])
    else:
        fields.append("Content-Type: text/html; charset=utf-8")
        body = "\n".join(f"<p>{_html(text)}</p>" for text in letter["text"])
        body = f"<html><head><style>p {{ margin: 0 }}</style></head><body>{body}</body></html>"
    head = "\n".join(filter(None, [*fields, "Content-Transfer-Encoding: 8bit"]))
    return f"{head}\n\n{body}\n".encode()


def _html(text):
    return LINK.sub(r'<a href="\2">\1</a>', escape(text, quote=False))


def _judged(raw):
    at = datetime(2025, 3, 4, 12, tzinfo=UTC)
    context = Context()
    evidence = extract(Incoming(Envelope(id="x", received_at=at), raw), context)
    return shipped_stack().weigh(detect(DETECTORS, evidence, context), ())


@pytest.mark.parametrize("name", sorted(set(LETTERS) - set(UNTOLD)))
def test_no_honest_letter_is_tagged_by_the_signals(name):
    judged = _judged(_raw(LETTERS[name]))
    against = {signal.name: signal.contribution / MICRO for signal in judged.signals}

    assert judged.logit / MICRO < TAGGED, against


def _wrapped(letter, bounces):
    """Let another's server send a letter: all links lead there, and nothing else is changed."""
    tokens = count(70_211)
    return re.sub(
        rb'href="https://[^"]{1,200}"',
        lambda _: b'href="https://klick.postkiste-versand.net/c/h%dKq"' % next(tokens),
        _raw({**letter, "bounces": bounces}),
    )


@pytest.mark.parametrize("name", sorted(MAILED - set(UNTOLD_MAILED)))
def test_no_honest_letter_is_tagged_when_an_unknown_service_mails_it(name):
    """Bounces and clicks at a service that no list knows are nothing that a customer chose."""
    judged = _judged(_wrapped(LETTERS[name], "bounce-71@mta4.postkiste-versand.net"))
    against = {signal.name: signal.contribution / MICRO for signal in judged.signals}

    assert judged.logit / MICRO < TAGGED, against


@pytest.mark.parametrize(
    "name", sorted(MAILED - set(UNTOLD_MAILED) - set(" ".join(ALL_ELSEWHERE.values()).split()))
)
def test_no_honest_letter_is_tagged_when_clicks_go_elsewhere_and_bounces_come_home(name):
    home = LETTERS[name]["from"].rpartition("@")[2].rstrip(">")
    judged = _judged(_wrapped(LETTERS[name], f"bounce@{home}"))
    against = {signal.name: signal.contribution / MICRO for signal in judged.signals}

    assert judged.logit / MICRO < TAGGED, against


def test_the_letters_cover_many_kinds_of_mail():
    assert len(LETTERS) >= 60
    assert len({letter["from"] for letter in LETTERS.values()}) == len(LETTERS)
