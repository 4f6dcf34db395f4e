"""Broken mail and records: a verdict each, and the worker goes on."""

import base64
import random
from pathlib import Path

import msgspec
import pytest

from detectors.verdict import Verdict
from streams.wire import Record

pytestmark = pytest.mark.integration

POISONED = Path(__file__).parent / "poisoned_worker.py"
LIMIT = 1_000_000
BEYOND_UTC = b'{"id":"late","received_at":"9999-12-31T23:59:59-12:00"}'
NASTY = [
    b"",
    b"\n",
    b"\x00" * 5000,
    b"\xff\xfe" * 5000,
    b"no header at all",
    b"From: \xff\xfe <a@\xe9.example>\n\n\x80",
    b"From: a@b.example\nFrom: c@d.example\n\nx",
    b"Subject: =?utf-8?b?////?= =?x-unknown?q?=ff?=\n\n",
    b"X: y\n" * 50_000 + b"\n",
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5000,
    b"Content-Type: multipart/mixed; boundary=" + b"b" * 90_000 + b"\n\n",
    b"Content-Type: message/rfc822\n\n" * 2000,
    b"Content-Type: text/html; charset=utf-7\n\n" + b"<div>" * 100_000,
    b"Content-Type: text/html\n\n<a href='" + b"http://x" * 60_000 + b"'>",
    b"Content-Transfer-Encoding: base64\n\n" + b"=" * 100_000,
    b"Received: " * 20_000,
    b"From: " + b"(" * 100_000 + b"\n\n",
    b"Content-Type: application/zip\n\nPK\x03\x04" + b"\x00" * 1000,
]


async def test_broken_mail_and_records_get_a_verdict_each(installation):
    worker = installation.start_worker().wait_ready()
    rng = random.Random(1)
    raws = NASTY + [rng.randbytes(rng.randrange(4000)) for _ in range(300)]
    records = [installation.record(raw) for raw in raws]
    topic = installation.topic("messages")
    bare = [
        Record(topic, None, b"From: a@b.example\n\nx", []),
        Record(topic, b"k", b"x", [("weir-envelope", b"\xff{")]),
        Record(topic, b"k", b"x", [("weir-envelope", b"[" * 50_000)]),
        Record(topic, b"k", b"x", [("weir-envelope", b'{"x":' + b"[" * 9000 + b"]" * 9000 + b"}")]),
        Record(topic, b"k", b"x", [("weir-envelope", BEYOND_UTC)]),
        Record(topic, b"k", b"x", [("weir-request-id", b"\n"), ("weir-reply-partition", b"99")]),
        Record(topic, b"k", b"x", [("weir-request-id", b"r"), ("weir-reply-partition", b"99")]),
        Record(topic, b"", b"", [("", b"")]),
    ]
    async with installation.producer() as producer:
        for r in bare:
            await producer.send_and_wait(r.topic, r.value, key=r.key, headers=r.headers)
        await producer.send_and_wait(topic, None, key=b"tombstone")
    await installation.send(records)
    wanted = len(records) + len(bare) + 1
    found = await installation.read("verdicts", lambda found: len(found) >= wanted)
    verdicts = [msgspec.json.decode(record.value, type=Verdict) for record in found]
    assert len({verdict.id for verdict in verdicts}) == wanted
    assert not [verdict for verdict in verdicts if "pipeline" in verdict.degraded]
    assert worker.metric("weir_dead_letters_total") == 0
    assert worker.process.poll() is None


async def test_two_thousand_messages_at_the_size_limit_stay_within_memory(installation):
    """Most are attachments, as in life; some are text or HTML from end to end."""
    worker = installation.start_worker().wait_ready()
    attachment = b"Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n"
    attachment += base64.encodebytes(random.Random(1).randbytes(760_000))
    text = b"From: a@b.example\n\n" + b"Read this at https://example.org/a?b=c now.\n" * 25_000
    html = (
        b"Content-Type: text/html\n\n" + b"<p>Hi <a href='https://a.example/1'>x</a></p>\n" * 25_000
    )
    kinds = [attachment[:LIMIT]] * 17 + [text[:LIMIT]] * 2 + [html[:LIMIT]]
    sent = 0
    async with installation.producer() as producer:
        futures = []
        for number in range(2000):
            record = installation.record(kinds[number % len(kinds)], ident=f"m{number}")
            futures.append(
                await producer.send(
                    record.topic, record.value, key=record.key, headers=record.headers
                )
            )
            if len(futures) == 16:
                for future in futures:
                    await future
                sent += len(futures)
                futures.clear()
    idents = [f"m{number}" for number in range(2000)]
    by_event = await installation.verdicts(idents, seconds=120)
    assert sent == len(by_event) == 2000
    assert worker.peak_bytes() < 800_000_000


async def test_a_record_that_breaks_the_pipeline_is_a_dead_letter_with_its_place(
    installation, mail, tmp_path
):
    """By a worker of the tests whose core fails on it; requeued once mended, it is a revision."""
    cure = tmp_path / "cured"
    worker = installation.start_worker(POISONED, POISON_CURE=str(cure)).wait_ready()
    poison = installation.record(b"From: a@b.example\n\nPOISON\n", ident="poison")
    others = [installation.record(mail(number)) for number in range(40)]
    idents = await installation.send([*others[:20], poison, *others[20:]])
    by_event = await installation.verdicts(idents)
    verdict = msgspec.json.decode(by_event["poison.judged"][0].value, type=Verdict)
    assert verdict.degraded == ("pipeline",)
    assert verdict.logit is None
    (letter,) = await installation.read("deadletter", lambda found: found)
    headers = dict(letter.headers)
    place = (int(headers["weir-partition"]), int(headers["weir-offset"]))
    assert place == (verdict.log.partition, verdict.log.offset)
    assert headers["weir-topic"].decode() == installation.topic("messages")
    assert b"RuntimeError" in headers["weir-error"]
    assert (letter.key, letter.value) == (poison.key, poison.value)
    assert worker.metric("weir_dead_letters_total") == 1

    cure.touch()
    again = Record(
        poison.topic, letter.key, letter.value, [*letter.headers, ("weir-requeued", b"1")]
    )
    await installation.send([again])
    found = await installation.read("verdicts", lambda found: len(found) == len(idents) + 1)
    by_id = {dict(record.headers)["ce_id"]: record.value for record in found}
    revised = msgspec.json.decode(by_id[b"poison.revised.1"], type=Verdict)
    assert (revised.kind, revised.degraded) == ("revised", ())
