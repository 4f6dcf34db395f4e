"""A worker from start to stop, on the real Kafka and Redis."""

import json
from pathlib import Path

import msgspec
import pytest

from detectors.verdict import Verdict
from streams import topics
from streams.settings import load
from streams.stores.protocol import StoreError
from streams.topics import TopicError

pytestmark = pytest.mark.integration

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.eml"))


async def test_real_mail_becomes_verdicts_with_replies_and_a_clean_stop(installation):
    worker = installation.start_worker().wait_ready()
    records = [installation.record(path.read_bytes()) for path in EXAMPLES]
    wanted = [("weir-request-id", b"r1"), ("weir-reply-partition", b"3")]
    asked = installation.record(EXAMPLES[0].read_bytes(), headers=wanted)
    idents = await installation.send([*records, asked])
    by_event = await installation.verdicts(idents)
    assert sorted(by_event) == sorted(f"{ident}.judged" for ident in idents)
    for (record,) in by_event.values():
        verdict = msgspec.json.decode(record.value, type=Verdict)
        assert not verdict.degraded
        assert verdict.logit == verdict.bias + sum(s.contribution for s in verdict.signals)
        headers = dict(record.headers)
        assert headers["ce_type"] == b"weir.verdict.judged"
        assert json.loads(headers["weir-timings"]).keys() >= {"wait", "state", "conclude"}
    (reply,) = await installation.read("replies", lambda found: found)
    assert reply.partition == 3
    assert reply.value == by_event[f"{idents[-1]}.judged"][0].value
    assert worker.metric("weir_messages_total") == len(idents)
    assert json.loads(worker.get("/readyz"))["ready"]
    assert worker.stop() == 0
    text = worker.log.read_text()
    assert "@" not in text, "an address in the log"


async def test_a_changed_policy_is_in_force_with_the_next_batch_and_kept(installation, mail):
    worker = installation.start_worker().wait_ready()
    (before,) = await installation.send([installation.record(mail(1))])
    by_event = await installation.verdicts([before])
    installation.policy.write_text("shadow = false\n[[deny]]\n")
    while not worker.metric("weir_policy_reloads_total"):
        pass
    installation.policy.write_text("shadow = true\n")
    while worker.metric("weir_policy_reloads_total") < 2:
        pass
    (after,) = await installation.send([installation.record(mail(2))])
    by_event |= await installation.verdicts([after])
    digests = [
        msgspec.json.decode(by_event[f"{ident}.judged"][0].value, type=Verdict).policy
        for ident in (before, after)
    ]
    assert len(set(digests)) == 2
    for digest in digests:
        assert installation.redis.get(f"{installation.name}:policy:{digest}")
        assert (installation.directory / "policies" / f"{digest}.json").exists()


async def test_records_are_deleted_once_their_offset_was_committed_for_a_while(installation, mail):
    installation.redis.delete(f"{installation.name}:epoch:{installation.topic('messages')}")
    worker = installation.start_worker(WEIR_WORKER__FORGET_SECONDS="0.5").wait_ready()
    assert "epoch_was_missing" in {event["event"] for event in worker.events}
    idents = await installation.send([installation.record(mail(n)) for n in range(50)])
    await installation.verdicts(idents)
    pattern = f"{installation.name}:verdict:*"
    while installation.redis.keys(pattern):
        assert worker.process.poll() is None
    assert worker.metric("weir_verdicts_total") == 50


async def test_topics_are_created_as_promised_and_checked(installation):
    for state in await topics.describe(installation.settings):
        assert state.differences == []
        key = f"{installation.name}:epoch:{state.topic.name}"
        assert len(installation.redis.get(key)) == 8
    assert await topics.create(installation.settings, None) == []
    small = msgspec.structs.replace(
        installation.settings,
        topics=msgspec.structs.replace(installation.settings.topics, message_bytes=2_000_000),
    )
    with pytest.raises(TopicError, match=r"max\.message\.bytes = 1131072"):
        await topics.check(small)


async def test_a_topic_whose_epoch_can_not_be_kept_is_not_left_behind(installation):
    """With the old epoch, records of the topic before it would answer its messages."""
    settings = load(installation.config, {"WEIR_TOPICS__PREFIX": f"{installation.name}.again."})
    kept = []

    async def away(*_):
        raise StoreError("away")

    async def keep(topic, _):
        kept.append(topic)

    with pytest.raises(StoreError):
        await topics.create(settings, away)
    assert await topics.create(settings, keep) == kept
    assert len(kept) == 6
