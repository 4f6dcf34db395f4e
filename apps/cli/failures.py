"""Expected failures as one line that says what, what was given, and what to do."""

import sys
from enum import IntEnum

import click

__all__ = ["Code", "Failure", "explain"]


class Code(IntEnum):
    """Exit codes of every command; 130 (128 + SIGINT) is Ctrl-C."""

    OK = 0
    NO = 1
    USAGE = 2
    INPUT = 3
    UNREACHABLE = 4


class Failure(click.ClickException):
    """A failure that was expected: a line (one for each mistake of a policy), and an exit code.

    What mail or somebody else's archive wrote may be in it: it is cleaned.
    """

    def __init__(self, message: str, code: Code) -> None:
        from apps.cli.rendering import clean

        lines = (clean(" ".join(line.split())) for line in message.splitlines())
        super().__init__("\n".join(lines))
        self.exit_code = int(code)


# Errors whose own text is one complete line. By name, so that nothing is imported to ask.
_ONE_LINE = {
    "apps.evaluation.index": ("BadIndexError", Code.USAGE),
    "apps.evaluation.bogofilter": ("PeerMissingError", Code.USAGE),
    "detectors.policy": ("PolicyError", Code.USAGE),
    "detectors.weights": ("WeightsError", Code.USAGE),
    "models.classifier": ("ArtifactError", Code.USAGE),
    "models.manifest": ("ArtifactError", Code.USAGE),
    "streams.settings": ("SettingsError", Code.USAGE),
    "streams.keys": ("KeysError", Code.USAGE),
    "streams.topics": ("TopicError", Code.UNREACHABLE),
    "streams.stores.protocol": ("StoreError", Code.UNREACHABLE),
    "apps.replay.resuming": ("CheckpointError", Code.USAGE),
    "apps.replay.sources": ("SourceError", Code.USAGE),
    "apps.replay.spark": ("SparkError", Code.NO),
    "apps.replay.workers": ("WorkersError", Code.NO),
    "apps.subscriber.archive.storage": ("ArchiveError", Code.INPUT),
    "apps.local.errors": ("StackError", Code.NO),
}
_SERVICES = {
    "aiokafka.errors": (
        "KafkaError",
        "Kafka",
        "check kafka.brokers (WEIR_KAFKA__BROKERS), or start one with `weir up`",
    ),
    "redis.exceptions": (
        "RedisError",
        "Redis",
        "check redis.url, redis.host and redis.port (WEIR_REDIS__URL)",
    ),
}


def explain(error: BaseException) -> Failure | None:
    """Return the failure that a person reads for an expected error, None for a defect."""
    for module, (name, code) in _ONE_LINE.items():
        if _is(error, module, name):
            return Failure(str(error), code)
    for module, (name, service, advice) in _SERVICES.items():
        if _is(error, module, name):
            said = str(error) or type(error).__name__
            return Failure(f"{service}: {said}; {advice}", Code.UNREACHABLE)
    if isinstance(error, OSError) and error.filename is not None:
        return Failure(f"{error.filename}: {error.strerror}", Code.INPUT)
    return None


def _is(error: BaseException, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    kind = getattr(loaded, name, None)
    return isinstance(kind, type) and isinstance(error, kind)
