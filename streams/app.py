"""The Faust app: its settings, each with its reason, and our transport."""

import tempfile
from pathlib import Path
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from streams.connection import ssl_context
from streams.settings import Settings
from streams.transport import Committed, Revoked, Transport

__all__ = ["App", "build_app"]


class App(faust.App):
    """A Faust app that needs no folder: state is in Redis, not in tables."""

    def _create_directories(self) -> None:
        pass


def build_app(
    settings: Settings,
    on_commit: Committed = lambda _: None,
    on_revoke: Revoked = lambda _: None,
) -> App:
    """Return the app of a worker; agents are added to it afterwards.

    Raises SettingsError for a certificate file that can't be used.
    """
    kafka = settings.kafka
    app = App(
        kafka.group,
        broker=[f"kafka://{broker}" for broker in kafka.brokers],
        broker_credentials=_credentials(settings),
        broker_client_id=kafka.client_id,
        processing_guarantee="at_least_once",  # exactly-once has open defects (issues 440, 323)
        stream_wait_empty=True,  # a stop or a rebalance waits for what is in hand
        stream_buffer_maxsize=4096,  # smaller: with all partitions paused the fetcher sleeps 1 s
        broker_commit_interval=kafka.commit_interval_seconds,
        broker_max_poll_records=500,  # fairness between partitions
        broker_session_timeout=kafka.session_timeout_seconds,
        broker_heartbeat_interval=kafka.heartbeat_seconds,
        broker_request_timeout=kafka.request_timeout_seconds,
        consumer_group_instance_id=kafka.group_instance_id or None,
        consumer_auto_offset_reset="earliest",  # a new group judges what is there
        consumer_max_fetch_size=max(1_048_576, settings.record_bytes),
        table_standby_replicas=0,  # no tables, so Kafka's own assignor
        topic_disable_leader=True,
        topic_allow_declare=False,  # topics are created by `weir topics create`
        producer_linger=0,  # a batch is flushed as one anyway
        producer_acks=-1,
        producer_max_request_size=settings.dead_letter_bytes,
        producer_request_timeout=15.0,  # a hung broker is seen
        stream_processing_timeout=30.0,  # it only logs
        cython_optimizations=False,
        web_enabled=False,  # streams.health answers instead
        worker_redirect_stdouts=False,
        store="memory://",
        datadir=Path(tempfile.gettempdir()),  # never written to
    )
    app.transport = Transport(
        app.conf.broker,
        app,
        fetch_wait_ms=kafka.fetch_wait_ms,
        buffer_bytes=settings.worker.buffer_bytes,
        on_commit=on_commit,
        on_revoke=on_revoke,
    )
    return app


def _credentials(settings: Settings) -> CredentialsT | None:
    kafka = settings.kafka
    context: Any = None
    if kafka.security.endswith("SSL"):
        context = ssl_context("kafka", kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile)
    if kafka.security.startswith("SASL"):
        return SASLCredentials(  # SASL_SSL with a context, else SASL_PLAINTEXT
            username=kafka.sasl_username,
            password=kafka.sasl_password,
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return SSLCredentials(context) if context is not None else None
