"""What an SMTP client and a recipient see of a hook behind a real Postfix."""

import re
import smtplib
import uuid
from email import message_from_bytes

import pytest

from apps.local.errors import StackError

pytestmark = pytest.mark.integration


def mail(want, mark, extra=""):
    return (
        f"From: Ann <ann@sender.example>\r\nTo: you@example.org\r\nSubject: want:{want} {mark}\r\n"
        f"Message-ID: <{mark}@sender.example>\r\n{extra}\r\nHello, see you at lunch.\r\n"
    )


def say(client, want, mark, recipients=("you@example.org",), extra=""):
    """Send one message of a session; return the code and text of the last reply."""
    try:
        refused = client.sendmail("ann@sender.example", recipients, mail(want, mark, extra))
    except smtplib.SMTPResponseException as error:
        return error.smtp_code, error.smtp_error.decode()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return code, text.decode()
    assert refused == {}
    return 250, ""


@pytest.fixture
def mark():
    return uuid.uuid4().hex


@pytest.fixture
def arrived(mx):
    """Return a delivered message by its mark, parsed as mail readers do."""

    def find(mark):
        mx.wait(lambda: any(mark.encode() in raw for raw in mx.kept()))
        (raw,) = [raw for raw in mx.kept() if mark.encode() in raw]
        return message_from_bytes(raw)

    return find


def test_each_message_of_a_session_has_its_own_verdict(session, arrived, mark):
    client = session()
    wanted = ["accept", "reject", "rewrite_subject", "reject", "accept"]
    replies = [say(client, want, f"{mark}-{n}") for n, want in enumerate(wanted)]
    assert [code for code, _ in replies] == [250, 550, 250, 550, 250]
    tokens = {arrived(f"{mark}-{n}")["X-Weir-Id"] for n in (0, 2, 4)}
    assert len(tokens) == 3
    assert None not in tokens
    assert arrived(f"{mark}-2")["Subject"].startswith("[SUSPECT] want:")
    assert arrived(f"{mark}-0")["Subject"].startswith("want:")


def test_a_refusal_names_the_id_and_where_to_object(session, mark):
    code, text = say(session(), "reject", mark)
    assert code == 550
    assert re.fullmatch(
        r"5\.7\.1 Refused as suspected abuse \(id [0-9a-f-]{36}\); "
        r"to object: https://mx\.example\.org/appeal",
        text,
    )


def test_a_retry_after_a_policys_deferral_is_judged_anew(session, mark):
    client = session()
    first, second = say(client, "defer", mark), say(session(), "defer", mark)
    assert (first[0], second[0]) == (451, 451)
    assert first[1].startswith("4.7.1 ")
    assert re.findall(r"id [0-9a-f-]{36}", first[1]) != re.findall(r"id [0-9a-f-]{36}", second[1])


def test_forged_fields_of_ours_go_and_others_stay(session, arrived, mark):
    forged = "X-Weir-Id: forged\r\nX-Spam-Flag: forged\r\nX-Weir-Id: again\r\nX-Other: kept\r\n"
    say(session(), "accept", mark, extra=forged)
    found = arrived(mark)
    assert "forged" not in found.as_string()
    assert len(found.get_all("X-Weir-Id")) == 1
    assert found["X-Other"] == "kept"


def test_a_quarantined_message_is_taken_and_held(mx, session, mark):
    assert say(session(), "quarantine", mark)[0] == 250
    (held,) = [one for one in mx.queue() if one["queue_name"] == "hold"]
    assert held["sender"] == "ann@sender.example"
    mx.drop(held["queue_id"])


def test_mail_of_an_authenticated_user_is_outbound_and_tells_nobody_its_score(
    session, arrived, mark
):
    assert say(session("submission", "ann"), "accept", f"{mark}-out")[0] == 250
    assert say(session(), "accept", f"{mark}-in")[0] == 250
    out, into = arrived(f"{mark}-out"), arrived(f"{mark}-in")
    assert (out["X-Spam-Flag"], into["X-Spam-Flag"]) == (None, "NO")
    assert out["X-Weir-Id"]


def test_a_user_over_the_limit_is_deferred_and_others_are_not(session, mark):
    client = session("submission", "bob")
    replies = [say(client, "accept", f"{mark}-{n}") for n in range(5)]
    assert [code for code, _ in replies] == [250, 250, 250, 450, 450]
    assert "No more than 3 messages in an hour" in replies[3][1]
    assert say(session("submission", "dora"), "accept", mark)[0] == 250


def test_what_exceeds_a_limit_that_holds_is_held(mx, session, mark):
    many = [f"r{n}@example.org" for n in range(7)]
    assert say(session("submission", "carl"), "accept", mark, many)[0] == 250
    (held,) = [one for one in mx.queue() if one["queue_name"] == "hold"]
    assert len(held["recipients"]) == 7
    mx.drop(held["queue_id"])


def test_mail_from_outside_has_no_limit(session, mark):
    client = session()
    assert {say(client, "accept", f"{mark}-{n}")[0] for n in range(6)} == {250}


def test_a_dropped_client_and_a_reset_leave_nothing_behind(session, arrived, mark):
    gone = session()
    gone.mail("ann@sender.example")
    gone.rcpt("you@example.org")
    gone.close()
    client = session()
    client.mail("spammer@sender.example")
    client.rcpt("you@example.org")
    client.rset()
    assert say(client, "accept", mark)[0] == 250
    assert arrived(mark)["X-Weir-Id"]


def test_what_does_not_come_is_a_plain_error(mx):
    with pytest.raises(StackError, match="not within"):
        mx.wait(lambda: False, timeout=0.1)
