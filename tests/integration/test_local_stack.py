"""The local stack brings up a real Kafka and a real Redis, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from apps.local import ports
from apps.local.errors import StackError
from apps.local.kafka import KafkaServer
from apps.local.redis_server import RedisServer
from apps.local.stack import LocalStack

pytestmark = pytest.mark.integration


async def _create_topic(brokers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _send(brokers: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=brokers, max_request_size=2_000_000)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _first_value(brokers: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return (await consumer.getone()).value
    finally:
        await consumer.stop()


async def test_the_largest_message_with_its_headers_fits_into_a_record(brokers):
    await _create_topic(brokers, "stack.largest")
    value = os.urandom(1_000_000)
    await _send(brokers, "stack.largest", value + b"h" * 100_000)
    assert await _first_value(brokers, "stack.largest") == value + b"h" * 100_000


async def test_kafka_keeps_port_and_data_over_a_restart(stack):
    await _create_topic(stack.brokers, "stack.restart")
    await _send(stack.brokers, "stack.restart", b"before")
    brokers = stack.brokers
    stack.restart_kafka()
    assert stack.brokers == brokers
    assert await _first_value(brokers, "stack.restart") == b"before"


async def test_kafka_does_not_invent_topics(brokers):
    producer = AIOKafkaProducer(bootstrap_servers=brokers, request_timeout_ms=1500)
    await producer.start()
    try:
        with pytest.raises(Exception, match=r"UnknownTopic|Timeout"):
            await producer.send_and_wait("stack.typing-error", b"x")
    finally:
        await producer.stop()


def test_redis_stops_and_comes_back_empty_on_its_port(stack):
    with redis.Redis.from_url(stack.redis_url) as client:
        client.set("stack.key", "value")
        stack.stop_redis()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        stack.start_redis()
        assert client.get("stack.key") is None


def test_a_paused_redis_accepts_connections_and_answers_nothing(stack):
    stack.redis.pause()
    try:
        with (
            redis.Redis.from_url(stack.redis_url, socket_timeout=0.2, retry=None) as client,
            pytest.raises(redis.TimeoutError),
        ):
            client.ping()
    finally:
        stack.redis.resume()
    stack.redis.wait_ready()


def test_a_durable_redis_keeps_its_data(tmp_path):
    server = RedisServer(tmp_path, durable=True)
    for written in (None, b"value"):
        server.start()
        try:
            with redis.Redis.from_url(server.url) as client:
                assert client.get("key") == written
                client.set("key", "value")
        finally:
            server.stop()


def test_a_second_stack_in_the_same_folder_is_refused(stack):
    with pytest.raises(StackError, match="another local stack uses"):
        LocalStack(stack.directory).start()


def test_a_broker_that_cannot_start_says_why_and_is_gone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=wrong\n")
    server = KafkaServer(tmp_path)
    with pytest.raises(StackError, match=r"Kafka ended while starting:\n"):
        server.start()
    with pytest.raises(StackError, match="not running"):
        _ = server.process


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_parent_that_ends(tmp_path, ending):
    script = (
        "import pathlib, sys, time\n"
        "from apps.local.stack import LocalStack\n"
        "with LocalStack(pathlib.Path(sys.argv[1])) as stack:\n"
        "    stack.kafka.pause()\n"
        "    print(stack.kafka.process.pid, stack.redis.process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        servers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(servers) == 2
        assert all(_alive(pid) for pid in servers)
        parent.send_signal(ending)
    deadline = time.monotonic() + 30
    while any(_alive(pid) for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in servers if _alive(pid)] == []


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ports_of_the_stack_are_outside_the_range_of_outgoing_connections(stack):
    port = int(stack.brokers.rpartition(":")[2])
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert port < first
    assert not ports.is_free(port)
