"""A whole embedded decider: the worker's verdicts, a crash, other processes, what it refuses."""

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aiokafka import TopicPartition

from apps.hook.embedded.decider import Embedded
from apps.publishing import open_publisher
from detectors.record import decode, encode
from features.envelope import Client, Envelope, LogPosition
from streams.local_log import administration
from streams.metrics import Metrics, StageClock
from streams.opening import open_core
from streams.pipeline import Pipeline, Places
from streams.policies import read_policy_of
from streams.reader import open_reader
from streams.sandbox.watched import open_sandbox
from streams.settings import SettingsError, load, write_keys
from streams.stores.memory import MemoryStore
from streams.stores.protocol import Keeping, StoreError
from streams.stores.told_store import ToldStore
from streams.topics import TopicError, name, table
from streams.wire import message_record, new_id, read_arrival

LETTER = (
    "From: Ann <ann@sender{n}.example>\nTo: bob@our.example\nSubject: Letter {n}\n"
    "Message-ID: <{n}@sender.example>\nDate: Sun, 01 Mar 2026 12:00:00 +0000\n\n"
    "Hello Bob,\nplease confirm your password at http://login.sender{n}.example/verify {n}\n"
)
HTML = (
    "From: Bank <a@sender1.example>\nTo: bob@our.example\nSubject: Account {n}\n"
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\nContent-Type: text/html\n\n<a href='http://192.0.2.1/x'>https://bank.example</a>\n"
    "--b\nContent-Type: application/pdf; name=bill.pdf\n"
    "Content-Disposition: attachment; filename=bill.pdf\n\n"
    "%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/URI/URI(http://x.example/{n})>>>>endobj\n"
    "trailer<</Root 1 0 R>>\n%%EOF\n--b--\n"
)


ROOT = Path(__file__).parents[4]


@pytest.fixture
def installation(tmp_path):
    """Settings of an installation of its own; a second call gives those of the same."""
    write_keys(tmp_path / "keys.toml")

    def make(**more):
        given = {
            "WEIR_EMBEDDED__FOLDER": str(tmp_path / "weir"),
            "WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml"),
        }
        return load(None, given | {f"WEIR_{key.upper()}": str(it) for key, it in more.items()})

    return make


def letter(number, text=LETTER):
    """Return an envelope and its message, from one of four senders."""
    raw = text.format(n=number % 4).encode() + b"%d\n" % number
    envelope = Envelope(
        id=new_id(),
        received_at=datetime.now(UTC),
        client=Client(ip="192.0.2.7", helo="mx.sender.example"),
        mail_from=f"ann@sender{number % 4}.example",
        rcpt_to=("bob@our.example",),
    )
    return envelope, raw


async def until(holds):
    """Wait until something holds; `holds` is a coroutine function."""
    end = time.monotonic() + 60
    while not await holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def ready(decider):
    async def holds():
        return all(decider.ready.values())

    await until(holds)


async def decide(decider, envelope, raw):
    return await decider(envelope, raw, asyncio.get_running_loop().time() + 30)


async def with_models(decider):
    """Wait until the learner's first snapshot is in force."""

    async def holds():
        return decider._in_force.judge.models is not None

    await until(holds)


async def records(settings, role):
    """Return what the log has of a topic, in order of partition and offset."""
    async with open_reader(settings) as reader:
        places = [TopicPartition(name(settings, role), number) for number in range(4)]
        places = places[: 1 if role in {"labels", "models", "deadletter"} else 4]
        reader.assign(places)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(places)
        found = []
        while any([await reader.position(place) < ends[place] for place in places]):
            for batch in (await reader.getmany(timeout_ms=100)).values():
                found += batch
        return found


async def test_the_same_mail_has_the_workers_verdicts_to_the_byte(installation):
    settings = installation()
    mail = [letter(number, HTML if number % 3 == 2 else LETTER) for number in range(24)]
    mail.append((msgspec.structs.replace(mail[3][0], id=new_id()), mail[3][1]))  # a retry
    async with Embedded(settings) as decider:
        await ready(decider)
        await with_models(decider)
        answers = {}
        for one in mail:  # one by one: what a batch's messages know of each other is their order's
            verdict = await decide(decider, *one)
            answers[verdict.id.encode()] = encode(verdict)
    given = {one.key: one.value for one in await records(settings, "verdicts")}
    assert len(answers) == len(mail)
    assert {decode(value).kind for value in answers.values()} == {"judged"}
    assert all(given[key] == value for key, value in answers.items())
    worker = Worker(settings, "another")
    await worker.judge(await records(settings, "messages"))
    epoch = decode(given[mail[0][0].id.encode()]).log.epoch
    for key, value in given.items():
        assert worker.verdicts[key].replace(b"another", epoch.encode()) == value


class Worker:
    """A worker's pipeline over a memory store, which is given a log's messages in order."""

    def __init__(self, settings, epoch):
        self.settings = settings
        self.epoch = epoch
        self.verdicts = {}
        state = settings.state
        self.store = MemoryStore(shards=state.shards, budgets=state.of_kinds())

    async def judge(self, messages):
        settings, metrics = self.settings, Metrics()
        policies, _ = read_policy_of(settings.policy)
        judge = open_core(settings, policies, StageClock(metrics))
        sandbox = open_sandbox(settings, metrics)
        with ThreadPoolExecutor(1) as executor:
            pipeline = Pipeline(
                lambda: judge,
                self.store,
                self._deliver,
                Places("messages", "verdicts", "replies", "deadletter", lambda: 1),
                metrics,
                executor=executor,
                worker="another",
                sandbox=sandbox,
            )
            for one in sorted(messages, key=lambda one: (one.timestamp, one.key)):
                await pipeline.process([self._read(one)])
        sandbox.close()

    async def _deliver(self, made):
        self.verdicts.update({one.key: one.value for one in made if one.topic == "verdicts"})
        return [None] * len(made)

    def _read(self, one):
        return read_arrival(
            epoch=self.epoch,
            partition=one.partition,
            offset=one.offset,
            timestamp_ms=one.timestamp,
            key=one.key,
            value=one.value,
            headers=one.headers,
        )


CRASH = """
import asyncio, os, signal
from streams.settings import load
from tests.apps.hook.embedded.test_decider import Embedded, decide, letter, ready

async def main():
    async with Embedded(load(None, os.environ)) as decider:
        await ready(decider)
        for number in range(4):
            await decide(decider, *letter(number))
        assert await decider._saving.begin()
        for number in range(4, 10):
            await decide(decider, *letter(number))
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_after_a_kill_all_mail_is_counted_once_and_keeps_its_verdict(installation):
    # One by one, as the reference counts: sums over a batch differ from it in their last bit.
    settings = installation(worker__batch_messages="1")
    environment = {
        "WEIR_EMBEDDED__FOLDER": settings.embedded.folder,
        "WEIR_PRIVACY__KEYS_FILE": settings.privacy.keys_file,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASH, env=os.environ | environment, cwd=ROOT
    )
    assert await child.wait() == -signal.SIGKILL
    before = {one.key: one.value for one in await records(settings, "verdicts")}
    assert len(before) >= 9  # the last one's answer waits for no append
    async with Embedded(settings) as decider:
        await ready(decider)
    verdicts = await records(settings, "verdicts")
    assert len(verdicts) == 10
    assert before.items() <= {one.key: one.value for one in verdicts}.items()
    once = Worker(settings, decode(verdicts[0].value).log.epoch)
    await once.store.record([_kept(one) for one in verdicts])
    await once.judge(await records(settings, "messages"))
    after = ToldStore(settings)
    counted = [sorted(it._state.kept().shelves, key=_place) for it in (after, once.store)]
    await after.close()
    assert [_records(shelf) for shelf in counted[0]] == [_records(shelf) for shelf in counted[1]]
    assert any(_records(shelf) for shelf in counted[0])


def _kept(one):
    log = decode(one.value).log
    return Keeping(LogPosition(log.epoch, log.partition, log.offset), one.value)


def _place(shelf):
    return shelf[:2]


def _records(shelf):
    shard, kind, kept = shelf
    return shard, kind, {key: record for held in kept.all() for key, record in held.items()}


async def test_mail_that_another_process_appends_is_judged_once(installation):
    settings = installation()
    async with Embedded(settings) as decider:
        await ready(decider)
        await _append(settings, letter(1))

        async def is_judged():
            return bool(await records(settings, "verdicts"))

        await until(is_judged)
        await decide(decider, *letter(2))
    assert len(await records(settings, "verdicts")) == 2
    async with Embedded(settings) as decider:
        await ready(decider)
    assert len(await records(settings, "verdicts")) == 2


async def test_mail_that_was_appended_while_nobody_judged_gets_its_verdict(installation):
    settings = installation()
    async with Embedded(settings) as decider:
        await ready(decider)
    waiting = letter(1)
    await _append(settings, waiting)
    async with Embedded(settings) as decider:
        await ready(decider)
    (one,) = await records(settings, "verdicts")
    assert decode(one.value).id == waiting[0].id


async def _append(settings, message):
    async with open_publisher(settings) as publisher:
        await publisher.send(
            message_record(
                name(settings, "messages"), *message, source="/test", now=datetime.now(UTC)
            )
        )


async def test_messages_at_once_are_each_answered_with_their_own_verdict(installation):
    mail = [letter(number) for number in range(60)]
    async with Embedded(installation()) as decider:
        await ready(decider)
        verdicts = await asyncio.gather(*(decide(decider, *one) for one in mail))
    assert [verdict.id for verdict in verdicts] == [envelope.id for envelope, _ in mail]
    assert {verdict.kind for verdict in verdicts} == {"judged"}


async def test_a_log_that_takes_nothing_leaves_mail_to_the_fallback_and_comes_back(installation):
    async with Embedded(installation(worker__deliver_seconds=0.1)) as decider:
        await ready(decider)
        connection = decider._line._producer._log._connection
        connection.execute("PRAGMA query_only = ON")  # as a full disk
        assert (await decide(decider, *letter(1))).kind == "fallback"
        connection.execute("PRAGMA query_only = OFF")

        async def is_back():
            return (await decide(decider, *letter(2))).kind == "judged"

        await until(is_back)


async def test_a_state_that_cannot_be_saved_is_no_failure_and_is_counted_again(installation):
    """As with a full disk; an exit code of wrong settings would keep its supervisor from it."""
    settings = installation()
    async with Embedded(settings) as decider:
        await ready(decider)
        verdict = await decide(decider, *letter(1))
        _block(settings)
    _unblock(settings)
    async with Embedded(settings) as decider:
        await ready(decider)
        assert sum(decider._mail._done.values()) == 1
    (kept,) = await records(settings, "verdicts")
    assert decode(kept.value).id == verdict.id


async def test_until_the_log_is_caught_up_the_fallback_answers_and_its_verdicts_are_kept(
    installation,
):
    """Also where it is told to stop before."""
    settings = installation()
    async with Embedded(settings) as decider:
        assert not decider.ready["replies"]
        verdicts = [await decide(decider, *letter(number)) for number in range(3)]
        assert not decider.ready["replies"]
    assert {verdict.kind for verdict in verdicts} == {"fallback"}
    kept = await records(settings, "verdicts")
    assert {decode(record.value).id for record in kept} == {verdict.id for verdict in verdicts}


async def test_a_second_hook_on_a_folder_is_refused_in_one_line(installation):
    settings = installation()
    async with Embedded(settings):
        with pytest.raises(SettingsError, match="allowed: one hook to a folder") as caught:
            await Embedded(settings).__aenter__()
    assert str(caught.value).startswith(f"embedded.folder = {settings.embedded.folder!r}: the hook")
    assert str(os.getpid()) in str(caught.value)
    async with Embedded(settings):
        pass


@pytest.mark.parametrize(
    ("file", "error", "says"),
    [
        ("log.sqlite", TopicError, "file is not a database"),
        ("state", StoreError, "state file .* begins with"),
    ],
)
async def test_a_file_that_is_none_of_ours_is_refused_in_one_line(installation, file, error, says):
    settings = installation()
    _spoil(Path(settings.embedded.folder), file)
    with pytest.raises(error, match=says) as caught:
        await Embedded(settings).__aenter__()
    assert "\n" not in str(caught.value)


async def test_a_state_of_another_log_is_refused_in_one_line(installation):
    settings = installation()
    async with Embedded(settings) as decider:
        await ready(decider)
        await decide(decider, *letter(1))
        epoch = decode((await records(settings, "verdicts"))[0].value).log.epoch
    _replace_log(settings, epoch)
    with pytest.raises(TopicError, match="it is another log under the same name"):
        await Embedded(settings).__aenter__()


def _block(settings):
    Path(settings.embedded.folder, "state").mkdir()  # no file takes the place of a folder


def _unblock(settings):
    Path(settings.embedded.folder, "state").rmdir()


def _spoil(folder, file):
    folder.mkdir()
    (folder / file).write_bytes(b"something else entirely\n" * 100)


def _replace_log(settings, epoch):
    """Put an empty log in a log's place that says it is the same one."""
    for path in Path(settings.embedded.folder).glob("log.sqlite*"):
        path.unlink()
    rows = [
        administration.TopicRow(topic.name, topic.partitions, 3_600_000, 2_000_000, epoch)
        for topic in table(settings)
    ]
    administration.create(settings.embedded.folder, rows)
