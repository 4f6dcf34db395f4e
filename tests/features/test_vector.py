import math
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.schema import Feature, digest_of, schema_of
from features.vector import SCHEMA, schema_table

PAGE = Path(__file__).parent.parent.parent / "docs" / "features.md"
ENVELOPE = Envelope(id="1", received_at=datetime(2026, 1, 1, tzinfo=UTC))


def numbers_of(body="Hello", head="", kind="plain"):
    raw = f"From: Erika <erika@example.com>\r\n{head}Content-Type: text/{kind}\r\n\r\n{body}"
    vector = extract(Incoming(ENVELOPE, raw.encode()), Context()).vector
    return dict(zip(SCHEMA.names, vector.tolist(), strict=True))


def test_names_are_unique_and_say_group_and_name():
    assert len(set(SCHEMA.names)) == len(SCHEMA.names)
    assert [n for n in SCHEMA.names if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", n)] == []


def test_every_feature_says_its_unit_and_its_meaning():
    assert [
        feature.name for feature in SCHEMA.features if not (feature.unit and feature.what)
    ] == []


def test_the_documentation_is_the_schema():
    """Written by schema_table(): a feature without its line there doesn't ship."""
    assert schema_table() in PAGE.read_text(encoding="utf-8")


def test_the_digest_depends_on_names_units_and_order():
    one, other = Feature("a.b", "count", "x"), Feature("a.c", "count", "y")
    digests = {
        digest_of(features)
        for features in (
            (one, other),
            (other, one),
            (one,),
            (one, Feature("a.c", "ratio", "y")),
        )
    }

    assert len(digests) == 4
    assert digest_of((one, Feature("a.c", "count", "another explanation"))) == digest_of(
        (one, other)
    )
    assert re.fullmatch(r"[0-9a-f]{12}", SCHEMA.digest)


def test_parts_lie_end_to_end_and_each_has_a_digest_of_its_own():
    message, sender = SCHEMA.parts
    one, other = (Feature("a.b", "count", "x"),), (Feature("c.d", "count", "y"),)

    assert (message.start, message.stop, sender.stop) == (0, sender.start, len(SCHEMA.names))
    assert SCHEMA.names[sender.slice] == tuple(feature.name for feature in sender.features)
    assert len(sender.features) <= 60
    before, after = schema_of(a=(one, 0), b=(other, 0)), schema_of(a=(one, 0), b=(other, 1))
    assert before.part("a") == after.part("a")
    assert before.part("b").digest != after.part("b").digest
    assert before.digest != after.digest
    with pytest.raises(KeyError):
        before.part("c")


def test_the_message_alone_says_nothing_of_its_sender():
    numbers = numbers_of()

    assert all(math.isnan(numbers[feature.name]) for feature in SCHEMA.part("sender").features)


def test_numbers_are_finite_or_missing():
    for kind in ("plain", "html"):
        numbers = numbers_of("<p>Hello <a href='http://192.0.2.1/x'>you</a>", kind=kind)

        assert not any(math.isinf(number) for number in numbers.values())


def test_what_nobody_looked_at_is_missing_and_not_zero():
    numbers = numbers_of()

    missing = [name for name, number in numbers.items() if math.isnan(number)]
    assert [name for name in missing if name.startswith("authentication.")]
    assert [name for name in missing if name.startswith("links.")]


@pytest.mark.parametrize("group", ["authentication", "sender", "ip", "pair"])
def test_who_sent_it_and_which_way_is_marked_as_routing(group):
    """A classifier trained on corpora would learn their servers from these."""
    features = [it for it in SCHEMA.features if it.name.startswith(group + ".")]

    assert features
    assert all(feature.routing for feature in features)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        (
            "Received",
            "Received: from a.example ([198.51.100.1]) by b.example; Thu, 1 Jan 2026 0:0 +0",
        ),
        ("Message-ID", "Message-ID: <1@other.example>"),
        ("Return-Path", "Return-Path: <bounce@other.example>"),
        ("Date", "Date: Wed, 01 Jan 2020 00:00:00 +0000"),
        ("List-Unsubscribe", "List-Unsubscribe: <https://other.example/u>"),
        ("X-Mailer", "X-Mailer: Microsoft Outlook Express 6.00"),
    ],
)
def test_route_and_artefacts_of_corpora_change_routing_features_only(name, head):
    before, after = numbers_of(), numbers_of(head=head + "\r\n")
    routing = {feature.name for feature in SCHEMA.features if feature.routing}

    changed = {
        feature
        for feature in SCHEMA.names
        if not np.array_equal(before[feature], after[feature], equal_nan=True)
    }

    assert changed - routing - {"message.bytes"} == set(), name


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("content.forms", "<p>x", "<form><input></form>"),
        ("content.hidden_chars", "<p>x", "<p hidden>words that nobody sees"),
        ("phrases.credentials", "<p>x", "<p>Verify your account"),
        ("links.count", "<p>x", "<a href=https://example.de/>x</a>"),
        ("links.shortener", "<a href=https://example.de>x</a>", "<a href=https://bit.ly/x>x</a>"),
        ("content.zero_width_in_word", "<p>word", "<p>wo&#8203;rd"),
    ],
)
def test_a_number_rises_with_what_it_counts(name, low, high):
    assert numbers_of(low, kind="html")[name] < numbers_of(high, kind="html")[name]
