"""The sections of weir.toml for the inline hook: its faces, its waits, its look-ups."""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "ApiSection",
    "DnsSection",
    "EmbeddedSection",
    "HookSection",
    "MilterSection",
    "PolicydSection",
]

_PATH = {"path": True}  # a relative path in the file is taken from the file's own folder

Names = tuple[str, ...]


class HookSection(msgspec.Struct, frozen=True, kw_only=True):
    """How long an MTA waits for a verdict, and what holds when none comes (docs/hook.md)."""

    deadline_seconds: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Longest wait for a verdict; then the hook judges by itself, without what "
            "is known of the sender. Less than the MTA's own time limit.",
        ),
    ] = 2.0
    in_flight: Annotated[
        int, Meta(ge=1, le=10_000, description="Most messages that wait for a worker at once.")
    ] = 100
    in_flight_bytes: Annotated[
        int, Meta(ge=1_000_000, description="Most bytes of messages that wait for a worker.")
    ] = 67_108_864
    reply_partition: Annotated[
        int,
        Meta(
            ge=-1,
            description="Partition of the topic of replies that this process reads; -1: any. "
            "Processes may share one, at the cost of reading each other's replies.",
        ),
    ] = -1
    tempfail_percent: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="Share of the messages of five minutes that may be deferred because no "
            "worker answered; what exceeds it is accepted and marked.",
        ),
    ] = 10.0
    tenants: Annotated[
        Names,
        Meta(
            description="Our domains and whose they are, each `domain=tenant`, with all below "
            "it: of recipients, and of our own users outbound. Others are of tenant default."
        ),
    ] = ()
    own_networks: Annotated[
        Names,
        Meta(description="Addresses and networks (CIDR) whose mail is our own: outbound."),
    ] = ()
    verify: Annotated[
        bool,
        Meta(
            description="Whether the hook checks SPF, DKIM, DMARC and ARC itself and asks the "
            "blocklists of `dns.blocklists`."
        ),
    ] = False


class MilterSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where MTAs reach the hook by the milter protocol."""

    listen: Annotated[
        Names,
        Meta(
            description="Addresses, each `unix:PATH` or `inet:HOST:PORT`, then if wanted "
            "`tenant=NAME` and `direction=inbound` or `direction=outbound`, and for a Unix socket "
            "`mode=OCTAL` (660) and `group=NAME`; empty: none."
        ),
    ] = ()
    frame_bytes: Annotated[
        int,
        Meta(
            ge=131_072,
            le=67_108_864,
            description="Largest frame an MTA may send; a larger one closes its connection.",
        ),
    ] = 1_048_576
    header_bytes: Annotated[
        int,
        Meta(
            ge=65_536,
            description="Bytes of a message's header, and of its recipients; more are left out.",
        ),
    ] = 1_048_576
    body_bytes: Annotated[
        int,
        Meta(ge=65_536, description="Bytes of a message's body; what goes beyond is left out."),
    ] = 4_000_000
    connections: Annotated[
        int, Meta(ge=1, le=50_000, description="Most connections at once; others wait.")
    ] = 1_000
    idle_seconds: Annotated[
        float,
        Meta(
            ge=10,
            le=86_400,
            description="A connection that is silent for so long is closed. Longer than the MTA "
            "waits for its clients.",
        ),
    ] = 7_200.0


class ApiSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hook answers HTTP: its own API, rspamd's protocol, health and metrics."""

    listen: Annotated[
        Names,
        Meta(
            description="Addresses, as in `milter.listen`; empty: none. One that others than this "
            "host can reach needs `api.tokens_file`."
        ),
    ] = ("inet:127.0.0.1:8792",)
    tokens_file: Annotated[
        str,
        Meta(
            description="File of the tokens that requests over TCP must carry, each line `NAME "
            "TOKEN [RIGHT...]` (docs/api.md); empty: none, and whoever reaches a port may ask.",
            extra=_PATH,
        ),
    ] = ""
    header_bytes: Annotated[
        int,
        Meta(
            ge=16_384,
            le=16_777_216,
            description="Most bytes of a request that aren't its body; more close its connection.",
        ),
    ] = 262_144
    connections: Annotated[
        int, Meta(ge=1, le=50_000, description="Most connections at once; more are closed.")
    ] = 1_000
    read_seconds: Annotated[
        float,
        Meta(gt=0, le=3600, description="Longest time that a request may take to arrive."),
    ] = 30.0
    idle_seconds: Annotated[
        float,
        Meta(gt=0, le=3600, description="Time after which a connection without request closes."),
    ] = 60.0


class PolicydSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where Postfix asks for limits on outbound mail (its policy protocol)."""

    listen: Annotated[
        Names,
        Meta(description="Addresses, as in `milter.listen`; empty: none."),
    ] = ()
    timeout_seconds: Annotated[
        float,
        Meta(
            ge=0.01,
            le=10,
            description="Longest wait for the counters in Redis; then nothing is limited.",
        ),
    ] = 0.2
    connections: Annotated[
        int, Meta(ge=1, le=100_000, description="Most connections at once; others wait.")
    ] = 1_000
    idle_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=86_400,
            description="A connection that asks nothing for so long is closed; more than "
            "Postfix's smtpd_policy_service_max_idle.",
        ),
    ] = 600.0


class DnsSection(msgspec.Struct, frozen=True, kw_only=True):
    """How the hook looks up facts, where `hook.verify` is true."""

    servers: Annotated[
        Names,
        Meta(
            description="Resolvers, each `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; empty: "
            "the system's."
        ),
    ] = ()
    blocklists: Annotated[
        Names, Meta(description="DNS blocklists (RFC 5782) that are asked of the client's address.")
    ] = ()
    budget_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=30,
            description="Longest wait for all facts of a message; one that is late is missing.",
        ),
    ] = 1.0
    timeout_seconds: Annotated[
        float,
        Meta(
            gt=0,
            le=30,
            description="Longest wait for one answer, with all tries; one that is late for its "
            "message is kept for the next.",
        ),
    ] = 3.0
    kept_answers: Annotated[
        int, Meta(ge=0, le=1_000_000, description="DNS answers kept in memory.")
    ] = 20_000


class EmbeddedSection(msgspec.Struct, frozen=True, kw_only=True):
    """An installation of one process: `weir hook --embedded`, without Kafka and Redis."""

    folder: Annotated[
        str,
        Meta(
            description="Folder of the local log and the state that stand in for Kafka and Redis, "
            "and of the models' snapshots where `models.snapshots` is empty; empty: Kafka and "
            "Redis.",
            extra=_PATH,
        ),
    ] = ""
    log_bytes: Annotated[
        int,
        Meta(
            ge=100_000_000,
            description="Most bytes that the local log holds; beyond them the oldest mail goes "
            "before `topics.messages_hours` say so.",
        ),
    ] = 10_000_000_000
    save_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Pause between two savings of the state; what came since is counted again "
            "from the log after a crash.",
        ),
    ] = 60.0
