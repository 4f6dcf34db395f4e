"""What is shown to an analyst: what a veto holds back, and trusted labels at odds."""

from apps.labels.disputed import dispute_of
from models.hearing import MessageFacts, hear
from models.label import Given
from models.trust import Trust
from streams.stores.label_state import Heard, LabelRecord


def dispute(*words, sender_ham=0.0):
    voices = []
    for at, (truth, source, who, *back) in enumerate(words):
        given = Given(at, f"{source}{who}", truth, source, who, 60.0 * at, *back)
        voices.append(hear(given, MessageFacts(proven=True), Trust(), sender_ham=sender_ham))
    heard = tuple([Heard(voice) for voice in voices])
    return dispute_of(LabelRecord("m", "t", "inbound", 1.0, None, (), MessageFacts(), heard))


def test_reports_that_a_veto_holds_back_wait_for_an_analyst():
    found = dispute(("spam", "report", "a"), ("phish", "report", "b"), sender_ham=4)
    assert (found.message, found.abuse, found.ham, found.last) == ("m", 2, 0, 60.0)
    assert "4 labels say" in found.why


def test_what_an_analyst_decided_and_what_nobody_disputes_is_not_listed():
    decided = [("spam", "report", "a"), ("ham", "analyst", "c")]
    assert dispute(*decided, sender_ham=4) is None
    assert dispute(("spam", "report", "a")) is None
    assert dispute() is None


def test_analysts_at_odds_are_listed_until_one_takes_it_back():
    odds = [("spam", "analyst", "a"), ("ham", "analyst", "b")]
    assert dispute(*odds).why == "as much speaks for as against"
    assert dispute(*odds, (None, "analyst", "b", "analystb")) is None
