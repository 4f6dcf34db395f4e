"""The sections of weir.toml: every key with its type, bounds, default and meaning."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.stores.budgets import Budget, budgets

__all__ = [
    "HttpSection",
    "IdentitySection",
    "KafkaSection",
    "LimitsSection",
    "LogSection",
    "ModelsSection",
    "PolicySection",
    "PrivacySection",
    "RedisSection",
    "StateSection",
    "TopicsSection",
    "WorkerSection",
]

_PATH = {"path": True}  # a relative path in the file is taken from the file's own folder
_SECRET = {"secret": True}  # never printed

Names = tuple[str, ...]
Hours = Annotated[float, Meta(gt=0)]


class KafkaSection(msgspec.Struct, frozen=True, kw_only=True):
    """How the brokers are reached, and who the worker is to them."""

    brokers: Annotated[
        Names, Meta(min_length=1, description="Brokers to start from, each `host:port`.")
    ] = ("127.0.0.1:9092",)
    security: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Meta(description="Security protocol of the brokers' listener."),
    ] = "PLAINTEXT"
    ssl_cafile: Annotated[
        str,
        Meta(description="CA certificates (PEM) for TLS; empty: the system's.", extra=_PATH),
    ] = ""
    ssl_certfile: Annotated[
        str, Meta(description="Client certificate (PEM) for mutual TLS.", extra=_PATH)
    ] = ""
    ssl_keyfile: Annotated[
        str, Meta(description="Private key (PEM) of the client certificate.", extra=_PATH)
    ] = ""
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        Meta(description="SASL mechanism, used if `security` starts with SASL."),
    ] = "SCRAM-SHA-512"
    sasl_username: Annotated[str, Meta(description="SASL user name.")] = ""
    sasl_password: Annotated[str, Meta(description="SASL password.", extra=_SECRET)] = ""
    client_id: Annotated[
        str, Meta(min_length=1, description="Client id shown in the brokers' logs and quotas.")
    ] = "weir"
    group: Annotated[str, Meta(min_length=1, description="Consumer group that workers share.")] = (
        "weir"
    )
    group_instance_id: Annotated[
        str,
        Meta(
            description="Static membership: a name of its own for each worker, the same after a "
            "restart, so that restarts don't rebalance the group; empty: dynamic membership."
        ),
    ] = ""
    session_timeout_seconds: Annotated[
        float,
        Meta(ge=1, le=300, description="A worker that is silent for so long loses its partitions."),
    ] = 10.0
    heartbeat_seconds: Annotated[
        float, Meta(gt=0, le=100, description="Pause between a worker's signs of life.")
    ] = 3.0
    request_timeout_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="Wait for a broker's answer; at least the session timeout."),
    ] = 30.0
    fetch_wait_ms: Annotated[
        int,
        Meta(ge=1, le=30_000, description="How long a broker may hold an empty fetch (latency)."),
    ] = 100
    commit_interval_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Pause between commits: what a crash redoes at most.")
    ] = 0.5

    @property
    def learner_group(self) -> str:
        """Return the consumer group of learners."""
        return f"{self.group}-learner"


class TopicsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What `weir topics create` creates, and what the limits of records derive from."""

    prefix: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9._-]{0,100}$", description="What all topic names start with."),
    ] = "mail."
    partitions: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Partitions of messages and verdicts; most workers."),
    ] = 4
    replies_partitions: Annotated[
        int, Meta(ge=1, le=10_000, description="Partitions of replies; about one a hook process.")
    ] = 4
    replication: Annotated[
        int, Meta(ge=1, le=16, description="Copies of each partition; 3 in production.")
    ] = 1
    message_bytes: Annotated[
        int,
        Meta(
            ge=16_384,
            le=100_000_000,
            description="Largest message; publishers truncate beyond it. The limits of topics, "
            "producers and consumers derive from it.",
        ),
    ] = 1_000_000
    messages_hours: Annotated[Hours, Meta(description="Retention of the mail log.")] = 168.0
    verdicts_hours: Annotated[Hours, Meta(description="Retention of verdicts.")] = 336.0
    replies_minutes: Annotated[float, Meta(gt=0, description="Retention of replies.")] = 5.0
    labels_hours: Annotated[Hours, Meta(description="Retention of labels.")] = 2160.0
    models_hours: Annotated[
        Hours, Meta(description="Retention of learning steps; longer than the oldest snapshot.")
    ] = 2160.0
    deadletter_hours: Annotated[Hours, Meta(description="Retention of dead letters.")] = 336.0


class RedisSection(msgspec.Struct, frozen=True, kw_only=True):
    """How Redis (7.0 or newer) is reached."""

    url: Annotated[
        str,
        Meta(
            description="`redis://`, `rediss://` or `unix://` address; empty: the keys below.",
            extra=_SECRET,
        ),
    ] = ""
    host: Annotated[str, Meta(min_length=1, description="Host name or address.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535, description="Port.")] = 6379
    db: Annotated[int, Meta(ge=0, le=65_535, description="Database number.")] = 0
    username: Annotated[str, Meta(description="ACL user; empty: the default user.")] = ""
    password: Annotated[str, Meta(description="Password.", extra=_SECRET)] = ""
    tls: Annotated[bool, Meta(description="Whether to speak TLS.")] = False
    ssl_cafile: Annotated[
        str,
        Meta(description="CA certificates (PEM) for TLS; empty: the system's.", extra=_PATH),
    ] = ""
    ssl_certfile: Annotated[
        str, Meta(description="Client certificate (PEM) for mutual TLS.", extra=_PATH)
    ] = ""
    ssl_keyfile: Annotated[
        str, Meta(description="Private key (PEM) of the client certificate.", extra=_PATH)
    ] = ""
    key_prefix: Annotated[
        str,
        Meta(pattern=r"^[\x21-\x7e]{0,100}$", description="What all of Weir's keys start with."),
    ] = "weir:"
    timeout_seconds: Annotated[
        float, Meta(gt=0, le=60, description="Wait for one round trip before it counts as failed.")
    ] = 0.15
    breaker_failures: Annotated[
        int, Meta(ge=1, le=1000, description="Failures in a row that open the circuit breaker.")
    ] = 3
    breaker_seconds: Annotated[
        float,
        Meta(gt=0, le=600, description="How long the open breaker spares Redis before a probe."),
    ] = 1.0


class StateSection(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of senders in Redis (docs/state.md)."""

    shards: Annotated[
        int,
        Meta(
            ge=1,
            le=4096,
            description="Parts that entities are spread over, fixed when the state is created; a "
            "worker with another number refuses to start.",
        ),
    ] = 64
    entities: Annotated[
        int, Meta(ge=1, description="Most entities of each kind that were seen more than once.")
    ] = 250_000
    sightings: Annotated[
        int, Meta(ge=1, description="Most entities of each kind that were seen once.")
    ] = 500_000
    budgets: Annotated[
        Names,
        Meta(description="Kinds with numbers of their own, each `kind=entities/sightings`."),
    ] = ()
    reports_hours: Annotated[
        Hours,
        Meta(description="How long reports stand on content, links, attachments and senders."),
    ] = 720.0

    def of_kinds(self) -> Mapping[str, Budget]:
        """Return the budget of every kind; raises ValueError for one that can't be read."""
        return budgets(Budget(self.entities, self.sightings), self.budgets)


class WorkerSection(msgspec.Struct, frozen=True, kw_only=True):
    """How much a worker takes at once, and when it gives up."""

    batch_messages: Annotated[int, Meta(ge=1, le=1024, description="Most messages in a batch.")] = (
        64
    )
    batch_bytes: Annotated[
        int, Meta(ge=65_536, le=1_000_000_000, description="Most bytes of mail in a batch.")
    ] = 4_194_304
    buffer_messages: Annotated[
        int, Meta(ge=1, le=65_536, description="Most messages between Faust and the batches.")
    ] = 256
    buffer_bytes: Annotated[
        int,
        Meta(ge=1_000_000, description="Most bytes of mail fetched and not yet acknowledged."),
    ] = 33_554_432
    stall_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="With messages waiting and none acknowledged for so long, the worker "
            "exits, so that its supervisor restarts it.",
        ),
    ] = 60.0
    stop_seconds: Annotated[
        float, Meta(gt=0, description="Longest orderly stop after SIGTERM; then the worker exits.")
    ] = 20.0
    deliver_seconds: Annotated[
        float,
        Meta(gt=0, description="Longest wait for the broker to take a batch's verdicts."),
    ] = 120.0
    records_hours: Annotated[
        Hours, Meta(description="How long verdict records are kept; as long as the mail log.")
    ] = 168.0
    forget_seconds: Annotated[
        float,
        Meta(ge=0, description="Age of a committed offset before its verdict record is deleted."),
    ] = 60.0


class LimitsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what is read of one message; `topics.message_bytes` bounds the whole."""

    headers: Annotated[int, Meta(ge=1, description="Header fields.")] = 1_000
    header_bytes: Annotated[int, Meta(ge=998, description="Bytes of the header.")] = 262_144
    parts: Annotated[int, Meta(ge=1, description="MIME parts.")] = 200
    depth: Annotated[int, Meta(ge=1, le=50, description="Depth of nested MIME parts.")] = 8
    text_bytes: Annotated[int, Meta(ge=1024, description="Bytes of text.")] = 262_144
    html_nodes: Annotated[int, Meta(ge=100, description="Nodes of the HTML tree.")] = 20_000
    links: Annotated[int, Meta(ge=1, description="Links.")] = 500
    tokens: Annotated[int, Meta(ge=1, description="Words and n-grams.")] = 4_000
    attachments: Annotated[int, Meta(ge=1, description="Attachments.")] = 64
    unpacked_bytes: Annotated[
        int, Meta(ge=0, description="Bytes unpacked of the archives of one message.")
    ] = 4_194_304
    opened: Annotated[
        int,
        Meta(
            ge=0,
            le=64,
            description="Attachments opened for what is inside (docs/attachments.md), where "
            "cheaper signals ask for it; 0: none.",
        ),
    ] = 12
    opened_bytes: Annotated[
        int, Meta(ge=0, description="Bytes of the attachments that are opened.")
    ] = 4_194_304


class AttachmentsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The process that opens attachments; which and how many is in `limits`."""

    deadline_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=30_000,
            description="Longest time for the attachments of a message; then their reader is "
            "killed, and the verdict goes out without them. A batch waits five times as long.",
        ),
    ] = 2_000
    memory_mib: Annotated[
        int,
        Meta(ge=64, le=4096, description="Memory that opening may take, in MiB, beyond its start."),
    ] = 256


class IdentitySection(msgspec.Struct, frozen=True, kw_only=True):
    """Whose words about authentication and routing are believed."""

    authserv_ids: Annotated[
        Names, Meta(description="Authentication service identifiers (RFC 8601) that are ours.")
    ] = ()
    upstream_verifies: Annotated[
        bool,
        Meta(
            description="Whether a verifier of ours writes Authentication-Results before Weir, on "
            "every message, and removes foreign ones that bear our identifiers (RFC 8601, 5): what "
            "then bears them is believed. If not, such a header is a forgery."
        ),
    ] = False
    trusted_relays: Annotated[
        Names, Meta(description="Addresses and networks (CIDR) of our own relays.")
    ] = ()
    trusted_sealers: Annotated[
        Names, Meta(description="Domains whose ARC seals (RFC 8617) are believed.")
    ] = ()


class PrivacySection(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets that keep personal addresses out of verdicts."""

    keys_file: Annotated[
        str,
        Meta(
            description="File with hash_key, hash_key_id, token_key and token_salt, made once by "
            "`weir keys create`; others must not be able to read it.",
            extra=_PATH,
        ),
    ] = "keys.toml"


class ModelsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifacts are loaded."""

    classifier: Annotated[
        str,
        Meta(
            description="Folder of the classifier's artifact and manifest; empty: as shipped.",
            extra=_PATH,
        ),
    ] = ""
    snapshots: Annotated[
        str,
        Meta(
            description="Folder of the online models' snapshots, NAME-SEQUENCE.snapshot, of which "
            "a worker loads the one with the highest sequence; empty: no online models.",
            extra=_PATH,
        ),
    ] = ""
    weights: Annotated[
        str,
        Meta(
            description="File of the signals' weights, as `weir weigh --out FILE` writes it, laid "
            "over those shipped; empty: as shipped.",
            extra=_PATH,
        ),
    ] = ""


class PolicySection(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about a verdict."""

    file: Annotated[
        str, Meta(description="The policy file (TOML); empty: as shipped.", extra=_PATH)
    ] = ""
    archive: Annotated[
        str,
        Meta(
            description="Folder that keeps each policy once in force, by digest, beside Redis; "
            "empty: Redis alone.",
            extra=_PATH,
        ),
    ] = ""
    reload_seconds: Annotated[
        float, Meta(gt=0, le=3600, description="Pause between looks at the policy file.")
    ] = 2.0


class HttpSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker answers /livez, /readyz and /metrics."""

    bind: Annotated[
        str,
        Meta(
            pattern=r"^(.+:[0-9]{1,5})?$",
            description="Address and port; port 0 takes a free one; empty: no HTTP.",
        ),
    ] = "127.0.0.1:8790"


class LogSection(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker writes to standard error; never addresses, subjects or bodies."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity written.")
    ] = "info"
    format: Annotated[
        Literal["json", "console"], Meta(description="One JSON object a line, or for people.")
    ] = "json"
