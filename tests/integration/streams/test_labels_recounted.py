"""A Redis that has lost its data gets the counts of labels again, from their topic."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.state.rebuilding import rebuild
from models.label import Target
from streams.label_records import label_record, new_label, retraction
from streams.model_records import Marker, StepRecord, read_model_record
from streams.settings import load, read_keys
from streams.stores.redis_store import RedisStore

pytestmark = pytest.mark.integration

MESSAGES = 6


def handled(offset):
    """Tell of records of the models whether a marker says that the label there is handled."""

    def enough(found):
        read = [read_model_record(record.headers, record.value) for record in found]
        labels = [it.labels for it in read if isinstance(it, Marker) and it.labels]
        return bool(labels) and labels[-1].offset >= offset

    return enough


async def counted(settings):
    """Return what is kept of labelled messages, their entities' counters and reports of labels."""
    store = RedisStore(settings)
    records = {it.message: it async for it in store.labels.every_labelled()}
    entities = {each.label: each.entity for it in records.values() for each in it.touched}
    totals = {}
    for label, entity in entities.items():
        if {"spam", "ham"} <= entity.kind.codes.keys():
            reading = await store.read(entity)
            totals[label] = reading and (reading.total("spam"), reading.total("ham"))
    reports = (await store.label_state(entities=list(entities.values()))).reports
    await store.close()
    return records, totals, reports


def forget_all(installation):
    """Delete all keys of an installation, as a Redis does that loses its data."""
    for key in installation.redis.scan_iter(f"{installation.name}:*"):
        installation.redis.delete(key)


async def test_labels_that_redis_has_lost_are_counted_again_and_learned_once(
    installation, learner, mail
):
    worker = installation.start_worker()
    process = learner(WEIR_LOG__LEVEL="info")
    worker.wait_ready()
    idents = await installation.send([installation.record(mail(n)) for n in range(MESSAGES)])
    await installation.verdicts(idents)
    now, topic = datetime.now(UTC), installation.topic("labels")
    given = [
        new_label(Target(id=ident), truth, source, reporter=f"1:{at:032x}", given_at=now)
        for at, ident in enumerate(idents[:-1])
        for truth, source in (("spam", "report"), ("ham" if at % 2 else "spam", "analyst"))
    ]
    given += [retraction(given[0], now), retraction(given[3], now)]
    records = [label_record(topic, label, source="/test") for label in given]
    await installation.send(records)
    await installation.read("models", handled(len(records) - 1))
    settings = load(installation.config, {"WEIR_REDIS__TIMEOUT_SECONDS": "30"})
    epoch_key = f"{installation.name}:epoch:{installation.topic('messages')}"
    epoch = installation.redis.get(epoch_key)
    wanted = await counted(settings)
    assert len(wanted[0]) == MESSAGES - 1
    assert any(sum(total) > 1 for total in wanted[1].values())
    forget_all(installation)
    # A learner that goes on finds out with its next label.
    last = new_label(Target(id=idents[-1]), "spam", "analyst", given_at=now)
    await installation.send([label_record(topic, last, source="/test")])
    await installation.read("models", handled(len(records)))
    found = await counted(settings)
    assert {ident: found[0][ident] for ident in wanted[0]} == wanted[0]
    assert found[0][idents[-1]].last == len(records)
    assert process.stop() == 0
    forget_all(installation)
    # One that starts finds out before its first, under the epoch that verdicts tell.
    process = learner()
    await asyncio.to_thread(process.wait_ready)
    assert installation.redis.get(epoch_key) == epoch
    assert await counted(settings) == found
    context = settings.context(read_keys(Path(settings.privacy.keys_file)))
    rebuilt = await rebuild(settings, context, lambda *_: None)
    assert (rebuilt.messages, rebuilt.labelled) == (MESSAGES, MESSAGES)
    assert await counted(settings) == found, "a rebuild takes labels from what is kept of them"
    log = await installation.read("models", handled(len(records)))
    read = [read_model_record(record.headers, record.value) for record in log]
    learned = [it.labels.offset for it in read if isinstance(it, StepRecord)]
    assert len(set(learned)) == len(learned), "nothing is learned twice"
    assert process.stop() == 0
    assert worker.stop() == 0
