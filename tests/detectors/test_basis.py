from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import msgspec
import numpy as np

from detectors.basis import findings_of, history_of
from detectors.record import decode, encode
from features.envelope import Envelope, Incoming
from features.history import UNKNOWN, History
from features.reported import Report, Reported
from models.classifier import Prediction

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.eml"))


def _incoming(name, raw):
    return Incoming(
        Envelope(
            id=name,
            received_at=datetime(2026, 1, 1, tzinfo=UTC),
            mail_from="carol@mail.example.org",
            rcpt_to=("dave@example.com",),
        ),
        raw,
    )


def _enclosing(raw):
    outer = EmailMessage()
    outer["From"], outer["To"] = "carol@example.org", "dave@example.com"
    outer["Subject"] = "see below"
    outer.set_content("as discussed\n")
    outer.add_attachment(raw, maintype="message", subtype="octet-stream", filename="it.eml")
    return bytes(outer).replace(b"message/octet-stream", b"message/rfc822")


def _mail():
    found = [(path.name, path.read_bytes()) for path in EXAMPLES]
    return [*found, *((f"in-{name}", _enclosing(raw)) for name, raw in found[:20])]


def test_what_a_verdict_carries_weighs_the_same_as_what_was_found(judge):
    judged = judge.judge([_incoming(*one) for one in _mail()])
    assert any(found.within for one in judged for found in one.findings)
    for one in judged:
        read = decode(encode(one.verdict))
        versions = {model.name: model.version for model in read.models}
        margins = [Prediction(name, versions[name], x) for name, x in read.basis.margins.items()]
        terms = judge.terms_of(_incoming("any", b""))
        weighed = terms.stack.weigh(findings_of(read.basis, read.signals), margins)
        assert weighed.signals == one.verdict.signals
        assert weighed.logit == one.verdict.logit


def test_what_is_read_of_the_state_comes_back(judge):
    reports = (Report("l1", b"12345678", "report", True, 1.0, 1_767_225_600.25, b"1234"),)
    history = History(
        UNKNOWN.numbers,
        "example.org",
        watched=86_400.125,
        colleague=True,
        reported=(Reported("link", "link:example.net", reports, 3.0, 60.5),),
    )
    (prepared,) = judge.prepare([_incoming(EXAMPLES[0].name, EXAMPLES[0].read_bytes())])
    (judged,) = judge.conclude([prepared], [history])
    read = decode(encode(judged.verdict)).basis.state
    found = history_of(UNKNOWN, read)
    assert found.correspondent == "example.org"
    assert found.watched == 86_400.125
    assert np.isnan(found.watched_outbound)
    assert found.colleague
    assert found.reported == history.reported


def test_the_basis_holds_nobodys_address_and_no_subject(judge):
    mail = EmailMessage()
    mail["From"], mail["To"] = "Carol <carol.jones@example.org>", "dave.smith@example.com"
    mail["Subject"] = "Sesquipedalian matters"
    mail.set_content("See http://example.net/carol.jones\n")
    (judged,) = judge.judge([_incoming("m", bytes(mail))])
    written = msgspec.json.encode(judged.verdict.basis).lower()
    for personal in (b"carol", b"dave", b"sesquipedalian"):
        assert personal not in written


def test_a_broken_message_has_no_basis(judge):
    verdict = judge.degraded(_incoming("m", b"x"))
    assert b'"basis"' not in encode(verdict)


def test_of_more_links_than_are_kept_it_is_told_that_some_are_missing(judge):
    def basis(count):
        links = "\r\n".join(f"https://host{at}.example.org/" for at in range(count))
        raw = f"From: c@mail.example.org\r\nSubject: s\r\n\r\n{links}\r\n".encode()
        return judge.judge([_incoming("m", raw)])[0].verdict.basis

    assert (len(basis(40).link_hosts), basis(40).partial) == (40, ())
    assert (len(basis(41).link_hosts), basis(41).partial) == (40, ("link_hosts",))
