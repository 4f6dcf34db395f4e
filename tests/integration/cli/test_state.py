"""`weir state` and the doctor's look at it, on a real Redis, as a person types them."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from apps.installation import read_context
from features.entity_labels import entity_of
from features.reported import Report
from features.rolling import Increment, counted
from streams.stores.label_state import LabelChange
from streams.stores.protocol import Move
from streams.stores.redis_store import RedisStore

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(environment):
    return {**environment, "WEIR_REDIS__TIMEOUT_SECONDS": "5"}


@pytest.fixture
def seen(settings):
    """Add an increment to an entity, as often as asked; `lost` notes a loss before."""

    def add(label, counter, times=1, *, lost=False):
        entity = entity_of(label, read_context(settings), "default")
        now = datetime.now(UTC).timestamp()
        move = Move(None, now, (Increment(entity, counted(entity.kind, counter)),))

        async def act():
            store = RedisStore(settings)
            if lost:
                store.missed()
            for _ in range(times):
                await store.advance([move])
            await store.close()

        asyncio.run(act())

    return add


def test_an_entity_is_shown_with_its_counts_and_ages(run, seen):
    seen("dkim:example.org", "messages", 3)
    result = run("state", "inspect", "dkim:example.org")
    assert result.exit_code == 0, result.output
    assert "first seen" in result.output
    line = next(line for line in result.output.splitlines() if line.strip().startswith("messages"))
    assert line.split()[1] == "3"
    assert "3.0 (7d)" in line
    rows = [text for text in result.output.splitlines() if "recipients" in text or text == line]
    assert len({len(text[:35].rstrip()) for text in rows}) == 1, "numbers aren't below each other"


def test_an_address_is_typed_in_clear_and_shown_as_its_hash(run, seen):
    seen("pair:anna@our.example,mara@example.org", "sent")
    result = run("state", "inspect", "pair:anna@our.example,mara@example.org", "--json")
    found = json.loads(result.stdout)
    assert found["reading"]["counts"]["sent"]["total"] == 1
    assert "anna" not in found["entity"]
    assert "mara" not in found["entity"]


@pytest.fixture
def reported(settings):
    """Let reports stand on an entity."""

    def add(label, *reports):
        entity = entity_of(label, read_context(settings), "default")

        async def act():
            store = RedisStore(settings)
            await store.keep_labels(LabelChange(None, None, reports={entity: reports}))
            await store.close()

        asyncio.run(act())

    return add


def test_what_people_report_of_an_entity_is_shown_beside_its_counts(run, reported):
    now = datetime.now(UTC).timestamp()
    reported(
        "link:example.org",
        *(Report(f"{n}", bytes([n % 2] * 8), "report", True, 0.5, now - 600 + n) for n in range(3)),
        Report("a", bytes(8), "analyst", False, 1.0, now - 7200),
    )
    result = run("state", "inspect", "link:example.org")
    assert result.exit_code == 0, result.output
    abuse, ham = (
        next(line for line in result.output.splitlines() if text in line)
        for text in ("reported as abuse", "called legitimate")
    )
    assert abuse.split()[3:8] == ["3", "by", "2:", "3", "report;"]
    assert ham.split()[2:7] == ["1", "by", "1:", "1", "analyst;"]
    found = json.loads(run("state", "inspect", "link:example.org", "--json").stdout)
    assert found["reading"] is None
    assert [it["source"] for it in found["reports"]] == ["report", "report", "report", "analyst"]


def test_what_nothing_is_known_of_is_said_so(run):
    result = run("state", "inspect", "ip:192.0.2.1")
    assert result.exit_code == 1
    assert "nothing is known of it" in result.output


def test_what_is_no_entity_is_refused_with_what_is_allowed(run):
    result = run("state", "inspect", "example.org")
    assert result.exit_code == 2
    assert "dkim:" in result.output


def test_usage_counts_entities_beside_their_budgets(run, seen):
    seen("link:example.org", "messages", 2)
    seen("link:example.net", "messages")
    row = json.loads(run("state", "usage", "--json").stdout)["kinds"]["link"]
    assert (row["entities"], row["seen_once"]) == (1, 1)
    assert row["budget"] == 250_000


def test_the_doctor_tells_of_lost_increments_and_what_mends_them(run, seen):
    seen("link:example.org", "messages", lost=True)
    found = [
        f for f in json.loads(run("doctor", "--json").stdout) if f["subject"] == "sender state"
    ]
    assert found[0]["level"] == "warning"
    assert "weir state rebuild" in found[0]["todo"]


def test_the_doctor_refuses_another_number_of_shards(run, seen, environment):
    seen("link:example.org", "messages")
    environment["WEIR_STATE__SHARDS"] = "8"
    result = run("doctor", "--json")
    (found,) = [f for f in json.loads(result.stdout) if f["subject"] == "sender state"]
    assert found["level"] == "fault"
    assert "64" in found["said"]
    assert result.exit_code == 1


def test_a_person_is_forgotten_once(run, seen):
    seen("pair:anna@our.example,mara@example.org", "sent")
    seen("account:anna@our.example", "messages")
    first, second = (run("state", "forget", "anna@our.example") for _ in range(2))
    assert first.exit_code == 0
    assert "2 records deleted" in first.output
    assert second.exit_code == 1
    assert run("state", "forget", "example.org").exit_code == 2


def test_a_rebuild_of_an_empty_log_starts_anew(run, seen):
    assert run("topics", "create").exit_code == 0
    seen("link:example.org", "messages", lost=True)
    result = run("state", "rebuild")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("0 messages counted")
    assert run("state", "inspect", "link:example.org").exit_code == 1
    assert json.loads(run("state", "usage", "--json").stdout)["increments_lost"] is False
