from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import orjson
import pytest

from detectors.actions import Override
from detectors.record import decode, encode
from detectors.signals import Signal
from detectors.verdict import Ask, FeatureValues, LogPlace, ModelVersion, Verdict
from features.envelope import Fact

GOLDEN = Path(__file__).parent / "golden" / "verdict.json"
VERDICT = Verdict(
    id="0190f2c0-0000-7000-8000-000000000001",
    delivery_key="00" * 32,
    log=LogPlace("e1", 3, 14),
    tenant="default",
    direction="inbound",
    received_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    from_domain="example.com",
    mail_from_domain="example.org",
    sender="t1:0123456789abcdef0123456789abcdef",
    client_net="192.0.2.0/24",
    rcpt_count=2,
    fingerprint="0123456789abcdef",
    action="quarantine",
    class_="phish",
    score=0.952574,
    logit=3_000_000,
    thresholds={"add_header": 0.5, "quarantine": 0.9, "reject": 0.99},
    bias=-4_000_000,
    signals=(
        Signal(
            "link_text_mismatch",
            "links",
            5_000_000,
            "The link says example.com and leads to example.net",
            {"shown": "example.com", "count": 3, "share": 0.25, "first": True},
        ),
        Signal("learned_classifier", "learned", 2_000_000, "The classifier", {"logit": 4.0}),
    ),
    overrides=(Override("rule:r", "quarantine", "why"),),
    features=FeatureValues("abcdefabcdef", "AADAfwAAwD8="),
    models=(ModelVersion("classifier", "abcdef012345"),),
    policy="0123456789abcdef",
    engine="fedcba9876543210",
    facts={"spf": Fact("pass", "mx", datetime(2026, 1, 1, 11, 59, 59, 5, tzinfo=UTC))},
    shadow=("rule:s", "action:reject"),
    degraded=("model:text",),
    flags=("clock_skew",),
    ask=Ask("", 0.0, asked=False),
)


def test_the_record_is_frozen():
    """Subscribers read these bytes: a change needs a new `schema`, documentation, and this file."""
    assert encode(VERDICT) == GOLDEN.read_bytes().rstrip(b"\n")


def test_a_record_is_read_back_as_it_was():
    assert decode(encode(VERDICT)) == VERDICT
    assert encode(decode(encode(VERDICT))) == encode(VERDICT)


def test_times_are_utc_with_microseconds_and_a_z():
    there = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    record = orjson.loads(encode(msgspec.structs.replace(VERDICT, received_at=there)))
    assert record["received_at"] == "2026-01-01T12:00:00.000000Z"
    assert record["facts"]["spf"]["at"] == "2026-01-01T11:59:59.000005Z"


def test_text_that_is_no_unicode_and_huge_integers_come_out_as_text():
    odd = msgspec.structs.replace(
        VERDICT, from_domain="\udce4.example", flags=("\ud800",), facts={"n": Fact(1 << 70)}
    )
    record = orjson.loads(encode(odd))
    assert record["from_domain"] == "\\udce4.example"
    assert record["flags"] == ["\\ud800"]
    assert record["facts"]["n"]["value"] == str(1 << 70)


def test_what_is_no_record_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"schema": 1}')
