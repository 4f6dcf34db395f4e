"""Kafka and Redis together, up when the block is entered and gone when it is left."""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

from apps.local.errors import StackError
from apps.local.kafka import KafkaServer
from apps.local.redis_server import RedisServer
from apps.local.started import Started

KAFKA_PORT = 9092
REDIS_PORT = 6379


class LocalStack(Started):
    """A real Kafka and a real Redis as processes of this machine.

    Nothing stays behind: not after Ctrl-C, not after a failure, not when this process is killed.

    Args:
        directory: Where all data and logs are; one stack at a time.
        durable: Keep Redis's data over restarts (Kafka always keeps its own).
        usual_ports: Take 9092 and 6379 when they are free, else any free port.
        quick: Trade Kafka's throughput for a fast start (not for benchmarks).
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = False,
        usual_ports: bool = False,
        quick: bool = True,
    ) -> None:
        self.directory = directory
        self.kafka = KafkaServer(
            directory / "kafka", port=KAFKA_PORT if usual_ports else None, quick=quick
        )
        self.redis = RedisServer(
            directory / "redis", port=REDIS_PORT if usual_ports else None, durable=durable
        )
        self._cleanup = ExitStack()

    @property
    def brokers(self) -> str:
        """Kafka's bootstrap address."""
        return self.kafka.brokers

    @property
    def redis_url(self) -> str:
        """Redis's address."""
        return self.redis.url

    def restart_kafka(self) -> None:
        """Stop Kafka and start it again, with the same port and data."""
        self.kafka.stop()
        self.kafka.start()

    def stop_redis(self) -> None:
        """Stop Redis."""
        self.redis.stop()

    def start_redis(self) -> None:
        """Start Redis again on the same port, empty unless it is durable."""
        self.redis.start()

    def start(self) -> None:
        """Bring both up.

        Raises:
            StackError: something is missing, doesn't start, or another stack uses the folder.
        """
        with ExitStack() as cleanup:
            self._lock(cleanup)
            self._forget_old_logs()
            cleanup.callback(self.redis.stop)
            self.redis.start()
            cleanup.callback(self.kafka.stop)
            self.kafka.start()
            self._cleanup = cleanup.pop_all()

    def stop(self) -> None:
        """Bring both down; do nothing for what isn't running."""
        self._cleanup.close()

    def _forget_old_logs(self) -> None:
        for log in ("kafka/kafka.log", "redis/redis.log"):
            (self.directory / log).unlink(missing_ok=True)

    def _lock(self, cleanup: ExitStack) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        cleanup.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"another local stack uses {self.directory}: stop it first "
                "(Ctrl-C where `weir up` runs)"
            ) from None
