"""What was said of messages, folded as the log has it."""

from datetime import UTC, datetime

import pytest

from apps.models.labelled_traffic import Labels
from models.label import Place, Target
from streams.label_records import new_label, retraction

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def labels():
    return Labels({"analyst", "trap", "report"}, "default")


def label(of, truth, source="analyst", reporter="", tenant="default"):
    target = of if isinstance(of, Target) else Target(id=of)
    return new_label(target, truth, source, reporter=reporter, tenant=tenant, given_at=NOW)


def test_an_analyst_outweighs_a_report_whoever_speaks_last(labels):
    labels.take(label("a", "ham"))
    labels.take(label("a", "spam", "report", "r"))

    assert labels.truths() == {"a": "ham"}


def test_of_one_source_the_last_word_counts(labels):
    labels.take(label("a", "spam", "report", "one"))
    labels.take(label("a", "ham", "report", "two"))

    assert labels.truths() == {"a": "ham"}


def test_what_was_retracted_was_never_said(labels):
    labels.take(label("a", "spam"))
    labels.take(retraction(label("a", "spam"), NOW))

    assert labels.truths() == {}


def test_other_sources_other_tenants_and_unwanted_are_left_out(labels):
    labels.take(label("a", "ham", "reply"))
    labels.take(label("b", "spam", tenant="other"))
    labels.take(label("c", "unwanted", "report", "r"))

    assert labels.truths() == {}


def test_a_place_and_a_token_name_their_message_and_bare_mail_does_not(labels):
    labels.take(label(Target(position=Place("e", 2, 9)), "spam"))
    labels.take(label(Target(rfc5322_message_id="x@y"), "spam"))
    labels.take(label(Target(raw=b"Subject: x\n\n"), "ham"))

    assert labels.truths() == {"e:2:9": "spam"}
    assert labels.unresolved == 2
