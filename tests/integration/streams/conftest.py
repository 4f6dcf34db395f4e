"""An installation on the session's Kafka and Redis, with worker processes that can be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from features.envelope import Envelope
from streams import topics
from streams.settings import load, write_keys
from streams.stores.redis_store import RedisStore
from streams.wire import message_record, new_id

ROOT = Path(__file__).parents[3]
CONFIG = """
[kafka]
brokers = ["{brokers}"]
group = "{name}"
session_timeout_seconds = 6
heartbeat_seconds = 1
[topics]
prefix = "{name}."
[redis]
url = "{redis_url}"
key_prefix = "{name}:"
breaker_seconds = 0.3
timeout_seconds = 2
[worker]
stop_seconds = 10
[policy]
reload_seconds = 0.2
file = "policy.toml"
archive = "policies"
[http]
bind = "127.0.0.1:0"
"""


class WorkerProcess:
    """A real worker: `python -m streams.worker`, or a script of the tests."""

    def __init__(self, installation, script=None, module="streams.worker", **environ):
        command = [sys.executable, *([str(script)] if script else ["-m", module])]
        self.log = installation.directory / f"worker-{uuid.uuid4().hex[:8]}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(installation.config)],
                stderr=log,
                stdout=log,
                cwd=installation.directory,
                env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            )

    @property
    def pid(self):
        return self.process.pid

    @property
    def events(self):
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def get(self, path):
        port = next((e["port"] for e in self.events if e["event"] == "http_listens"), None)
        if port is None:
            raise urllib.error.URLError("not listening yet")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def wait_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                self.get("/readyz")
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return self
        raise AssertionError(f"not ready within {seconds} s:\n{self.log.read_text()}")

    def metric(self, name):
        found = 0.0
        for line in self.get("/metrics").splitlines():
            if line.startswith((f"{name} ", f"{name}{{")):
                found += float(line.rpartition(" ")[2])
        return found

    def wait_metric(self, name, holds, seconds=30):
        """Wait until a metric's value is as wanted."""
        deadline = time.monotonic() + seconds
        while not holds(self.metric(name)):
            assert time.monotonic() < deadline, f"{name} = {self.metric(name)}"
            time.sleep(0.2)

    def peak_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class Installation:
    """Topics, keys, policy and settings of one test, apart from those of every other."""

    def __init__(self, directory, brokers, redis_url):
        self.directory = directory
        self.name = f"t{uuid.uuid4().hex[:10]}"
        self.config = directory / "weir.toml"
        self.policy = directory / "policy.toml"
        self.policy.write_text("shadow = false\n")
        self.config.write_text(CONFIG.format(brokers=brokers, redis_url=redis_url, name=self.name))
        write_keys(directory / "keys.toml")
        self.settings = load(self.config, {})
        self.redis = redis.Redis.from_url(redis_url)
        self.workers = []

    async def create_topics(self):
        store = RedisStore(self.settings)
        await topics.create(self.settings, store.set_epoch)
        await store.close()

    def topic(self, role):
        return topics.name(self.settings, role)

    def start_worker(self, script=None, **environ):
        worker = WorkerProcess(self, script, **environ)
        self.workers.append(worker)
        return worker

    def stop_all(self):
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()
        self.redis.close()

    def record(self, raw, ident=None, headers=(), **fields):
        now = datetime.now(UTC)
        envelope = Envelope(**{"id": ident or new_id(), "received_at": now, **fields})
        record = message_record(self.topic("messages"), envelope, raw, source="/test", now=now)
        return record._replace(headers=[*record.headers, *headers])

    @asynccontextmanager
    async def producer(self):
        producer = AIOKafkaProducer(
            bootstrap_servers=list(self.settings.kafka.brokers),
            enable_idempotence=True,
            max_request_size=self.settings.dead_letter_bytes,
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def send(self, records, rate=None):
        """Publish records, `rate` a second; return their keys."""
        async with self.producer() as producer:
            futures = []
            for record in records:
                futures.append(
                    await producer.send(
                        record.topic, record.value, key=record.key, headers=record.headers
                    )
                )
                if len(futures) % 32 == 0:
                    await asyncio.gather(*futures[-32:])
                if rate:
                    await asyncio.sleep(1 / rate)
            await asyncio.gather(*futures)
        return [record.key.decode() for record in records]

    async def read(self, role, enough, seconds=60):
        """Read a topic from its start until `enough(records)` says so."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(self.settings.kafka.brokers),
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4_000_000,
        )
        await consumer.start()
        try:
            count = {s.topic.role: s.partitions for s in await topics.describe(self.settings)}[role]
            places = [TopicPartition(self.topic(role), number) for number in range(count)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            found = []
            deadline = time.monotonic() + seconds
            while not enough(found):
                left = deadline - time.monotonic()
                assert left > 0, f"{role}: {len(found)} records within {seconds} s\n" + self.logs()
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def verdicts(self, idents, seconds=60):
        """Read verdicts until each id has one; return them by CloudEvents id, in order."""
        wanted = {ident.encode() for ident in idents}
        records = await self.read(
            "verdicts", lambda found: wanted <= {record.key for record in found}, seconds
        )
        by_event = defaultdict(list)
        for record in records:
            by_event[dict(record.headers)["ce_id"].decode()].append(record)
        return by_event

    def logs(self):
        return "\n".join(worker.log.read_text()[-3000:] for worker in self.workers)


@pytest.fixture
async def installation(stack, tmp_path):
    installation = Installation(tmp_path, stack.brokers, stack.redis_url)
    await installation.create_topics()
    yield installation
    installation.stop_all()


@pytest.fixture(scope="module")
def served(stack, tmp_path_factory):
    """An installation with a worker, for tests that leave both as they found them."""
    installation = Installation(tmp_path_factory.mktemp("served"), stack.brokers, stack.redis_url)
    asyncio.run(installation.create_topics())
    installation.start_worker().wait_ready()
    yield installation
    installation.stop_all()


@pytest.fixture
def learner(installation):
    """Start a learner beside the workers, which publishes as soon as it has learned."""

    def start(script=None, **environ):
        settings = {
            "WEIR_LEARNER__PUBLISH_SECONDS": "0.2",
            "WEIR_MODELS__SNAPSHOTS": str(installation.directory / "snapshots"),
            **environ,
        }
        process = WorkerProcess(installation, script, module="streams.learner", **settings)
        installation.workers.append(process)
        return process

    return start


@pytest.fixture
def same_value():
    """Assert that no CloudEvents id stands for two different values."""

    def check(by_event):
        for event, records in by_event.items():
            assert len({record.value for record in records}) == 1, event

    return check


@pytest.fixture
def mail():
    """Make small messages that differ."""

    def make(number):
        return (
            f"From: Sender {number} <s{number}@example.org>\r\nTo: you@example.com\r\n"
            f"Subject: Message {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
            f"Hello, this is number {number}: https://example.org/{number}\r\n"
        ).encode()

    return make


@pytest.fixture
def refuse(installation):
    """Start a worker that must refuse; return its exit code and its line."""

    def start(**environ):
        done = subprocess.run(
            [sys.executable, "-m", "streams.worker", "--config", str(installation.config)],
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin", **environ},
            cwd=installation.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
        assert len(lines) == 1, done.stderr
        return done.returncode, lines[0]

    return start
