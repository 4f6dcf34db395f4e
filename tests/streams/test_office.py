"""A small office gets its usual mail for five weeks; then come the frauds, and what is like them.

Everything is invented, and judged by the real core with the state that the weeks before left.
"""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Client, Envelope, Fact, Incoming
from streams.offline import Offline
from streams.stores.rolling_memory import RollingMemory

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAYS = 35
LATER = START + timedelta(days=DAYS)
ANNA, ROWAN = "anna@brookvale.org", "rowan@brookvale.org"
MONEY = frozenset(
    {"gift_card_errand", "payment_answers_elsewhere", "reply_to_lookalike"}
    | {"stranger_asks_for_money", "forged_thread", "new_domain_lure"}
    | {"correspondent_name", "correspondent_lookalike", "correspondent_unproven"}
)
GIFTS = (
    "Hello Anna, I am in a meeting right now. Please buy some gift cards for our clients,"
    " scratch the back and send me the codes."
)
BANK = (
    "Hello Anna, our bank account is under audit. Please use our new bank details for the open"
    " invoice, and confirm once it is paid today."
)
PAYROLL = (
    "Hello, I have a new bank account. Please update my direct deposit details before the next"
    " payroll."
)
LOCKED = (
    '<p>Your account has been suspended after unusual activity. <a href="https://{}/x">Open</a></p>'
)


def _address(domain):
    return f"198.51.{sum(domain.encode()) % 200}.7"


class Office:
    """Mail in and out of brookvale.org, whose edge proves who writes."""

    def __init__(self):
        context = Context(hash_key=b"k" * 32)
        judge = Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))
        self.mail = Offline(judge, RollingMemory())
        self.number = 0

    def send(self, at, author, to, subject, text="Hello, as agreed.", head=""):
        """One of us writes."""
        return self._judge(at, author, to, subject, text, head, direction="outbound")

    def receive(
        self, at, author, to, subject, text="Hello, as agreed.", head="", *, proven=True, ip=""
    ):
        """Somebody writes to one of us; without proof both SPF and DKIM failed."""
        domain = author.rpartition("@")[2].rstrip(">")
        facts = {"dkim": Fact("pass"), "dkim.domains": Fact(domain)} if proven else {}
        facts |= {"spf": Fact("pass" if proven else "fail")}
        client = Client(ip=ip or _address(domain), helo=f"mx.{domain}")
        return self._judge(at, author, to, subject, text, head, facts=facts, client=client)

    def _judge(self, at, author, to, subject, text, head, **fields):
        self.number += 1
        kind = "html" if "<" in text else "plain"
        raw = (
            f"{head}From: {author}\nTo: {to}\nSubject: {subject}\n"
            f"Message-ID: <{self.number}@brookvale.org>\nContent-Type: text/{kind}\n\n{text}\n"
        )
        sender = author.rpartition("<")[2].rstrip(">")
        recipient = to.rpartition("<")[2].rstrip(">")
        envelope = Envelope(
            id=f"m{self.number}",
            received_at=at,
            mail_from=sender,
            rcpt_to=(recipient,),
            user=sender if fields.get("direction") == "outbound" else None,
            **fields,
        )
        (judged,) = self.mail.judge([Incoming(envelope, raw.encode())])
        assert judged.error is None
        return judged.verdict


def _names(verdict):
    return {signal.name for signal in verdict.signals}


@pytest.fixture(scope="module")
def weeks():
    office = Office()
    for day in range(DAYS):
        at = START + timedelta(days=day)
        vendor = "Kestrel Metals <orders@kestrel-metals.com>"
        office.send(at, ANNA, vendor, f"Order {day}")
        office.receive(at + timedelta(hours=1), vendor, ANNA, f"Re: Order {day}")
        office.send(at, ANNA, f"Rowan Hale <{ROWAN}>", f"Minutes {day}")
        office.receive(at, f"Rowan Hale <{ROWAN}>", ANNA, f"Re: Minutes {day}")
        office.send(at, f"Rowan Hale <{ROWAN}>", "jo@mill-lane.net", f"Plan {day}")
        news = "Lowfield Garden <news@lowfield-garden.org>"
        page = '<p>New seeds: <a href="https://lowfield-garden.org/s">look</a></p>'
        office.receive(at, news, ANNA, f"Seeds {day}", page, "List-Unsubscribe: <https://l.org>\n")
        for customer in ("mill-lane.net", "hartwell-joinery.com", "tarn-boats.org"):
            office.receive(at, f"Jo <jo@{customer}>", ANNA, f"Question {day}")
    office.send(START + timedelta(days=9), ANNA, "Rowan Hale <rowan.hale@ymail.com>", "Your key")
    return office


@pytest.fixture
def office(weeks):
    """The office after those weeks, for one test alone."""
    own = Office()
    own.mail.state, own.number = deepcopy(weeks.mail.state), weeks.number
    return own


FRAUDS = {
    "the chief wants gift cards": (
        {"stranger_asks_for_money", "gift_card_errand", "correspondent_name"},
        {"author": "Rowan Hale <rowan.hale.desk@gmail.com>", "subject": "Errand", "text": GIFTS},
    ),
    "the same without a name that anybody knows": (
        {"stranger_asks_for_money", "gift_card_errand"},
        {"author": "Lee Marsh <lee.marsh.desk@gmail.com>", "subject": "Errand", "text": GIFTS},
    ),
    "the vendor's lookalike changes the bank in a thread that never was": (
        {"stranger_asks_for_money", "correspondent_lookalike"},
        {
            "author": "Kestrel Metals <orders@kestre1-metals.com>",
            "subject": "Re: Order 34",
            "text": BANK,
            "head": "In-Reply-To: <none@brookvale.org>\nReferences: <none@brookvale.org>\n",
        },
    ),
    "the vendor's own name, answers to its lookalike": (
        {"reply_to_lookalike", "payment_answers_elsewhere"},
        {
            "author": "Kestrel Metals <orders@kestrel-metals.com>",
            "subject": "Order 34",
            "text": BANK,
            "head": "Reply-To: <orders@kestre1-metals.com>\n",
            "proven": False,
            "ip": "203.0.113.9",
        },
    ),
    "the vendor's stolen mailbox, answers to a lookalike": (
        {"reply_to_lookalike", "payment_answers_elsewhere"},
        {
            "author": "Kestrel Metals <orders@kestrel-metals.com>",
            "subject": "Re: Order 34",
            "text": BANK,
            "head": "Reply-To: <orders@kestre1-metals.com>\n",
        },
    ),
    "a lookalike of our own domain wants a payment": (
        {"stranger_asks_for_money", "from_lookalike_recipient"},
        {"author": "Accounts <accounts@brookva1e.org>", "subject": "Payment", "text": BANK},
    ),
    "a colleague's salary shall go elsewhere": (
        {"stranger_asks_for_money", "correspondent_name"},
        {"author": "Rowan Hale <r.hale.home@outlook.com>", "subject": "Payroll", "text": PAYROLL},
    ),
    "a lure on two new domains": (
        {"new_domain_lure"},
        {
            "author": "Service <service@quarrybrook.net>",
            "subject": "Account suspended",
            "text": LOCKED.format("stonewick.org"),
        },
    ),
}


@pytest.mark.parametrize(("expected", "message"), FRAUDS.values(), ids=FRAUDS)
def test_a_fraud_is_told_and_never_passes_unmarked(office, expected, message):
    verdict = office.receive(at=LATER, to=ANNA, **message)

    assert expected <= _names(verdict)
    assert verdict.action != "accept", verdict.signals


def test_the_chiefs_name_is_known_to_who_never_wrote_to_the_chief(office):
    who = "Rowan Hale <rowan.hale.desk@gmail.com>"
    verdict = office.receive(LATER, who, "bob@brookvale.org", "Errand", GIFTS)

    (signal,) = [it for it in verdict.signals if it.name == "stranger_asks_for_money"]
    assert "it is named like a colleague of yours" in signal.reason


def test_a_thread_that_never_was_is_told_from_one_of_ours(office):
    author = "Stonewick <desk@stonewick.org>"
    head = "In-Reply-To: <{0}>\nReferences: <{0}>\n"
    ours = office.number + 1
    office.send(LATER - timedelta(hours=9), ANNA, author, "Question")

    true = office.receive(
        LATER, author, ANNA, "Re: Question", head=head.format(f"{ours}@brookvale.org")
    )
    ip = _address("tarn-boats.org")  # a server that is known for weeks
    forged = office.receive(
        LATER,
        "Quarry <q@quarrybrook.net>",
        ANNA,
        "Re: Question",
        BANK,
        head.format("x@y.net"),
        ip=ip,
    )

    alone = Office()  # the same weeks of its mail, without what its users wrote
    for day in range(DAYS):
        customer = "Jo <jo@tarn-boats.org>"
        alone.receive(START + timedelta(days=day), customer, ANNA, f"Question {day}")
    stranger = "Quarry <q@quarrybrook.net>"
    unseen = alone.receive(LATER, stranger, ANNA, "Re: Question", BANK, head.format("x@y"), ip=ip)

    assert "first_contact" in _names(unseen)
    assert "forged_thread" not in _names(unseen)
    assert "answers_our_mail" in _names(true)
    assert "forged_thread" not in _names(true)
    assert "forged_thread" in _names(forged)


HONEST = {
    "the chief's first mail from a private address": {
        "author": "Rowan Hale <rowan@hotmail.com>",
        "subject": "Late",
        "text": "Hello Anna, I come at ten.",
    },
    "a new freelancer's bill": {
        "author": "Robin Vale <robin.vale@gmail.com>",
        "subject": "Bill 1",
        "text": "Hello Anna, here is my bill. Please make a bank transfer within two weeks. Robin",
    },
    "the vendor's next mail": {
        "author": "Kestrel Metals <orders@kestrel-metals.com>",
        "subject": "Re: Order 34",
        "text": BANK,
    },
    "the chief from the private address that Anna wrote to": {
        "author": "Rowan Hale <rowan.hale@ymail.com>",
        "subject": "Gift cards",
        "text": GIFTS,
    },
    "the chief's comment, sent by a service in his name": {
        "author": "Rowan Hale <notifications@github.com>",
        "subject": "[brookvale/site] Colours (#7)",
        "text": '<p>Looks good. <a href="https://github.com/brookvale/site/7">See it</a></p>',
    },
    "a new freelancer": {
        "author": "Robin Vale <robin.vale@gmail.com>",
        "subject": "Drawings",
        "text": "Hello Anna, here is what we talked about on the fair. Best wishes, Robin",
    },
    "a new customer's question": {
        "author": "Sam <sam@stonewick.org>",
        "subject": "Your offer",
        "text": "Could you send me a price?",
    },
    "a new sender's newsletter": {
        "author": "Stonewick <news@stonewick.org>",
        "subject": "Win a prize in our spring raffle",
        "text": '<p>You could win! Claim your gift card. <a href="https://stonewick.org/w">See</a></p>',
        "head": "List-Unsubscribe: <https://stonewick.org/u>\nList-Id: <news.stonewick.org>\n",
    },
    "an answer to mail that was written on a telephone": {
        "author": "Sam <sam@stonewick.org>",
        "subject": "Re: Drawings",
        "text": "Hello Anna, thank you, they came.",
        "head": "In-Reply-To: <7@phone.example>\nReferences: <7@phone.example>\n",
    },
}


@pytest.mark.parametrize("message", HONEST.values(), ids=HONEST)
def test_what_is_honest_and_like_it_passes(office, message):
    verdict = office.receive(at=LATER, to=ANNA, **message)

    assert verdict.action == "accept", verdict.signals


@pytest.mark.parametrize(
    "who", ["the vendor's next mail", "the chief's comment, sent by a service in his name"]
)
def test_whom_we_know_is_not_even_suspected(office, who):
    assert not MONEY & _names(office.receive(at=LATER, to=ANNA, **HONEST[who]))


def test_a_new_installation_says_it_too_but_not_that_the_sender_is_new():
    office = Office()
    who = "Rowan Hale <rowan.hale.desk@gmail.com>"

    verdict = office.receive(START, who, ANNA, "Errand", GIFTS)

    assert "gift_card_errand" in _names(verdict)
    assert not {"first_contact", "new_sender", "forged_thread"} & _names(verdict)


def test_a_busy_sender_is_no_burst_in_a_new_state_and_one_in_an_old_one(office):
    def last(where, start):
        for minute in range(120):
            at = start + timedelta(minutes=minute / 4)
            to = f"user{minute}@brookvale.org"
            verdict = where.receive(
                at, "Bank <mail@stonewick.org>", to, f"Statement {minute}", f"Number {minute}."
            )
        return _names(verdict)

    assert "burst_new_sender" not in last(Office(), START)
    assert "burst_new_sender" in last(office, LATER)
