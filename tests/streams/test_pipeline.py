import json

import msgspec
import pytest

from detectors.judging import Judged
from detectors.record import decode, encode
from detectors.verdict import Verdict
from features.delivery import delivery_key
from features.envelope import LogPosition
from streams.delivery import DeliveryError
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, StoreError
from streams.wire import read_head

POISON = b"From: a@b.example\n\nPOISON\n"


class Poisoned:
    """The real core, but a message that says POISON breaks the whole batch, as a bug might."""

    def __init__(self, judge, *, preparing=False):
        self._judge = judge
        self._preparing = preparing
        self.batches = []

    def prepare(self, batch):
        if self._preparing:
            self._break_on([message.raw for message in batch])
        return self._judge.prepare(batch)

    def conclude(self, prepared, histories):
        if not self._preparing:
            self._break_on([one.incoming.raw for one in prepared])
        return self._judge.conclude(prepared, histories)

    def _break_on(self, raws):
        self.batches.append(len(raws))
        if any(b"POISON" in raw for raw in raws):
            raise RuntimeError("poison: secret@example.org")

    def degraded(self, incoming, *missing):
        return self._judge.degraded(incoming, *missing)


class AwayStore(MemoryStore):
    """A store in memory that is away for some of its methods."""

    def __init__(self, *away):
        super().__init__()
        self.away = set(away)

    async def look_up(self, queries):
        if "look_up" in self.away:
            raise StoreError("away")
        return await super().look_up(queries)

    async def advance(self, moves):
        if "advance" in self.away:
            raise StoreError("away")
        return await super().advance(moves)

    async def record(self, kept, outcomes=()):
        if "record" in self.away:
            raise StoreError("away")
        return await super().record(kept, outcomes)


def envelope(**fields):
    return ("weir-envelope", json.dumps({"received_at": "2026-03-01T11:00:00Z", **fields}).encode())


def verdicts(broker):
    return [msgspec.json.decode(record.value, type=Verdict) for record in broker.of("verdicts")]


def sample(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_every_message_of_a_batch_gets_its_verdict_in_order(build, broker, arrive):
    await build().process([arrive(offset=n, headers=[envelope(id=f"m{n}")]) for n in range(5)])
    found = verdicts(broker)
    assert [verdict.id for verdict in found] == [f"m{n}" for n in range(5)]
    assert [verdict.log.offset for verdict in found] == list(range(5))
    assert {verdict.kind for verdict in found} == {"judged"}
    assert broker.of("verdicts")[0].key == b"m0"
    timings = json.loads(dict(broker.of("verdicts")[0].headers)["weir-timings"])
    assert set(timings) == {"wait", "look_up", "prepare", "state", "conclude", "record"}


async def test_the_bytes_on_the_topic_are_those_of_the_record(build, broker, arrive):
    """One encoder: what `weir check --json` prints is what a worker publishes."""
    await build().process([arrive(headers=[envelope(id="m")])])

    value = broker.of("verdicts")[0].value
    assert value == encode(decode(value))
    assert b'"received_at":"2026-03-01T11:00:00.000000Z"' in value


async def test_the_key_of_the_delivery_is_that_of_message_sender_and_recipients(
    build, broker, arrive
):
    """It is worked out once, for the look-up, and handed on to the verdict."""
    sent = arrive(headers=[envelope(id="m", mail_from="a@b.example", rcpt_to=["c@d.example"])])

    await build().process([sent])

    expected = delivery_key(sent.incoming.raw, "a@b.example", ["c@d.example"])
    assert verdicts(broker)[0].delivery_key == expected


async def test_a_redelivered_message_is_answered_with_the_recorded_bytes(
    build, broker, arrive, judge, metrics
):
    """Even by a worker whose core would now say something else."""
    recorded = []
    pipeline = build(recorded=recorded.append)
    await pipeline.process([arrive()])
    first = broker.of("verdicts")[0].value

    class Other(Poisoned):
        def conclude(self, prepared, histories):
            raise AssertionError(f"judged {len(prepared)} again, by {len(histories)} histories")

    await build(Other(judge)).process([arrive()])
    assert broker.of("verdicts")[1].value == first
    assert recorded == [LogPosition("e", 0, 0)]
    assert sample(metrics, "weir_redelivered_total") == 1


async def test_when_two_workers_judge_the_same_message_the_first_record_wins(
    build, broker, arrive, store
):
    class Rival(MemoryStore):
        async def look_up(self, queries):
            found = await super().look_up(queries)
            other = judged.replace(b'"flags":[', b'"flags":["rival",', 1)
            await super().record([Keeping(queries[0].position, other)])
            return found

    await build().process([arrive()])
    judged = broker.of("verdicts")[0].value
    broker.records.clear()
    await build(store=Rival()).process([arrive()])
    assert "rival" in verdicts(broker)[0].flags


async def test_the_same_id_at_another_offset_is_a_flagged_revision(build, broker, arrive, metrics):
    header = [envelope(id="same")]
    await build().process([arrive(offset=0, headers=header), arrive(offset=1, headers=header)])
    await build().process([arrive(offset=2, headers=header)])
    found = verdicts(broker)
    assert [(v.kind, v.revision) for v in found] == [
        ("judged", 0),
        ("revised", 1),
        ("revised", 2),
    ]
    assert ["duplicate" in v.flags for v in found] == [False, True, True]
    assert dict(broker.of("verdicts")[2].headers)["ce_id"] == b"same.revised.2"
    assert sample(metrics, "weir_duplicates_total") == 2


async def test_a_requeued_dead_letter_is_a_revision_even_if_the_store_forgot(build, broker, arrive):
    headers = [envelope(id="m"), ("weir-requeued", b"messages:0:1")]
    await build().process([arrive(headers=headers)])
    verdict = verdicts(broker)[0]
    assert (verdict.kind, verdict.revision) == ("revised", 1)
    assert "requeued" in verdict.flags


@pytest.mark.parametrize("away", [("look_up", "record"), ("look_up",), ("record",)])
async def test_without_the_store_verdicts_still_come_and_say_so(build, broker, arrive, away):
    await build(store=AwayStore(*away)).process([arrive(), arrive(offset=1)])
    assert [verdict.degraded.count("store") for verdict in verdicts(broker)] == [1, 1]


@pytest.mark.parametrize("preparing", [False, True])
async def test_a_message_that_breaks_the_core_goes_to_the_dead_letters_alone(
    build, broker, arrive, judge, metrics, preparing
):
    """The others of its batch are judged; it gets a degraded verdict; nothing blocks."""
    poisoned = Poisoned(judge, preparing=preparing)
    batch = [
        arrive(offset=0, headers=[envelope(id="a")]),
        arrive(POISON, offset=1, headers=[envelope(id="b"), ("x", b"1")]),
        arrive(offset=2, headers=[envelope(id="c")]),
    ]
    await build(poisoned).process(batch)
    assert [verdict.degraded.count("pipeline") for verdict in verdicts(broker)] == [0, 1, 0]
    assert poisoned.batches == [3, 1, 1, 1]
    (letter,) = broker.of("deadletter")
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (b"k", POISON)
    assert headers["weir-topic"] == b"messages"
    assert (headers["weir-partition"], headers["weir-offset"]) == (b"0", b"1")
    assert headers["weir-error"].startswith(b"judge: RuntimeError: poison")
    assert headers["x"] == b"1"
    assert sample(metrics, "weir_dead_letters_total") == 1


async def test_a_redelivered_dead_letter_is_sent_again(build, broker, arrive, judge):
    """A crash between record and delivery may have lost it."""
    await build(Poisoned(judge)).process([arrive(POISON)])
    broker.records.clear()
    await build().process([arrive(POISON)])
    assert len(broker.of("deadletter")) == len(broker.of("verdicts")) == 1


async def test_a_dead_letter_without_an_id_keeps_the_one_it_was_given(build, broker, arrive, judge):
    await build(Poisoned(judge)).process([arrive(POISON, offset=1)])
    (letter,) = broker.of("deadletter")
    again = arrive(letter.value, offset=9, headers=letter.headers)
    assert again.incoming.envelope.id == verdicts(broker)[0].id


async def test_logs_do_not_quote_what_an_error_says(build, arrive, judge, capsys):
    await build(Poisoned(judge)).process([arrive(POISON)])
    printed = capsys.readouterr()
    assert "RuntimeError" in printed.out + printed.err
    assert "secret@example.org" not in printed.out + printed.err


async def test_a_judge_that_answers_too_few_is_asked_one_by_one(build, broker, arrive, judge):
    class Short(Poisoned):
        def conclude(self, prepared, histories):
            return super().conclude(prepared, histories)[:1]

    await build(Short(judge)).process([arrive(offset=n) for n in range(3)])
    assert len(broker.of("verdicts")) == 3
    assert not broker.of("deadletter")


async def test_a_verdict_that_can_not_be_encoded_is_a_dead_letter(build, broker, arrive, judge):
    class Unencodable(Poisoned):
        def conclude(self, prepared, histories):
            replace = msgspec.structs.replace
            return [
                Judged(replace(outcome.verdict, policy=object()), outcome.evidence)
                for outcome in super().conclude(prepared, histories)
            ]

    await build(Unencodable(judge)).process([arrive()])
    assert verdicts(broker)[0].degraded == ("pipeline",)
    assert len(broker.of("deadletter")) == 1


async def test_a_verdict_the_broker_refuses_is_given_up_with_a_dead_letter(
    build, broker, arrive, metrics
):
    """Its place is taken by a degraded verdict; the rest of the batch goes on."""
    judged_fully = [envelope(id="a")], [envelope(id="b")]
    broker.refuse = lambda record: (
        "MessageSizeTooLargeError: 1"
        if record.topic == "verdicts"
        and read_head(record.value).id == "b"
        and b'"logit":null' not in record.value
        else None
    )
    await build().process([arrive(offset=n, headers=h) for n, h in enumerate(judged_fully)])
    assert {verdict.id for verdict in verdicts(broker)} == {"a", "b"}
    assert [v.degraded for v in verdicts(broker) if v.id == "b"] == [("pipeline",)]
    assert len(broker.of("deadletter")) == 1


def refuse_size(limit):
    def refuse(record):
        if record.topic == "verdicts" and len(record.value) > limit:
            return "MessageSizeTooLargeError: 1"
        return None

    return refuse


async def test_a_verdict_too_large_for_its_facts_is_given_up_without_them(build, broker, arrive):
    facts = {"spf": {"value": "x" * 50_000}}
    broker.refuse = refuse_size(20_000)
    await build().process([arrive(headers=[envelope(id="m", facts=facts)])])
    (verdict,) = verdicts(broker)
    assert (verdict.id, verdict.degraded, verdict.facts) == ("m", ("pipeline",), {})
    assert len(broker.of("deadletter")) == 1


async def test_a_broker_that_refuses_every_verdict_acks_nothing(build, broker, arrive):
    """A right that was taken away isn't about the message: it would be acked without a verdict."""
    broker.refuse = lambda record: (
        "TopicAuthorizationFailedError: 29" if record.topic == "verdicts" else None
    )
    with pytest.raises(DeliveryError, match="TopicAuthorizationFailedError"):
        await build().process([arrive(), arrive(offset=1)])
    assert not broker.of("deadletter")


async def test_what_is_given_up_keeps_its_revision(build, broker, arrive):
    """The event id `m.judged` stands for the first place's verdict."""
    await build().process([arrive(offset=1, headers=[envelope(id="m")])])
    broker.refuse = refuse_size(900)
    await build().process([arrive(offset=2, headers=[envelope(id="m")])])
    kept = [(verdict.kind, verdict.revision) for verdict in verdicts(broker)]
    assert kept == [("judged", 0), ("revised", 1)]
    assert verdicts(broker)[1].degraded == ("pipeline",)


async def test_what_can_not_be_encoded_keeps_its_revision(build, broker, arrive, judge):
    class Unencodable(Poisoned):
        def conclude(self, prepared, histories):
            replace = msgspec.structs.replace
            return [
                Judged(replace(outcome.verdict, policy=object()), outcome.evidence)
                for outcome in super().conclude(prepared, histories)
            ]

    await build().process([arrive(offset=1, headers=[envelope(id="m")])])
    await build(Unencodable(judge)).process([arrive(offset=2, headers=[envelope(id="m")])])
    assert [(v.kind, v.revision) for v in verdicts(broker)] == [("judged", 0), ("revised", 1)]


async def test_a_giving_up_that_the_store_fails_goes_on(build, broker, arrive):
    broker.refuse = refuse_size(900)
    await build(store=AwayStore("look_up")).process([arrive()])
    assert [verdict.degraded for verdict in verdicts(broker)] == [("pipeline",)]


@pytest.mark.parametrize("recorded", [b'{"id":"other","kind":"judged","revision":0}', b"\xff"])
async def test_a_record_of_another_message_answers_none(build, broker, arrive, store, recorded):
    """A topic made anew by Kafka's own tools has the old epoch, and old places."""
    arrival = arrive(headers=[envelope(id="m")])
    await store.record([Keeping(arrival.position, recorded)])
    await build().process([arrival])
    (verdict,) = verdicts(broker)
    assert (verdict.id, "pipeline" in verdict.degraded) == ("m", False)
    assert not broker.of("deadletter")


async def test_who_waits_gets_the_same_bytes_on_the_asked_partition(build, broker, arrive, metrics):
    wanted = [("weir-request-id", b"r1"), ("weir-reply-partition", b"1")]
    await build().process([arrive(headers=[envelope(id="m"), *wanted]), arrive(offset=1)])
    (reply,) = broker.of("replies")
    assert reply.value == broker.of("verdicts")[0].value
    assert (reply.key, reply.partition) == (b"r1", 1)
    assert sample(metrics, "weir_replies_total", outcome="sent") == 1


@pytest.mark.parametrize(
    ("partition", "outcome"), [(b"2", "invalid_partition"), (b"x", "malformed")]
)
async def test_a_reply_partition_that_is_not_there_means_no_reply(
    build, broker, arrive, metrics, partition, outcome
):
    headers = [("weir-request-id", b"r1"), ("weir-reply-partition", partition)]
    await build().process([arrive(headers=headers)])
    assert not broker.of("replies")
    assert len(broker.of("verdicts")) == 1
    assert sample(metrics, "weir_replies_total", outcome=outcome) == 1


async def test_large_batches_are_hashed_off_the_event_loop_all_the_same(build, broker, arrive):
    big = b"From: a@b.example\n\n" + b"x" * 300_000
    await build().process([arrive(big), arrive(b"", offset=1)])
    assert len(broker.of("verdicts")) == 2


async def test_metrics_tell_what_was_judged(build, arrive, metrics):
    await build().process([arrive(), arrive(offset=1)])
    assert sample(metrics, "weir_messages_total") == 2
    assert sample(metrics, "weir_batch_messages_sum") == 2
    assert sample(metrics, "weir_latency_seconds_count") == 2
    for stage in ("look_up", "prepare", "state", "conclude", "record", "deliver"):
        assert sample(metrics, "weir_stage_seconds_count", stage=stage) == 1
    text = metrics.exposition().decode()
    assert 'kind="judged"} 2.0' in text
