"""The sender part of the vector says what the readings say, and nothing where there are none."""

import math

import numpy as np
import pytest

from features.columns.sender_columns import COLUMNS
from features.history import UNKNOWN
from features.rolling import DAY
from features.sender import labelled, narrowed, outcome, read_history

DKIM = {"dkim": "pass", "dkim.domains": "example.org"}
BOB = {"direction": "outbound", "user": "bob@our.example", "mail_from": "bob@our.example"}
TO_ERIKA = "From: bob@our.example\nTo: Erika Muster <erika@example.org>"
BOUNCE = (
    (
        "From: MAILER-DAEMON@example.org\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x"
    ),
    (
        "--x\n\nfailed\n--x\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; erika@example.org\nAction: failed\n"
        "--x\nContent-Type: message/rfc822\n\nMessage-ID: <8@our.example>\n\nHello\n--x--"
    ),
)


def test_every_column_is_read_of_some_message(letter, state):
    """Else a column's name fits no counter and no sketch, and it is missing for good."""
    body = "see http://site.net/"
    head = (
        "Received: from mx.site.org (mx.site.org [192.0.2.9]) by us; Sun, 1 Mar 2026 12:00 +0000\n"
        "DKIM-Signature: v=1; b=xyz\nFrom: Erika Muster <erika@example.org>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=x"
    )
    parts = f"--x\n\n{body}\n--x\nContent-Type: application/pdf\n\n%PDF-1\n--x--"
    first = letter(head, parts, facts=DKIM, helo="mx.site.org")
    state.receive(first)
    histories = [
        state.receive(letter(head, parts, facts=DKIM, helo="mx.site.org", seconds=60)),
        state.receive(letter(TO_ERIKA, rcpt_to=("erika@example.org",), **BOB)),
    ]

    known = {
        column.name for column in COLUMNS for history in histories if history[column.name] >= 0
    }
    assert {column.name for column in COLUMNS} - known == set()


def test_a_first_sight_has_no_age_and_counts_itself(letter, state):
    history = state.receive(letter(facts=DKIM))

    assert history["sender.age"] == history["ip.age"] == history["route.age"] == 0
    assert math.isnan(history["sender.idle"])
    assert history["sender.messages"] == history["sender.messages_7d"] == 1
    assert history["sender.recipients_1d"] == pytest.approx(1, abs=0.05)
    assert history["sender.proven"] == 1
    assert history["pair.known"] == 0
    assert history["pair.received"] == 1


def test_a_later_message_reads_age_idle_time_and_decayed_counts(letter, state):
    for seconds in (0, 600, DAY):
        history = state.receive(letter(facts=DKIM, seconds=seconds))

    assert history["sender.age"] == DAY
    assert history["sender.idle"] == DAY - 600
    assert history["sender.messages"] == 3
    assert history["sender.messages_1d"] == pytest.approx(1 + 0.5 + 2 ** -(1 - 600 / DAY))


def test_ages_are_never_negative_even_for_mail_that_comes_late(letter, state):
    state.receive(letter(facts=DKIM, seconds=1_000))
    late = letter(facts=DKIM, seconds=0).touches
    readings = state.apply(late.increments, late.at)

    history = read_history(late, readings, (), late.at - 50)

    ages = [history[name.name] for name in COLUMNS if name.unit == "s"]
    assert [age for age in ages if age < 0] == []
    assert history["sender.age"] == 0


def test_what_has_no_entity_is_missing_and_not_zero(letter, state):
    history = state.receive(letter("From: erika@example.org", facts=None, ip=None))

    for name in ("ip.age", "network.spam", "route.age", "links.new", "attachments.spam"):
        assert math.isnan(history[name]), name
    assert math.isnan(history["sender.proven"])  # nobody looked
    assert math.isnan(history["correspondent.name"])


def test_for_how_long_the_state_has_watched_is_told_by_the_first_mail_of_anybody(letter, state):
    assert state.receive(letter()).watched == 0
    state.receive(letter("From: bob@our.example", rcpt_to=("jo@example.net",), seconds=40, **BOB))

    history = state.receive(letter("From: new@example.com", facts=DKIM, seconds=90))

    assert (history.watched, history["sender.age"]) == (90, 0)
    assert math.isnan(UNKNOWN.watched)


ANSWER = "From: Erika <erika@example.org>\nSubject: Re: Your order"


def _outbound(letter, seconds, **more):
    return letter("From: bob@our.example", rcpt_to=("jo@x.net",), seconds=seconds, **BOB, **more)


def test_an_answer_reads_for_how_long_outbound_mail_was_seen(letter, state):
    assert state.receive(letter(ANSWER, seconds=-9)).watched_outbound == 0
    for day in range(3):
        state.receive(_outbound(letter, day * DAY))

    assert state.receive(letter(ANSWER, seconds=3 * DAY)).watched_outbound == 3 * DAY
    assert math.isnan(state.receive(letter(seconds=3 * DAY)).watched_outbound)
    assert math.isnan(UNKNOWN.watched_outbound)


def test_who_feeds_no_outbound_mail_any_more_is_told_from_a_long_weekend(letter, state):
    for seconds in (0, 20 * DAY):
        state.receive(_outbound(letter, seconds))

    assert state.receive(letter(ANSWER, seconds=24 * DAY)).watched_outbound == 24 * DAY
    assert state.receive(letter(ANSWER, seconds=24 * DAY + 1)).watched_outbound == 0


def test_one_tenants_outbound_mail_says_nothing_of_anothers(letter, state):
    state.receive(_outbound(letter, 0, tenant="one"))

    watched = [
        state.receive(letter(ANSWER, seconds=90, tenant=tenant)).watched_outbound
        for tenant in ("one", "other")
    ]
    assert watched == [90, 0]


def test_what_has_no_reading_is_missing(letter):
    touches = letter(facts=DKIM).touches

    history = read_history(touches, [None] * len(touches.increments), (), touches.at)

    read = {column.name for column in COLUMNS if not math.isnan(history[column.name])}
    assert read == {"sender.proven", "thread.answers", "correspondent.name", "correspondent.domain"}


def test_readings_of_another_number_are_refused(letter):
    touches = letter().touches

    with pytest.raises(ValueError, match="shorter"):
        read_history(touches, [None], (), touches.at)


def test_nothing_known_is_nan_throughout():
    assert np.isnan(UNKNOWN.numbers).all()
    assert UNKNOWN.correspondent == ""


def test_of_two_bands_the_one_seen_more_often_speaks(letter, state):
    text = "the quick brown fox jumps over a lazy dog while seven other animals watch it go home"
    one = letter(body=text, facts=DKIM)
    state.receive(one)
    again = letter(body=text, facts=DKIM, seconds=60)
    first, second = [it for it in again.touches.increments if it.entity.kind.name == "content"]
    state.apply([first] * 5, again.touches.at)

    history = state.receive(again)

    assert state.read(first.entity, again.touches.at).total("messages") == 7
    assert state.read(second.entity, again.touches.at).total("messages") == 2
    assert history["content.messages_1h"] > 6


def test_links_show_the_youngest_and_the_one_that_is_reported(letter, state, added):
    busy, bad = (letter(body=f"http://{site}.net/") for site in ("busy", "bad"))
    for evidence in (busy, bad):
        state.receive(evidence)
    for evidence, spam, ham in ((busy, 50, 500), (bad, 3, 0)):
        for abuse, amount in ((True, spam), (False, ham)):
            given = labelled(evidence.touches, abuse=abuse, amount=amount)
            links = [it for it in given if it.entity.kind.name == "link"]
            state.apply(links, evidence.touches.at, arrival=False)

    history = state.receive(
        letter(body="http://busy.net/ http://bad.net/ http://new.net/", seconds=60)
    )

    assert (history["links.spam"], history["links.ham"]) == (3, 0)
    assert history["links.new"] == 1
    assert history["links.youngest"] == 0


def test_pairs_know_who_wrote_to_whom_in_either_direction(letter, state):
    erika = letter(facts=DKIM, rcpt_to=("bob@our.example", "eve@our.example"))
    state.receive(erika)
    bob = letter(TO_ERIKA, rcpt_to=("erika@example.org",), seconds=10, **BOB)
    first = state.receive(bob)
    again = state.receive(letter(facts=DKIM, rcpt_to=("bob@our.example",), seconds=20))
    both = state.receive(
        letter(facts=DKIM, rcpt_to=("bob@our.example", "eve@our.example"), seconds=30)
    )

    assert (first["pair.known"], first["pair.received"]) == (1, 1)
    assert (again["pair.known"], again["pair.received"]) == (1, 2)
    assert (both["pair.known"], both["pair.received"]) == (0.5, 3)


def test_an_answer_is_known_by_the_message_that_our_users_sent(letter):
    bob = letter(TO_ERIKA + "\nMessage-ID: <1@our.example>", **BOB).touches
    answer = letter("From: erika@example.org\nIn-Reply-To: <1@our.example>").touches

    assert answer.mentions == (bob.message_id,)
    for direction, flag in (("outbound", 1), ("inbound", 0), (None, 0)):
        history = read_history(answer, [None] * len(answer.increments), (direction,), answer.at)
        assert history["thread.answers"] == flag


@pytest.mark.parametrize(
    ("head", "changes"),
    [
        ("Auto-Submitted: auto-replied", {}),
        ("Precedence: bulk", {}),
        ("Subject: Away", {"mail_from": "", "user": None}),
    ],
)
def test_what_answers_a_programs_mail_answers_none_of_ours_but_may_be_its_bounce(
    letter, head, changes
):
    """Whoever writes to somebody on holiday learns a Message-ID of ours."""
    away = letter(f"{TO_ERIKA}\n{head}\nMessage-ID: <8@our.example>", **{**BOB, **changes}).touches
    answer = letter("From: erika@example.org\nIn-Reply-To: <8@our.example>").touches
    bounce = letter(*BOUNCE, mail_from="").touches

    assert away.message_id
    assert away.message_id not in answer.mentions
    assert away.message_id in bounce.mentions


@pytest.mark.parametrize(
    ("author", "facts", "flag"),
    [
        ("Erika Muster <someone@evil.net>", {"spf": "fail"}, 1),
        ("Muster, Erika <someone@evil.net>", {"spf": "fail"}, 1),
        ("Erika Muster <erika@example.org>", DKIM, 0),
        ("Erika Muster <erika@example.org>", {"spf": "fail"}, 0),
        ("Hans Muster <someone@evil.net>", {"spf": "fail"}, 0),
    ],
)
def test_a_correspondents_name_under_another_address_is_seen(letter, state, author, facts, flag):
    state.receive(letter(TO_ERIKA, rcpt_to=("erika@example.org",), **BOB))

    history = state.receive(letter(f"From: {author}", facts=facts, seconds=9))

    assert history["correspondent.name"] == flag


@pytest.mark.parametrize(
    ("author", "colleague"),
    [
        ("Bob Builder <bob.desk@gmail.com>", True),
        ("Builder, Bob <b@different.net>", True),
        ("Bob Miller <bob.desk@gmail.com>", False),
        ("Bob Builder <bob@our.example.com>", False),
    ],
)
def test_a_colleagues_name_from_outside_is_seen_by_who_never_wrote_to_the_colleague(
    letter, state, author, colleague
):
    bob = {"user": "bob@our.example.com", "mail_from": "bob@our.example.com"}
    head = "From: Bob Builder <bob@our.example.com>"
    state.receive(letter(head, rcpt_to=("jo@example.net",), direction="outbound", **bob))

    ours = ("erika@our.example.com",)
    history = state.receive(letter(f"From: {author}", rcpt_to=ours, seconds=9))

    assert history.colleague == colleague
    assert history["correspondent.name"] == 0


def test_a_namesake_whom_our_user_writes_to_is_nobody_else(letter, state):
    for address in ("erika@example.org", "erika@muster.de"):
        head = f"From: bob@our.example\nTo: Erika Muster <{address}>"
        state.receive(letter(head, rcpt_to=(address,), **BOB))

    for address in ("erika@example.org", "erika@muster.de"):
        facts = {"dkim": "pass", "dkim.domains": address.partition("@")[2]}
        history = state.receive(letter(f"From: Erika Muster <{address}>", facts=facts, seconds=9))
        assert history["correspondent.name"] == 0


@pytest.mark.parametrize(
    ("domain", "imitated"),
    [
        ("examp1e.net", "example.net"),
        ("exarnple.net", "example.net"),
        ("example.top", "example.net"),
        ("examp1e-billing.top", "example.net"),
        ("secure-example.top", "example.net"),
        ("example.net", "example.net"),
        ("different.net", ""),
    ],
)
def test_a_domain_that_looks_like_a_correspondents_is_named(letter, state, domain, imitated):
    state.receive(letter("From: bob@our.example", rcpt_to=("jo@example.net",), **BOB))

    history = state.receive(letter(f"From: a@{domain}", facts={"spf": "fail"}, seconds=9))

    assert history.correspondent == imitated
    assert history["correspondent.domain"] == (imitated not in ("", domain))


@pytest.mark.parametrize(
    ("author", "answers", "imitated"),
    [
        ("a@different.net", "a@examp1e.net", "example.net"),
        ("a@gmail.com", "a@example-billing.net", "example.net"),
        ("a@different.net", "a@example.net", ""),
        ("a@different.net", "a@gmail.com", ""),
        ("a@example.net", "a@examp1e.net", ""),
    ],
)
def test_so_is_one_that_answers_go_to(letter, state, author, answers, imitated):
    """What a correspondent's own domain sends is told apart by detectors.business_fraud."""
    state.receive(letter("From: bob@our.example", rcpt_to=("jo@example.net",), **BOB))

    head = f"From: {author}\nReply-To: <{answers}>"
    history = state.receive(letter(head, facts={"spf": "fail"}, seconds=9))

    assert history["correspondent.domain"] == bool(imitated)
    if imitated:
        assert history.correspondent == imitated


def test_correspondents_domains_that_look_alike_are_no_imitations(letter, state):
    both = ("jo@example.net", "jo@example-billing.net")
    state.receive(letter("From: bob@our.example", rcpt_to=both, **BOB))

    for domain in ("example.net", "example-billing.net"):
        history = state.receive(letter(f"From: new@{domain}", seconds=9))
        assert (history.correspondent, history["correspondent.domain"]) == (domain, 0)


def test_whom_another_tenant_writes_to_is_not_known_here(letter, state):
    state.receive(letter(TO_ERIKA, rcpt_to=("erika@example.org",), tenant="other", **BOB))

    history = state.receive(letter("From: Erika Muster <a@examp1e.org>", facts=DKIM, seconds=9))

    assert history["correspondent.name"] == history["correspondent.domain"] == 0


def test_a_failed_delivery_of_ours_counts_for_the_account_that_sent_it(letter, state):
    sent = letter(TO_ERIKA + "\nMessage-ID: <8@our.example>", rcpt_to=("erika@example.org",), **BOB)
    state.receive(sent)
    bounce = letter(*BOUNCE, mail_from="", seconds=5)

    assert sent.touches.message_id in bounce.touches.mentions
    for direction, bounces in (("inbound", 0), ("outbound", 1)):
        history = state.receive(bounce, (direction,))
        items = outcome(bounce.touches, history, delivered=True, bad=False)
        state.apply(items, bounce.touches.at, arrival=False)
        again = state.receive(letter(TO_ERIKA, **BOB, seconds=6))
        assert again["sender.bounces_1d"] == pytest.approx(bounces, abs=0.01)


def test_a_copy_for_others_reads_as_many_messages_and_more_recipients(letter, state):
    first = state.receive(letter(facts=DKIM))
    copy = letter(facts=DKIM, rcpt_to=("eve@our.example",)).touches

    history = read_history(copy, state.apply(narrowed(copy), copy.at), (), copy.at)

    assert history["sender.messages"] == first["sender.messages"] == 1
    assert history["sender.recipients"] == 2
    assert history["sender.recipients_1d"] == pytest.approx(2, abs=0.1)
    assert history["ip.messages_1h"] == 1


def test_the_evidence_gets_a_vector_of_its_own(letter, state):
    evidence = letter(facts=DKIM)
    before = evidence.vector.copy()
    history = state.receive(evidence)

    known = evidence.with_history(history)

    assert np.array_equal(evidence.vector, before, equal_nan=True)
    assert np.isnan(evidence.vector[-len(COLUMNS) :]).all()
    assert np.array_equal(known.vector[: -len(COLUMNS)], before[: -len(COLUMNS)], equal_nan=True)
    assert np.array_equal(known.vector[-len(COLUMNS) :], history.numbers, equal_nan=True)
    assert known.history is history
    assert evidence.history is UNKNOWN
