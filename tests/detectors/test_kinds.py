"""A kind of mail discounts what it fires falsely, and dressing as one gains nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from detectors.actions import MICRO
from detectors.apart import detect
from detectors.catalogue import DETECTORS, SPECS
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.signals import Finding
from detectors.stack import shipped_stack, shipped_weights_text
from detectors.standing import DAY
from detectors.weights import read_weights
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.history import known

KINDS = Path(__file__).parents[1] / "corpus" / "kinds"
CONTEXT = Context()
STACK = shipped_stack()
TAGGED = 0.0  # logits; add_header of the shipped policy is a probability of one half

OURS, OTHERS = {"thread.answers": 1}, {"thread.answers": 0}
OUR_OWN = {"dkim": Fact("pass", "mx"), "dkim.domains": Fact("brookvale.org", "mx")}


def _sample(name):
    return (KINDS / f"{name}.eml").read_text("utf-8")


def _evidence(raw, readings=None, **envelope):
    at = datetime(2025, 11, 11, 12, tzinfo=UTC)
    incoming = Incoming(Envelope(id="x", received_at=at, **envelope), raw.encode())
    evidence = extract(incoming, CONTEXT)
    return evidence if readings is None else evidence.with_history(known(readings))


def _weigh(raw, readings=None, **envelope):
    return STACK.weigh(detect(DETECTORS, _evidence(raw, readings, **envelope), CONTEXT), ())


def _logit(raw, readings=None, **envelope):
    return _weigh(raw, readings, **envelope).logit / MICRO


def _names(raw, readings=None, **envelope):
    return {signal.name for signal in _weigh(raw, readings, **envelope).signals}


def _plain_logit(raw, readings=None, **envelope):
    """Return the logit that the findings had if no kind discounted anything."""
    evidence = _evidence(raw, readings, **envelope)
    found = [it for detector in DETECTORS for it in detector.detect(evidence, CONTEXT)]
    return STACK.weigh(found, ()).logit / MICRO


HONEST = [
    path
    for path in sorted(KINDS.glob("*/*.eml"))
    if "phishing" not in path.stem and path.parent.name != "abuse_report"
]


@pytest.mark.parametrize("sample", HONEST, ids=lambda it: f"{it.parent.name}-{it.stem}")
@pytest.mark.parametrize("readings", [None, OURS], ids=["unknown", "ours"])
def test_honest_mail_of_every_kind_is_left_alone(sample, readings):
    assert _logit(sample.read_text("utf-8"), readings) < TAGGED


def test_a_threshold_of_the_shipped_policy_is_the_one_meant_here():
    assert shipped_policy().default.thresholds_for("inbound", "ham")["add_header"] == 0.5


# Phishing, and its parts to be dressed up.

HEADER = """\
From: "PayPal Service" <service@account-check.top>
To: Alex Morgan <alex.morgan@brookvale.org>
Subject: Your account is suspended: confirm your password now
Date: Tue, 11 Nov 2025 08:00:00 +0000
Message-ID: <a1@account-check.top>
MIME-Version: 1.0
"""
BODY = """\
Content-Type: text/html; charset=utf-8

<p>Dear customer, your account has been suspended because of unusual activity.</p>
<p>Please <a href="https://login.verify-portal.top/k/index.php">verify your account</a>
and confirm your password within 24 hours, or your account will be closed.</p>
"""
REPORT = f"Return-Path: <>\n{HEADER}Content-Type: multipart/report; boundary=r1\n\n--r1\n"
STATUS = """\
--r1
Content-Type: message/delivery-status

Final-Recipient: rfc822; ines.falk@kestrel-metals.com
Action: failed
"""
RETURNED = """\
--r1
Content-Type: message/rfc822

From: Alex Morgan <alex.morgan@brookvale.org>
Subject: Drawings
Message-ID: <gate-17@brookvale.org>
{body}
--r1--
"""
FEEDBACK = "--r1\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
CALENDAR = """\
--r1
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
ORGANIZER:mailto:service@account-check.top
ATTENDEE:mailto:alex.morgan@brookvale.org
SUMMARY:Meeting
END:VCALENDAR
--r1--
"""
QUOTED = "<p>From: A B &lt;a@kestrel-metals.com&gt;<br>Subject: x<br></p><p>Dear"
PHISHING = HEADER + BODY
AUTOMATIC = "Auto-Submitted: auto-replied\nX-Autoreply: yes\nPrecedence: auto_reply\n"
DRESSED = {
    "bounce": REPORT + BODY + STATUS + RETURNED.format(body="\nHello"),
    "bounce_without_returned_part": REPORT + BODY + STATUS + "--r1--\n",
    "abuse_report": REPORT + BODY + FEEDBACK + RETURNED.format(body="\nHello"),
    "abuse_report_to_a_desk": (REPORT + BODY + FEEDBACK + RETURNED.format(body="\nHello")).replace(
        "alex.morgan@brookvale.org>\nSubject: Your", "abuse@brookvale.org>\nSubject: Your"
    ),
    "automatic_reply": HEADER + AUTOMATIC + BODY,
    "forward_quoted": PHISHING.replace("<p>Dear", QUOTED).replace("Your acc", "Fwd: Your acc"),
    "forward_quoted_to_a_desk": PHISHING.replace("<p>Dear", QUOTED)
    .replace("Your acc", "Fwd: Your acc")
    .replace("alex.morgan@", "abuse@"),
    "forward_resent": f"Resent-From: a@kestrel-metals.com\nX-Forwarded-To: a@x.example\n{PHISHING}",
    "invitation": f"{HEADER}Content-Type: multipart/mixed; boundary=r1\n\n--r1\n{BODY}{CALENDAR}",
}


@pytest.mark.parametrize("kind", DRESSED)
@pytest.mark.parametrize("readings", [None, OTHERS], ids=["unknown", "others"])
def test_phishing_gains_nothing_by_dressing_up(kind, readings):
    assert _logit(DRESSED[kind], readings) >= _logit(PHISHING, readings) - 0.1


def test_who_knows_a_message_id_of_ours_gains_little_by_a_bounce():
    lost = _logit(PHISHING) - _logit(DRESSED["bounce"], OURS)

    assert lost < 4.0
    assert _logit(DRESSED["bounce"], OURS) > 15.0


@pytest.mark.parametrize("domain", ["lists.orchardclub.org", "account-check.top"])
def test_phishing_gains_little_by_dressing_up_as_a_list_even_as_its_owner(domain):
    """Whatever has a list's header counts as bulk mail too, for which some signals are silent."""
    header = f"List-Id: <l.{domain}>\nList-Post: <mailto:l@{domain}>\nPrecedence: list\n"
    dressed = f"Return-Path: <l-bounces@account-check.top>\n{header}{PHISHING}"

    assert _logit(dressed) > 0.7 * _logit(f"Return-Path: <l@account-check.top>\n{PHISHING}")


# Bounces.


def test_a_bounce_of_ours_is_told_from_an_echo_of_a_forged_sender():
    bounce = _sample("bounce/postfix")

    assert "bounce_of_ours" in _names(bounce, OURS)
    assert "bounce_forged" in _names(bounce, OTHERS)
    assert not {"bounce_of_ours", "bounce_forged"} & _names(bounce)
    assert _logit(bounce, OURS) < _logit(bounce) < _logit(bounce, OTHERS)


@pytest.mark.parametrize(
    ("days", "forged"), [(0, False), (2.9, False), (3.1, True), (90, True), (float("nan"), True)]
)
def test_only_a_state_that_sees_what_our_users_send_calls_a_bounce_forged(days, forged):
    """Else who feeds Weir inbound mail alone would have no honest bounce."""
    bounce = _sample("bounce/exim")
    evidence = _evidence(bounce).with_history(known(OTHERS, watched_outbound=days * DAY))
    judged = STACK.weigh(detect(DETECTORS, evidence, CONTEXT), ())

    assert ("bounce_forged" in {signal.name for signal in judged.signals}) is forged
    assert (judged.logit / MICRO == _logit(bounce)) is not forged


@pytest.mark.parametrize(("sent", "forged"), [("09", False), ("10", True), ("11", True)])
def test_a_bounce_of_what_the_state_has_forgotten_is_not_called_forged(sent, forged):
    """Mail servers give up after four or five days; the state knows Message-IDs for three."""
    bounce = _sample("bounce/postfix").replace("Date: Tue, 11 Nov", f"Date: Tue, {sent} Nov")

    assert ("bounce_forged" in _names(bounce, OTHERS)) is forged


def test_what_a_bounce_of_ours_returns_hardly_counts():
    raw = _sample("bounce/postfix").partition("\nFrom: Alex Morgan")[0]
    raw += f"\nFrom: Alex Morgan <alex.morgan@brookvale.org>\nMessage-ID: <gate-17@x>\n{BODY}\n"

    assert _logit(raw, OURS) < TAGGED < 5.0 < _plain_logit(raw, OURS)
    assert _logit(raw, OTHERS) == _plain_logit(raw, OTHERS)
    assert _logit(raw) > 5.0


def test_mail_systems_own_words_count_in_a_bounce_of_others_or_with_an_attachment():
    raw = _sample("bounce/exim")
    attached = raw.replace(
        "\n--1762855200-eximdsn-11\nContent-type: message/delivery-status",
        "\n--1762855200-eximdsn-11\nContent-type: application/pdf\n\n%PDF-1.4"
        "\n--1762855200-eximdsn-11\nContent-type: message/delivery-status",
    )

    assert _logit(raw) < _plain_logit(raw)
    assert _logit(raw, OTHERS) == _plain_logit(raw, OTHERS)
    assert _logit(attached) == _plain_logit(attached)


def test_a_bounce_that_mentions_another_message_is_not_known_to_be_ours():
    raw = _sample("bounce/exchange").replace(
        "In-Reply-To: <gate-17@brookvale.org>", "In-Reply-To: <gate-16@brookvale.org>"
    )

    assert "bounce_of_ours" not in _names(raw, OURS)


@pytest.mark.parametrize("name", ["qmail", "exim_old"])
@pytest.mark.parametrize("readings", [None, OTHERS], ids=["unknown", "others"])
def test_a_bounce_of_the_old_form_asks_the_state_nothing(name, readings):
    raw = _sample(f"bounce/{name}")
    lure = raw.replace("permanent error", "https://verify-portal.top/ error")

    assert "bounce_forged" not in _names(raw, readings)
    assert _logit(raw, readings) < TAGGED
    assert _logit(lure, readings) == _plain_logit(lure, readings)


def test_a_bounce_with_two_returned_messages_is_not_known_to_be_ours():
    raw = DRESSED["bounce"].replace("--r1--", RETURNED.format(body="\nHello"))

    assert "bounce_of_ours" in _names(DRESSED["bounce"], OURS)
    assert "bounce_of_ours" not in _names(raw, OURS)


def test_a_returned_message_hides_nothing_of_the_bounce_itself():
    """A returned link to the sender's own domain would make the others look related."""
    body = '\nContent-Type: text/html\n\n<a href="https://account-check.top/">home</a>'
    raw = REPORT + BODY + STATUS + RETURNED.format(body=body.lstrip("\n"))

    assert _logit(raw, OURS) >= _logit(DRESSED["bounce"], OURS) - 0.1


def test_outbound_mail_is_no_bounce_of_ours():
    for readings in (OURS, OTHERS):
        names = _names(_sample("bounce/exchange"), readings, direction="outbound")
        assert not {"bounce_of_ours", "bounce_forged"} & names


# Reports and forwards.


def test_a_complaint_reaches_the_desk_and_tags_nobody_else():
    report = _sample("abuse_report/feedback_loop")

    assert _logit(report) < TAGGED
    assert _logit(report.replace("<abuse@", "<alex.morgan@")) > 10.0


@pytest.mark.parametrize("desk", ["abuse", "postmaster", "spam", "phishing"])
def test_a_user_of_ours_reports_phishing_to_a_desk(desk):
    forwarded = _sample("forward/gmail_german_phishing").replace("robin.hale", desk)
    attached = _sample("forward/attached_phishing").replace("robin.hale", desk)

    for raw in (forwarded, attached):
        assert _logit(raw, {}, direction="outbound", user="alex.morgan@brookvale.org") < TAGGED
        assert _logit(raw, {}, facts=OUR_OWN) < TAGGED


def test_a_forward_to_a_colleague_is_judged_as_what_it_shows():
    forwarded = _sample("forward/gmail_german_phishing")

    assert _logit(forwarded, {}, direction="outbound") == pytest.approx(
        _plain_logit(forwarded, {}, direction="outbound")
    )


def test_a_desk_among_other_recipients_excuses_nothing():
    report = _sample("abuse_report/feedback_loop").replace(
        "To: <abuse@brookvale.org>", "To: <abuse@brookvale.org>, <alex.morgan@brookvale.org>"
    )

    assert _logit(report) > 10.0


def test_a_stranger_who_quotes_phishing_to_a_desk_is_judged_as_what_it_shows():
    raw = _sample("forward/gmail_german_phishing").replace("robin.hale", "abuse")

    assert _logit(raw) == pytest.approx(_plain_logit(raw))


# Lists and invitations.


def test_a_lists_weights_hold_only_where_its_domain_sent_it():
    raw = _sample("list/google_groups").replace("www.riedhof-nursery.com", "riedgarten.top")
    raw = raw.replace("Cider day", "Confirm your account: urgent")
    other = raw.replace("orchard-club+bncBC1@googlegroups.com", "b@riedhof-nursery.com").replace(
        "Sender: orchard-club@googlegroups.com\n", ""
    )

    assert _logit(raw) < _plain_logit(raw)
    assert _logit(other) == _plain_logit(other)


def test_only_an_invitation_to_the_recipient_may_name_the_recipient():
    raw = _sample("invitation/google_request")
    stray = raw.replace("METHOD:REQUEST\n", "")

    assert "recipient_address_as_name" not in _names(raw)
    assert "recipient_address_as_name" in _names(stray)


# What holds for all.


def test_ordinary_mail_has_no_marks():
    found = detect(DETECTORS, _evidence(PHISHING), CONTEXT)

    assert not [finding for finding in found if finding.kind or finding.inside]
    assert STACK.weigh(found, ()).logit / MICRO == _plain_logit(PHISHING)


def test_no_kind_makes_less_of_what_speaks_for_a_message():
    for inside in (True, False):
        finding = Finding("bounce_of_ours", "why", kind="bounce", inside=inside)
        assert STACK.factor(finding) == 1.0


class _Fragile:
    """A detector that breaks where a message has no enclosed one."""

    specs = ()

    def detect(self, evidence, _context, _brands):
        """Break on what is outside."""
        if not evidence.message.nested_messages:
            raise RuntimeError
        return ()


def _judge(raw, *more):
    judge = Judge(CONTEXT, None, shipped_policy(), STACK, "engine", detectors=(*DETECTORS, *more))
    at = datetime(2025, 11, 11, 12, tzinfo=UTC)
    (judged,) = judge.judge([Incoming(Envelope(id="x", received_at=at), raw.encode())])
    return judged


def test_a_verdict_counts_what_the_kind_leaves():
    report = _sample("abuse_report/feedback_loop")

    verdict = _judge(report).verdict

    assert verdict.action == "accept"
    assert verdict.logit == _weigh(report).logit
    assert not [part for part in verdict.degraded if part != "sender" and "model" not in part]


def test_where_the_kind_cannot_be_told_apart_everything_counts_in_full():
    report = _sample("abuse_report/feedback_loop")

    judged = _judge(report, _Fragile())

    assert "kind" in judged.verdict.degraded
    assert judged.verdict.logit == round(_plain_logit(report) * MICRO)


# Who sent it and by which way, what is known of them, and programs: true of a report too.
COUNTS_IN_FULL = {
    *("authentication", "velocity", "novelty", "correspondents", "reputation"),
    *("attachments", "kind", "enclosed", "vouched"),
}


@pytest.mark.parametrize("kind", ["bounce", "abuse_report"])
def test_every_group_that_reads_what_was_written_is_discounted_in_a_returned_message(kind):
    weights = read_weights(shipped_weights_text(), SPECS)
    groups = {spec.group for spec in SPECS.values()}

    assert groups - COUNTS_IN_FULL == set(weights.kinds[kind].groups) - {"learned"}
