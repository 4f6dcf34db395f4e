"""`weir explain` on a real Kafka and Redis: found by id, event, token and Message-ID."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.installation import open_judge
from apps.publishing import open_publisher
from detectors.record import encode
from features.entities import Namer
from features.envelope import Envelope, LogPosition
from features.sender import index_keys
from models.hearing import MessageFacts, Voice
from models.label import Given
from streams.labels.finding import made_at
from streams.policies import keep
from streams.settings import read_keys
from streams.stores.label_state import Heard, LabelChange, LabelRecord
from streams.stores.protocol import Keeping, Query
from streams.stores.redis_store import RedisStore
from streams.tokens import sign_token
from streams.topics import name
from streams.wire import message_record, new_id, read_arrival, read_head, verdict_record

pytestmark = pytest.mark.integration

PHISH = Path(__file__).parents[3] / "examples" / "inbound" / "written-phish-parcel-de.eml"


class Explained:
    """A message on the mail log, its verdict, and what Redis knows of both and of a label."""

    def __init__(self, settings):
        self.settings = settings
        self.id = new_id()
        self.keys = read_keys(Path(settings.privacy.keys_file))
        self.judge = open_judge(settings)
        self.place = asyncio.run(self._judged())
        asyncio.run(self._known())

    async def _judged(self):
        now = datetime.fromtimestamp(made_at(self.id) / 1000, UTC)
        raw, topic = PHISH.read_bytes(), name(self.settings, "messages")
        envelope = Envelope(id=self.id, received_at=now, mail_from="a@example.org")
        record = message_record(topic, envelope, raw, source="/test", now=now)
        async with open_publisher(self.settings) as publisher:
            await publisher.send(record)
            [delivered] = await publisher.flush()
            arrival = read_arrival(
                epoch="e1",
                partition=delivered.partition,
                offset=delivered.offset,
                timestamp_ms=made_at(self.id) + 1,
                key=None,
                value=raw,
                headers=record.headers,
            )
            value = encode(self.judge.judge([arrival.incoming])[0].verdict)
            verdicts = name(self.settings, "verdicts")
            for _ in range(2):  # delivery is at least once
                await publisher.send(
                    verdict_record(
                        verdicts,
                        read_head(value),
                        value,
                        judged_at=now,
                        timings={},
                        worker="w",
                    )
                )
            await publisher.flush()
        return LogPosition("e1", delivered.partition, delivered.offset)

    async def _known(self):
        store = RedisStore(self.settings)
        try:
            await keep(self.judge.policies, "", self.settings.policy, store)
            await store.look_up([Query(self.place, self.id, "key")])
            (key, _) = index_keys(Namer(self.judge.context, "default"), "known@sender.example")
            await store.record([Keeping(self.place, b"{}", key, self.id, "inbound")])
            given = Given(0, "l1", "phish", "analyst", "1:ab", 1_770_000_000.0)
            heard = Heard(Voice(given, 0.5, "all", teaches=True))
            record = LabelRecord(
                self.id, "default", "inbound", 1.0, self.place, (), MessageFacts(), (heard,)
            )
            change = LabelChange(None, LogPosition("l", 0, 0), [record], labels={"l1": self.id})
            assert await store.keep_labels(change)
        finally:
            await store.close()


@pytest.fixture
def explained(topics, settings):
    return Explained(settings)


def test_a_message_is_found_by_each_of_its_names_and_told_with_its_label(explained, run):
    token = sign_token(explained.keys.token_key, explained.id, explained.place)
    names = (explained.id, f"{explained.id}.judged", token, "<known@sender.example>")
    told = []
    for each in names:
        done = run("explain", each, "--json")
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout))
    for story in told:
        assert story["verdict"]["id"] == explained.id
        assert [given["event"] for given in story["given"]] == [f"{explained.id}.judged"]
        assert story["place"] == f"topic {name(explained.settings, 'verdicts')}"
        assert story["replay"]["way"] == "raw"
        assert story["policy"]["in_force"]
        assert story["counterfactual"]["milder"]
        assert [(it["truth"], it["stands"]) for it in story["labels"]] == [("phish", True)]


def test_an_id_without_a_verdict_is_answered_no_by_a_topic_that_is_there(topics, run):
    done = run("explain", new_id())
    assert done.exit_code == 1
    assert "no verdict that is kept" in done.stderr
