"""One process on a local log: what judges, what learns, and `weir` beside it as people run it."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.hook.embedded.learning import learning, make_folder
from detectors.record import decode
from features.envelope import Client, Envelope
from streams import topics
from streams.delivery import Delivery
from streams.following.running import following
from streams.implicit_labels import implicit_labels
from streams.in_force import InForce
from streams.local_log.producer import LocalProducer
from streams.log_watch import read_epoch
from streams.metrics import Metrics, StageClock
from streams.opening import open_core
from streams.pipeline import Pipeline, Places
from streams.policies import read_policy_of
from streams.settings import load, write_keys
from streams.stores.protocol import Query
from streams.stores.told_store import ToldStore
from streams.wire import message_record, new_id, read_arrival

CONFIG = """
[embedded]
folder = "weir"
[policy]
file = "policy.toml"
archive = "policies"
[learner]
publish_seconds = 0.2
wait_seconds = 1
"""


async def until(holds, seconds=30):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Process:
    """A process of an embedded installation: judges what it is given, and learns beside it."""

    def __init__(self, settings):
        self.settings = settings
        self._opened = AsyncExitStack()
        self._judged = 0

    async def start(self):
        settings = self.settings
        make_folder(settings)
        self.store = ToldStore(settings)
        await topics.create(settings, self.store.set_epoch)
        for name, row in topics.local.topics(settings.embedded.folder).items():
            await self.store.set_epoch(name, row.epoch)
        self.producer = LocalProducer(settings.embedded.folder)
        await self.producer.start()
        self._opened.push_async_callback(self.producer.stop)
        executor = self._opened.enter_context(ThreadPoolExecutor(1))
        metrics = Metrics()
        clock = StageClock(metrics)
        policies, _ = read_policy_of(settings.policy)
        in_force = InForce(open_core(settings, policies, clock), clock)
        roles = ("messages", "verdicts", "replies", "deadletter")
        names = [topics.name(settings, role) for role in roles]

        async def send(record):
            return await self.producer.send(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=record.headers,
            )

        self.pipeline = Pipeline(
            lambda: in_force.judging,
            self.store,
            Delivery(send, 5),
            Places(*names, lambda: 1, topics.name(settings, "labels")),
            metrics,
            executor=executor,
            worker="embedded",
            labels=lambda case: implicit_labels(
                case, in_force.judge.terms_of(case.arrival.incoming).policy
            ),
        )
        self.epoch = await read_epoch(settings, self.store, "messages")
        models = await read_epoch(settings, self.store, "models")
        await self._opened.enter_async_context(
            following(settings, in_force, executor, metrics.registry, models)
        )
        self.learning = await self._opened.enter_async_context(learning(settings, self.store))
        await until(lambda: self.learning.is_ready)
        return self

    async def stop(self, *, saved=True):
        """Stop in order; not `saved`: what is in memory alone is gone, as with a kill."""
        await self._opened.aclose()
        if saved:
            await self.store.close()
        else:
            self.store._told.close()

    async def judge(self, raw, **fields):
        """Take a message in, and return its verdict."""
        now = datetime.now(UTC)
        self._judged += 1
        client = Client(ip=f"198.{self._judged}.2.7")  # of a network of its own
        fields = {"rcpt_to": ("you@example.com",), "client": client, **fields}
        envelope = Envelope(id=new_id(), received_at=now, **fields)
        topic = topics.name(self.settings, "messages")
        record = message_record(topic, envelope, raw, source="/test", now=now)
        place = await self.producer.send_and_wait(
            topic, record.value, key=record.key, headers=record.headers
        )
        arrival = read_arrival(
            epoch=self.epoch,
            partition=place.partition,
            offset=place.offset,
            timestamp_ms=place.timestamp,
            key=record.key,
            value=record.value,
            headers=record.headers,
        )
        await self.pipeline.process([arrival])
        log = arrival.position
        (found,) = await self.store.look_up([Query(log, envelope.id, "")])
        return decode(found.verdict)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "weir.toml").write_text(CONFIG)
    (tmp_path / "policy.toml").write_text("shadow = false\n")
    settings = load(
        tmp_path / "weir.toml", {"WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml")}
    )
    write_keys(tmp_path / "keys.toml")
    return settings


@pytest.fixture
def weir_command(tmp_path, settings):
    """Run `weir` as another process would, and return the lines of its --json."""
    environment = {
        "WEIR_CONFIG": str(tmp_path / "weir.toml"),
        "WEIR_PRIVACY__KEYS_FILE": settings.privacy.keys_file,
    }

    async def run(*arguments, code=0):
        result = await asyncio.to_thread(
            CliRunner().invoke, weir, [*arguments, "--json"], env=environment
        )
        assert result.exit_code == code, result.output
        # The process's own log goes to the same place here, as it is this process's.
        return [json.loads(line) for line in result.stdout.splitlines() if line[0] == "{"]

    return run
