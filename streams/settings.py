"""Settings: weir.toml and the environment, checked key by key; where each value came from."""

import ipaddress
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import inspect

from detectors.nearest import meant
from features.context import Context, Limits
from streams.archive_section import ArchiveSection, inconsistent_archive
from streams.dns_servers import inconsistent_dns
from streams.hook_sections import (
    ApiSection,
    DnsSection,
    EmbeddedSection,
    HookSection,
    MilterSection,
    PolicydSection,
)
from streams.keys import Keys, KeysError, read_keys, write_keys
from streams.learner_section import LearnerSection
from streams.sections import (
    AttachmentsSection,
    HttpSection,
    IdentitySection,
    KafkaSection,
    LimitsSection,
    LogSection,
    ModelsSection,
    PolicySection,
    PrivacySection,
    RedisSection,
    StateSection,
    TopicsSection,
    WorkerSection,
)

__all__ = [
    "Key",
    "Keys",
    "KeysError",
    "Settings",
    "SettingsError",
    "catalogue",
    "housed",
    "in_force",
    "load",
    "read_keys",
    "write_keys",
]

ENVIRONMENT = "WEIR_"
_HEADER_ROOM = 131_072  # headers of a message record: the envelope with its recipients and facts
_DEAD_LETTER_ROOM = 16_384  # what a dead letter's own headers add


class SettingsError(ValueError):
    """A setting can't be used: one line with the key, what was given and what is allowed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings in force. `origins` says of each `section.key` that isn't a default whence."""

    kafka: KafkaSection = KafkaSection()
    topics: TopicsSection = TopicsSection()
    redis: RedisSection = RedisSection()
    state: StateSection = StateSection()
    worker: WorkerSection = WorkerSection()
    limits: LimitsSection = LimitsSection()
    attachments: AttachmentsSection = AttachmentsSection()
    identity: IdentitySection = IdentitySection()
    privacy: PrivacySection = PrivacySection()
    models: ModelsSection = ModelsSection()
    learner: LearnerSection = LearnerSection()
    policy: PolicySection = PolicySection()
    hook: HookSection = HookSection()
    milter: MilterSection = MilterSection()
    api: ApiSection = ApiSection()
    policyd: PolicydSection = PolicydSection()
    dns: DnsSection = DnsSection()
    embedded: EmbeddedSection = EmbeddedSection()
    archive: ArchiveSection = ArchiveSection()
    http: HttpSection = HttpSection()
    log: LogSection = LogSection()
    origins: dict[str, str] = {}

    @property
    def record_bytes(self) -> int:
        """Largest record of the topics, in bytes: a message with its headers."""
        return self.topics.message_bytes + _HEADER_ROOM

    @property
    def dead_letter_bytes(self) -> int:
        """Largest dead letter, in bytes; also what producers may send."""
        return self.record_bytes + _DEAD_LETTER_ROOM

    def context(self, keys: Keys) -> Context:
        """Return what the core must be told about this installation."""
        return Context(
            limits=Limits(
                message_bytes=self.topics.message_bytes, **msgspec.structs.asdict(self.limits)
            ),
            authserv_ids=frozenset(name.lower() for name in self.identity.authserv_ids),
            upstream_verifies=self.identity.upstream_verifies,
            trusted_relays=tuple(
                ipaddress.ip_network(net, strict=False) for net in self.identity.trusted_relays
            ),
            trusted_sealers=frozenset(name.lower() for name in self.identity.trusted_sealers),
            hash_key=keys.hash_key,
            hash_key_id=keys.hash_key_id,
            token_salt=keys.token_salt,
        )


class Key(NamedTuple):
    """A key as documented: `allowed` in words, `description` one sentence."""

    section: str
    name: str
    type: Any
    default: Any
    allowed: str
    description: str
    path: bool
    secret: bool

    @property
    def dotted(self) -> str:
        """The key as `section.name`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets the key."""
        return f"{ENVIRONMENT}{self.section}__{self.name}".upper()


def catalogue() -> dict[str, Key]:
    """Return every key by its dotted name, in the order of the documentation."""
    return dict(_CATALOGUE)


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read settings: defaults, then the file, then the environment.

    Without a path, the file that WEIR_CONFIG names, else weir.toml in the working directory if
    there is one. Raises SettingsError, one line, for a file that can't be read, an unknown key
    or a value that isn't allowed.
    """
    given: dict[str, tuple[Any, str]] = {}
    if path is None and environ.get("WEIR_CONFIG"):
        path = Path(environ["WEIR_CONFIG"])
    if path is None and Path("weir.toml").exists():
        path = Path("weir.toml")
    if path is not None:
        given.update(_from_file(path))
    given.update(_from_environment(environ))
    values: dict[str, dict[str, Any]] = {section: {} for section in _SECTIONS}
    for key in _CATALOGUE.values():
        if key.path and key.default and path is not None:
            values[key.section][key.name] = str(path.parent / key.default)
    for dotted, (value, origin) in given.items():
        key = _CATALOGUE[dotted]
        values[key.section][key.name] = _convert(key, value, origin)
    origins = {dotted: origin for dotted, (_, origin) in given.items()}
    settings = msgspec.convert({**values, "origins": origins}, Settings)
    for complaint in _inconsistent(settings):
        raise SettingsError(complaint)
    return housed(settings)


def housed(settings: Settings) -> Settings:
    """Return the settings with the snapshots in the folder of an embedded installation.

    Unless they have another: what is learned has to be kept somewhere.
    """
    if not settings.embedded.folder or settings.models.snapshots:
        return settings
    snapshots = str(Path(settings.embedded.folder) / "snapshots")
    models = msgspec.structs.replace(settings.models, snapshots=snapshots)
    return msgspec.structs.replace(settings, models=models)


def in_force(settings: Settings) -> list[tuple[str, str, str]]:
    """Return (key, value, origin) of every setting as text, secrets masked."""
    rows = []
    for key in _CATALOGUE.values():
        value = getattr(getattr(settings, key.section), key.name)
        rows.append((key.dotted, _shown(key, value), settings.origins.get(key.dotted, "default")))
    return rows


def _from_file(path: Path) -> Iterator[tuple[str, tuple[Any, str]]]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {str(path)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {str(path)!r} is not TOML: {error}") from None
    for section, table in content.items():
        if section not in _SECTIONS:
            hint = _nearest(section, _SECTIONS)
            raise SettingsError(f"{path}: unknown section [{section}]; {hint}")
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {section} = {table!r}; it must be a section [{section}]")
        for name, value in table.items():
            dotted = f"{section}.{name}"
            if dotted not in _CATALOGUE:
                hint = _nearest(dotted, _CATALOGUE)
                raise SettingsError(f"{path}: unknown key {dotted}; {hint}")
            is_path = _CATALOGUE[dotted].path and isinstance(value, str) and "://" not in value
            if is_path and value:
                value = str(path.parent / value)  # noqa: PLW2901 - an absolute path stays as it is
            yield dotted, (value, str(path))


def _from_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    variables = {key.variable: key.dotted for key in _CATALOGUE.values()}
    sections = tuple(f"{ENVIRONMENT}{section.upper()}_" for section in _SECTIONS)
    for variable, value in environ.items():
        if variable in variables:
            yield variables[variable], (value, variable)
        elif variable.startswith(sections) or (
            variable.startswith(ENVIRONMENT) and "__" in variable
        ):
            hint = _nearest(variable, variables)
            raise SettingsError(f"unknown environment variable {variable}; {hint}")


def _nearest(given: str, known: Mapping[str, Any]) -> str:
    section = given.partition(".")[0]
    names = [name for name in known if name.startswith(f"{section}.")] or list(known)
    return meant(given, known, f"allowed: {', '.join(names)}")


def _convert(key: Key, value: Any, origin: str) -> Any:
    from_environment = origin.startswith(ENVIRONMENT)
    is_list = (
        key.type == tuple[str, ...] or getattr(key.type, "__origin__", None) == (tuple[str, ...])
    )
    if is_list and isinstance(value, str):
        value = [item.strip() for item in value.split(",") if item.strip()]
    try:
        return msgspec.convert(value, key.type, strict=not from_environment)
    except msgspec.ValidationError:
        shown = "***" if key.secret else repr(value)
        raise SettingsError(f"{key.dotted} = {shown} ({origin}); allowed: {key.allowed}") from None


def _inconsistent(settings: Settings) -> Iterator[str]:
    yield from _inconsistent_kafka(settings.kafka)
    if settings.worker.batch_bytes < settings.topics.message_bytes:
        yield (
            f"worker.batch_bytes = {settings.worker.batch_bytes}; allowed: at least "
            f"topics.message_bytes ({settings.topics.message_bytes})"
        )
    yield from _inconsistent_redis(settings.redis)
    yield from inconsistent_dns(settings.dns)
    yield from inconsistent_archive(settings.archive)
    try:
        settings.state.of_kinds()
    except ValueError as error:
        yield f"state.budgets = {error}"
    for network in settings.identity.trusted_relays:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield f"identity.trusted_relays = {network!r}; allowed: addresses and networks (CIDR)"


def _inconsistent_redis(redis: RedisSection) -> Iterator[str]:
    scheme = urlsplit(redis.url).scheme
    if redis.url and scheme not in _REDIS_SCHEMES:
        yield f"redis.url: scheme not known; allowed: {', '.join(_REDIS_SCHEMES)}"
    default = RedisSection()
    for name in ("host", "port", "db", "username", "password", "tls"):
        if redis.url and getattr(redis, name) != getattr(default, name):
            yield f"redis.url and redis.{name} are both set; allowed: one or the other"
    for name in _CERTIFICATES:
        if getattr(redis, name) and not redis.tls and scheme != "rediss":
            yield f"redis.{name} is set without TLS; allowed with redis.tls or a rediss:// address"
    if bool(redis.ssl_certfile) != bool(redis.ssl_keyfile):
        yield "redis.ssl_certfile and redis.ssl_keyfile; allowed: both or neither"


def _inconsistent_kafka(kafka: KafkaSection) -> Iterator[str]:
    for broker in kafka.brokers:
        host, _, port = broker.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            yield f"kafka.brokers = {broker!r}; allowed: host:port, ports 1 to 65535"
    if kafka.session_timeout_seconds > kafka.request_timeout_seconds:
        yield (
            f"kafka.session_timeout_seconds = {kafka.session_timeout_seconds:g}; allowed: at most "
            f"kafka.request_timeout_seconds ({kafka.request_timeout_seconds:g})"
        )
    if kafka.heartbeat_seconds * 3 > kafka.session_timeout_seconds:
        yield (
            f"kafka.heartbeat_seconds = {kafka.heartbeat_seconds:g}; allowed: at most a third of "
            f"kafka.session_timeout_seconds ({kafka.session_timeout_seconds:g})"
        )
    if kafka.security.startswith("SASL") and not (kafka.sasl_username and kafka.sasl_password):
        yield (
            f"kafka.security = {kafka.security!r}; it needs kafka.sasl_username and "
            "kafka.sasl_password"
        )
    if bool(kafka.ssl_certfile) != bool(kafka.ssl_keyfile):
        yield "kafka.ssl_certfile and kafka.ssl_keyfile; allowed: both or neither"
    unused = () if kafka.security.endswith("SSL") else _CERTIFICATES
    if not kafka.security.startswith("SASL"):
        unused += ("sasl_username", "sasl_password")
    for name in unused:
        if getattr(kafka, name):
            yield (
                f"kafka.{name} is set, kafka.security = {kafka.security!r} doesn't use it; "
                f"allowed: a security with {'TLS' if name in _CERTIFICATES else 'SASL'}"
            )


def _shown(key: Key, value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    if not key.secret or not value:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if key.name != "url":
        return "***"
    parts = urlsplit(str(value))
    if "password" in parts.query:
        parts = parts._replace(query="***")
        value = urlunsplit(parts)
    if parts.password is None:
        return str(value)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{parts.netloc.split('@')[-1]}"))


def _allowed(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            allowed = _allowed(kind.type)
        case inspect.LiteralType():
            allowed = ", ".join(map(str, kind.values))
        case inspect.BoolType():
            allowed = "true, false"
        case inspect.VarTupleType():
            allowed = "a list of strings"
        case inspect.IntType() | inspect.FloatType():
            allowed = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            allowed += f" from {kind.ge}" if kind.ge is not None else ""
            allowed += f" above {kind.gt:g}" if kind.gt is not None else ""
            allowed += f" to {kind.le}" if kind.le is not None else ""
        case inspect.StrType(pattern=str(pattern)):
            allowed = f"text that matches {pattern}"
        case inspect.StrType(min_length=int()):
            allowed = "text that isn't empty"
        case _:
            allowed = "text"
    return allowed


def _describe(section: str, struct: type[msgspec.Struct]) -> Iterator[Key]:
    types = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        metas = _metas(types[field.name])
        extra: dict[str, Any] = {}
        for meta in metas:
            extra |= meta.extra or {}
        yield Key(
            section=section,
            name=field.name,
            type=types[field.name],
            default=field.default,
            allowed=_allowed(inspect.type_info(types[field.name])),
            description=next((meta.description for meta in metas if meta.description), ""),
            path=bool(extra.get("path")),
            secret=bool(extra.get("secret")),
        )


def _metas(annotated: Any) -> list[msgspec.Meta]:
    return [meta for meta in get_args(annotated) if isinstance(meta, msgspec.Meta)]


_CERTIFICATES: tuple[str, ...] = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
_SECTIONS: dict[str, type[msgspec.Struct]] = {
    name: section for name, section in get_type_hints(Settings).items() if name != "origins"
}
_CATALOGUE: dict[str, Key] = {
    key.dotted: key for name, section in _SECTIONS.items() for key in _describe(name, section)
}
