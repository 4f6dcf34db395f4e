"""What was handed in becomes what is said of which message, or is refused with what to do."""

import base64

import pytest

from apps.labels.intake import Candidate, Refused, Unread, Wanted, candidates_of, named
from apps.labels.reading import limits_of_reports
from apps.sources import Mail
from features.addresses import hash_address
from features.context import Context, Limits

CONTEXT = Context(hash_key=b"k" * 32, hash_key_id="1")
LIMITS = limits_of_reports(Limits())
OPERATOR = hash_address("mara", CONTEXT)
ANNA = hash_address("anna@our.example", CONTEXT)
PLAIN = b"From: a@sender.example\nMessage-ID: <one@sender.example>\n\nBuy now\n"
TOKEN = "v1.m-1.e.0.7." + "ab" * 12


def enclosing(kind, said=b"", subtype=b"report", sender=b"anna@our.example"):
    return (
        b"From: %b\nContent-Type: multipart/%b; boundary=b\n\n"
        b"--b\nContent-Type: %b\n\n%b\n--b\nContent-Type: message/rfc822\n\n%b\n--b--\n"
    ) % (sender, subtype, kind, said, PLAIN)


ARF = enclosing(b"message/feedback-report", b"Feedback-Type: fraud\n")
BOUNCE = enclosing(b"message/delivery-status", b"Reporting-MTA: x\n\nAction: failed\nStatus: 5.1.1")
FORWARD = enclosing(b"text/plain", b"look", b"mixed")


def read(raw, *, size=0, **wanted):
    mail = Mail("it.eml", raw, size or len(raw), "0f" if size else "")
    wanted = Wanted(**{"operator": OPERATOR, **wanted})
    return list(candidates_of(mail, wanted, CONTEXT, LIMITS))


def one(raw, **wanted):
    (found,) = read(raw, **wanted)
    return found


def test_a_message_is_labelled_itself_by_whoever_runs_the_command():
    found = one(PLAIN, truth="spam")
    assert isinstance(found, Candidate)
    assert (found.truth, found.source, found.reporter) == ("spam", "analyst", OPERATOR)
    assert (found.form, found.returned.message_id) == (None, "one@sender.example")


def test_a_report_says_truth_and_reporter_itself():
    found = one(ARF)
    assert (found.truth, found.source, found.reporter) == ("phish", "report", ANNA)
    assert found.form == "arf"


@pytest.mark.parametrize("sender", [b"anna+1@our.example", b"Anna+a+b@Our.example"])
def test_one_mailbox_is_one_reporter_whatever_detail_it_writes_as(sender):
    report = ARF.replace(b"anna@our.example", sender)
    assert report != ARF
    assert one(report).reporter == ANNA
    assert one(ARF.replace(b"anna@our", b"+anna@our")).reporter != ANNA


def test_the_command_line_outweighs_what_a_report_says():
    found = one(ARF, truth="malware", source="analyst", reporter=OPERATOR)
    assert (found.truth, found.source, found.reporter) == ("malware", "analyst", OPERATOR)


def test_a_report_of_ham_is_a_rescue():
    assert one(ARF, truth="ham").source == "rescue"


def test_a_bounce_says_what_it_is_and_takes_no_other_source():
    found = one(BOUNCE)
    assert (found.truth, found.source, found.form) == ("unwanted", "bounce", "bounce")
    assert isinstance(one(BOUNCE, source="analyst"), Refused)


@pytest.mark.parametrize(("raw", "what"), [(FORWARD, "encloses 1 message"), (BOUNCE, "a bounce")])
def test_whether_it_or_what_it_brings_is_meant_is_asked_and_never_guessed(raw, what):
    refused = one(raw, truth="spam")
    assert isinstance(refused, Refused)
    assert what in refused.reason
    assert "--as report" in refused.reason
    assert one(raw, truth="spam", read_as="message").returned.message_id == ""


def test_a_forward_read_as_a_report_is_its_senders_word_on_what_it_encloses():
    found = one(FORWARD, truth="spam", read_as="report")
    assert (found.source, found.reporter, found.form) == ("report", ANNA, "forward")
    assert found.returned.message_id == "one@sender.example"
    assert "doesn't say what the message is" in one(FORWARD, read_as="report").reason


def test_several_forwarded_messages_have_names_of_their_own():
    saved = b"\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    more = b"--b" + saved + base64.encodebytes(PLAIN.replace(b"one", b"two")) + b"--b--"
    found = read(FORWARD.replace(b"--b--", more), truth="spam", read_as="report")
    assert [it.name for it in found] == ["it.eml:1", "it.eml:2"]


@pytest.mark.parametrize(
    ("source", "truth"),
    [("rescue", "spam"), ("trap", "ham"), ("trap", "unwanted"), ("report", "ham")],
)
def test_a_source_says_only_what_it_can_know(source, truth):
    refused = one(PLAIN, truth=truth, source=source, reporter=ANNA)
    assert isinstance(refused, Refused)
    assert f"{source} can't say {truth}" in refused.reason


def test_a_users_word_has_somebody_who_said_it():
    assert "--reporter" in one(PLAIN, truth="spam", source="report").reason
    anonymous = ARF.replace(b"From: anna@our.example\n", b"")
    assert "--reporter" in one(anonymous).reason


def test_a_trap_is_nobody_in_person():
    assert one(PLAIN, truth="spam", source="trap").reporter == ""


def test_a_message_that_nobody_says_anything_of_is_refused():
    assert "no report that says what it is" in one(PLAIN).reason
    assert isinstance(one(PLAIN, retracts=True), Candidate)


def test_what_has_no_header_could_not_be_read():
    assert isinstance(one(b"hash_key = 1\n", truth="ham"), Unread)


def test_what_was_cut_is_told():
    assert one(PLAIN, truth="spam", size=9_000).note == f"read up to {len(PLAIN)} of 9,000 bytes"


@pytest.mark.parametrize(
    ("argument", "ident", "tokens", "message_id"),
    [
        ("01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11", "01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11", (), ""),
        (TOKEN, "", (TOKEN,), ""),
        (f"X-Weir-Id: {TOKEN}", "", (TOKEN,), ""),
        ("<one@sender.example>", "", (), "one@sender.example"),
    ],
)
def test_an_argument_names_a_message(argument, ident, tokens, message_id):
    found = named(argument, Wanted(truth="spam"))
    assert (found.ident, found.returned.tokens) == (ident, tokens)
    assert found.returned.message_id == message_id


def test_an_id_without_a_truth_takes_nothing_back_by_itself():
    assert "nothing says what it was" in named("m-1", Wanted()).reason
    assert isinstance(named("m-1", Wanted(retracts=True)), Candidate)


def test_a_file_of_an_ids_name_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m-1").write_bytes(PLAIN)
    assert named("m-1", Wanted()) is None
    assert named("-", Wanted()) is None
    assert isinstance(named("m-2", Wanted(truth="spam")), Candidate)
    assert "no such file" in named("no/such.eml", Wanted(truth="spam")).reason
    assert "no such file" in named("x" * 5_000, Wanted(truth="spam")).reason
