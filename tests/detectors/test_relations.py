"""Who counts as a stranger to a message's sender, and who doesn't."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.catalogue import DETECTORS
from detectors.relations import relate
from features.context import Context
from features.envelope import Envelope, Fact, Incoming
from features.evidence import extract
from features.history import known

AT = datetime(2025, 11, 11, 10, tzinfo=UTC)


def _relate(
    sender,
    *links,
    header="",
    to="a.reader@brookvale.org",
    facts=None,
    subject="Hello",
    history=None,
):
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    raw = (
        f"{header}From: {sender}\nTo: {to}\nSubject: {subject}\n"
        f"Content-Type: text/html\n\n<p>Hello</p>{anchors}\n"
    )
    envelope = Envelope(id="x", received_at=AT, facts=facts or {})
    context = Context()
    evidence = extract(Incoming(envelope, raw.encode()), context)
    return relate(evidence.with_history(known(history or {})), context)


KESTREL = "Kestrel Metals <orders@kestrel-metals.com>"


@pytest.mark.parametrize(
    ("link", "stranger"),
    [
        ("https://lowfield-garden.org/", True),
        ("https://shop.kestrel-metals.com/", False),
        ("https://kestrelmetals.shop/", False),
        ("https://intranet.brookvale.org/", False),
        ("https://u1.ct.sendgrid.net/ls/click", False),
    ],
)
def test_links_home_to_the_reader_or_through_a_mail_service_are_no_strangers(link, stranger):
    assert _relate(KESTREL, link).stranger == stranger


@pytest.mark.parametrize(
    ("link", "stranger"),
    [
        ("https://paypal-help-center.com/", True),
        ("https://www.paypal.com/", False),
        ("https://kestrelmetals.shop/", False),
    ],
)
def test_a_borrowed_brands_name_makes_no_link_related_but_the_brands_own(link, stranger):
    """Else a lookalike link would vouch for the false name above it."""
    assert _relate("PayPal <orders@kestrel-metals.com>", link).stranger == stranger


@pytest.mark.parametrize(
    ("quote", "conversation"), [("", False), ("<p>On Monday Alex wrote:</p>", True)]
)
def test_an_answer_that_lures_and_leads_elsewhere_quotes_what_it_answers(quote, conversation):
    """Three header fields cost a phisher nothing."""
    raw = (
        f"In-Reply-To: <1@brookvale.org>\nFrom: {KESTREL}\nTo: a.reader@brookvale.org\n"
        "Subject: Re: Storage\nContent-Type: text/html\n\n<p>Your account has been suspended."
        f'</p><a href="https://lowfield-garden.org/v">Sign in</a>{quote}\n'
    )
    context = Context()
    evidence = extract(Incoming(Envelope(id="x", received_at=AT), raw.encode()), context)

    assert relate(evidence, context).conversation == conversation


def test_one_link_home_is_enough():
    parties = _relate(KESTREL, "https://lowfield-garden.org/", "https://kestrel-metals.com/")

    assert not parties.foreign


def test_a_brands_sister_domains_are_its_own():
    assert not _relate("X <info@x.com>", "https://twitter.com/i/status").foreign


def test_a_free_mailbox_is_not_its_provider():
    """Anyone can be google.security@gmail.com."""
    assert _relate("Google Security <google.security@gmail.com>").strange_claims
    assert not _relate("Google <no-reply@accounts.google.com>").strange_claims


def test_a_bounce_address_of_the_brand_counts_unless_spf_says_otherwise():
    header = "Return-Path: <bounce@dhl.com>\n"
    sender = "DHL <info@kestrel-metals.com>"

    assert not _relate(sender, header=header).strange_claims
    assert _relate(sender, header=header, facts={"spf": Fact("fail")}).strange_claims


def test_a_signature_of_the_brand_proves_its_agency():
    facts = {"dkim": Fact("pass"), "dkim.domains": Fact("dhl.com")}

    assert not _relate("DHL <info@kestrel-metals.com>", facts=facts).strange_claims


def test_a_brands_proven_mail_may_link_anywhere():
    facts = {"dkim": Fact("pass"), "dkim.domains": Fact("dhl.com")}
    link = "https://lowfield-garden.org/"

    assert _relate("DHL <info@dhl.com>", link).stranger
    assert not _relate("DHL <info@dhl.com>", link, facts=facts).stranger


LOWFIELD = "https://lowfield-garden.org/"


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("In-Reply-To: <1@x>\n", "Re: Hello"),
        ("In-Reply-To: <1@x>\n", "[team] Antwort: Hello"),
        ("In-Reply-To: <1@x>\nReferences: <0@y> <1@x>\n", "RE[2]: Hello"),
        ("In-Reply-To: Your note of Monday <1@x>\n", "Sv: Hello"),
    ],
)
def test_conversations_link_anywhere(header, subject):
    assert not _relate(KESTREL, LOWFIELD, header=header, subject=subject).stranger


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("In-Reply-To: <1@x>\n", "Hello"),
        ("In-Reply-To: anything\n", "Re: Hello"),
        ("In-Reply-To: <@x>\n", "Re: Hello"),
        ("In-Reply-To: <1@mail.kestrel-metals.com>\n", "Re: Hello"),
        ("In-Reply-To: <1@x>\nReferences: <2@y>\n", "Re: Hello"),
        ("In-Reply-To: <1@x>\nReferences: <@bounce>\n", "Re: Hello"),
        ("List-Post: <mailto:l@kestrel-metals.com>\n", "Hello"),
    ],
)
def test_a_header_that_no_answer_would_have_buys_no_exemption(header, subject):
    assert _relate(KESTREL, LOWFIELD, header=header, subject=subject).stranger


def test_two_users_of_one_free_mail_provider_may_answer_each_other():
    header = "In-Reply-To: <1@mail.gmail.com>\n"
    sender = "Mara Lindt <mara.lindt@gmail.com>"
    assert not _relate(sender, LOWFIELD, header=header, subject="Re: Hello").stranger


@pytest.mark.parametrize(
    ("history", "stranger"),
    [
        ({"thread.answers": 0, "pair.known": 0}, True),
        ({"thread.answers": 0}, True),
        ({"thread.answers": 1, "pair.known": 0}, False),
        ({"thread.answers": 0, "pair.known": 1}, False),
    ],
)
def test_what_we_know_of_a_thread_counts_for_more_than_how_it_looks(history, stranger):
    header = "In-Reply-To: <1@x>\n"
    found = _relate(KESTREL, LOWFIELD, header=header, subject="Re: Hello", history=history)
    assert (found.stranger, found.bulk) == (stranger, not stranger)


NASTY = st.sampled_from(
    [
        "From: ", "Reply-To: ", "To: ", "Subject: ", "Return-Path: ", "Content-Type: text/html",
        "PayPal", "<a@b", "@", "<", ">", ",_<", "xn--", "xn--pypal-4ve.com", "\u202e", "\ud83d",
        "=?utf-8?B?", "?=", "\n", "\n\n", "<a href='http://", "http://0x7f.1/", "a.b.c.d.e",
        "'>x</a>", "<form><input type=password>", "\0", "D.H.L", "paypa1", "bit.ly", "%%%", "[",
    ]
)  # fmt: skip


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.lists(st.one_of(NASTY, st.text(max_size=8)), max_size=60))
def test_no_message_breaks_a_detector(pieces):
    raw = "".join(pieces).encode("utf-8", "surrogatepass")
    context = Context(authserv_ids=frozenset({"mx"}))
    evidence = extract(Incoming(Envelope(id="x", received_at=AT), raw), context)

    for detector in DETECTORS:
        for finding in detector.detect(evidence, context):
            assert 0 < finding.strength <= 1
            assert len(finding.reason) <= 300
