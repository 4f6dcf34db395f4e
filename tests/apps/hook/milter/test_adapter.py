"""Transactions to submissions, outcomes to edits."""

import pytest

from apps.hook.milter.adapter import adapt, answer, submission
from apps.hook.milter.answer import AddHeader, Answer, ChangeHeader, Quarantine, SmtpReply
from apps.hook.milter.transaction import Path, Peer, Transaction
from apps.hook.outcome import Field, Outcome, Reply
from apps.hook.submission import Listener, Submission
from features.envelope import Client, Truncated

HEADERS = (
    (b"X-Spam-Flag", b" NO"),
    (b"Subject", b" Hello =?utf-8?q?you?="),
    (b"x-spam-flag ", b" NO"),
    (b"Authentication-Results", b" mx.two.example; spf=pass"),
    (b"Authentication-Results", b" other.example;\n spf=pass"),
    (b"AUTHENTICATION-RESULTS", b' (c) "MX.two.example" 1;\n dkim=pass'),
    (b"X-SPAM-FLAG", b" YES"),
)
TRANSACTION = Transaction(
    peer=Peer(b"mx.one.example", "192.0.2.9"),
    helo=b"h\xff",
    sender=Path(b""),
    recipients=(Path(b"b@two.example"), Path(b"\xfc@two.example")),
    macros={"i": b"4F1C", "auth_authen": b"me", "tls_version": b"TLSv1.3"},
    headers=HEADERS,
    body=b"Hello\r\n",
)


def test_what_the_mta_said_becomes_a_submission():
    listener = Listener("unix:x", "acme")
    assert submission(TRANSACTION, listener) == Submission(
        raw=TRANSACTION.message(),
        listener=listener,
        client=Client("192.0.2.9", "h\\xff", "mx.one.example"),
        mail_from="",
        rcpt_to=("b@two.example", "\\xfc@two.example"),
        user="me",
        queue_id="4F1C",
        tls="TLSv1.3",
    )


def test_what_the_mta_didn_t_say_is_unknown():
    made = submission(
        Transaction(peer=Peer(b"[192.0.2.9]"), macros={"auth_authen": b""}), Listener()
    )
    assert (made.client, made.mail_from, made.user, made.queue_id) == (Client(), None, None, None)
    assert submission(Transaction(peer=Peer(b"unknown")), Listener()).client.ptr is None


def test_what_was_cut_is_said_with_the_size():
    cut = TRANSACTION._replace(cut=True, size=5_000_000)
    assert submission(cut, Listener()).truncated == Truncated(5_000_000)


def test_copies_of_our_names_go_from_the_last_to_the_first_and_ours_come_in_order():
    outcome = Outcome(
        action="accept",
        remove=("X-Spam-Flag", "X-Weir-Id"),
        authserv_ids=("mx.Two.example",),
        add=(Field("X-Spam-Flag", "NO"), Field("X-Weir-Id", "v1")),
    )
    assert answer(outcome, TRANSACTION) == Answer(
        "accept",
        (
            ChangeHeader("x-spam-flag", 3, None),
            ChangeHeader("authentication-results", 3, None),
            ChangeHeader("authentication-results", 1, None),
            ChangeHeader("x-spam-flag", 2, None),
            ChangeHeader("x-spam-flag", 1, None),
            AddHeader("X-Weir-Id", "v1", 1),
            AddHeader("X-Spam-Flag", "NO", 1),
        ),
    )


@pytest.mark.parametrize(
    ("value", "goes"),
    [
        (b" mx.two.example; spf=pass", True),
        (b' "MX.two.example." 1; spf=pass', True),
        (b"\n mx.two.example\n ;dkim=pass", True),
        (b" (" + b"a" * 20_000 + b") mx.two.example; spf=pass", True),
        (b" (never closed mx.two.example; spf=pass", True),
        (b" other.example; spf=pass smtp.mailfrom=mx.two.example", False),
        (b" notmx.two.example; spf=pass", False),
        (b"", False),
    ],
)
def test_results_that_bear_our_identifier_go_however_they_are_written(value, goes):
    outcome = Outcome(action="accept", authserv_ids=("mx.two.example",))
    made = TRANSACTION._replace(headers=((b"Authentication-Results", value),))
    gone = (ChangeHeader("authentication-results", 1, None),) if goes else ()
    assert answer(outcome, made).edits == gone


def test_results_stay_where_nothing_is_forged():
    assert answer(Outcome(action="accept"), TRANSACTION) == Answer("accept", ())


def test_a_message_that_isn_t_taken_isn_t_edited():
    refused = Outcome(action="reject", reply=Reply(550, "5.7.1", "No"), remove=("X-Spam-Flag",))
    assert answer(refused, TRANSACTION) == Answer(SmtpReply(550, "5.7.1", "No"))
    assert answer(Outcome(action="discard", remove=("Subject",)), TRANSACTION) == Answer("discard")


def test_a_quarantine_is_accepted_on_hold():
    held = answer(Outcome(action="quarantine", hold="weir: spam"), TRANSACTION)
    assert held == Answer("accept", (Quarantine("weir: spam"),))


def test_a_subject_is_tagged_once():
    outcome = Outcome(action="rewrite_subject", subject="[SUSPECT] ")
    tagged = b"[SUSPECT] Hello =?utf-8?q?you?="
    assert answer(outcome, TRANSACTION).edits == (ChangeHeader("Subject", 1, tagged),)
    again = TRANSACTION._replace(headers=((b"Subject", b" " + tagged),))
    assert answer(outcome, again).edits == ()
    without = TRANSACTION._replace(headers=((b"From", b" a@one.example"),))
    assert answer(outcome, without).edits == (AddHeader("Subject", "[SUSPECT]"),)


async def test_a_transaction_is_answered_by_the_check_of_its_listener(front):
    handle = adapt(front().check, Listener(direction="inbound"))
    phish = TRANSACTION._replace(headers=((b"From", b" a@one.example"), (b"Subject", b" reject")))
    said = await handle(phish)
    assert said.final[:2] == (550, "5.7.1")
    assert (await handle(TRANSACTION)).final == "accept"


def test_fields_in_our_name_go_also_where_the_header_was_cut_before_them():
    outcome = Outcome(action="accept", remove=("X-Spam-Flag",), authserv_ids=("mx.two.example",))
    beyond = {b"x-spam-flag": 2, b"authentication-results": 1, b"x-weir-id": 3}
    edits = answer(outcome, TRANSACTION._replace(beyond=beyond)).edits
    assert [edit.nth for edit in edits if edit.name == "x-spam-flag"] == [5, 4, 3, 2, 1]
    assert [edit.nth for edit in edits if edit.name == "authentication-results"] == [4, 3, 1]
    assert "x-weir-id" not in {edit.name for edit in edits}
    unknown = Outcome(action="accept", remove=("X-Spam-Flag",))
    edits = answer(unknown, TRANSACTION._replace(beyond=beyond)).edits
    assert {edit.name for edit in edits} == {"x-spam-flag"}


@pytest.mark.parametrize("where", ["headers", "beyond"])
def test_more_fields_in_our_name_than_an_mta_can_remove_are_refused(where):
    """Postfix looks through the whole header for each: 12,000 cost it seven seconds."""
    outcome = Outcome(action="accept", remove=("X-Spam-Flag",))

    def said(count):
        given = (
            ((b"X-Spam-Flag", b" NO"),) * count if where == "headers" else {b"x-spam-flag": count}
        )
        return answer(outcome, Transaction(**{where: given})).final

    assert said(200) == "accept"
    assert said(201).code == 550
