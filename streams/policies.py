"""The policy in force: read again when its file changes, kept before its first verdict."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
from prometheus_client import Counter

from detectors.policy import PolicyError, PolicySet
from detectors.policy_file import read_policy, shipped_policy, shipped_policy_text
from streams.sections import PolicySection
from streams.settings import SettingsError
from streams.stores.protocol import StoreError

__all__ = ["KeptPolicy", "PolicyWatch", "keep", "read_policy_of"]

log = structlog.get_logger(__name__)


class Keeper(Protocol):
    """What keeps policies: a store, as far as they need it."""

    async def keep_policy(self, digest: str, text: bytes) -> None:
        """Keep a policy for good."""
        ...


class Reloads(Protocol):
    """Metrics that count looks at a changed policy file, labelled by outcome."""

    policy_reloads: Counter


class KeptPolicy(msgspec.Struct, frozen=True):
    """A policy as it is kept: complete (`policies`), and as it was written (`source`)."""

    digest: str
    policies: object
    source: str


def read_policy_of(section: PolicySection) -> tuple[PolicySet, str]:
    """Return the policies of the settings' file, or those shipped, and their text.

    Raises PolicyError for its mistakes, SettingsError where it can't be read.
    """
    if not section.file:
        return shipped_policy(), shipped_policy_text()
    try:
        text = Path(section.file).read_text("utf-8", "replace")
    except OSError as error:
        raise SettingsError(
            f"policy.file = {section.file!r}: {error.strerror}; allowed: a policy file that can be "
            "read, or empty for the shipped policy"
        ) from None
    return read_policy(text, section.file), text


async def keep(policies: PolicySet, source: str, section: PolicySection, keeper: Keeper) -> None:
    """Keep a policy in the store and, if there is one, in the settings' folder.

    Raises StoreError or OSError: a policy that can't be kept isn't put in force.
    """
    kept = KeptPolicy(
        policies.digest,
        msgspec.to_builtins({"default": policies.default, "tenants": dict(policies.tenants)}),
        source,
    )
    text = msgspec.json.format(msgspec.json.encode(kept), indent=1)
    await keeper.keep_policy(policies.digest, text)
    if section.archive:
        await asyncio.to_thread(_write, Path(section.archive) / f"{policies.digest}.json", text)


def _write(path: Path, text: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_bytes(text)
    unfinished.replace(path)


class PolicyWatch:
    """Looks at the policy file and returns what changed; a bad one keeps the old in force."""

    def __init__(
        self, section: PolicySection, keeper: Keeper, metrics: Reloads, in_force: PolicySet
    ) -> None:
        self._section = section
        self._keeper = keeper
        self._metrics = metrics
        self._digest = in_force.digest
        self._seen = self._stamp()
        self._failure = ""

    async def look(self) -> PolicySet | None:
        """Return new policies if the file has changed to another valid policy, else None."""
        stamp = self._stamp()
        if not self._section.file or stamp == self._seen:
            return None
        try:
            policies, source = read_policy_of(self._section)
            if policies.digest != self._digest:
                await keep(policies, source, self._section, self._keeper)
        except (PolicyError, SettingsError, OSError, StoreError) as error:
            if not isinstance(error, StoreError):
                self._seen = stamp  # the same mistake is told once; a store is asked again
            self._metrics.policy_reloads.labels("failed").inc()
            log.error("policy_not_loaded", file=self._section.file, error=str(error))  # noqa: TRY400 - the operator's mistake, no traceback
            return None
        self._seen = stamp
        if policies.digest == self._digest:
            return None
        self._digest = policies.digest
        self._metrics.policy_reloads.labels("loaded").inc()
        log.info("policy_loaded", digest=policies.digest)
        return policies

    def _stamp(self) -> tuple[int, int, int] | None:
        if not self._section.file:
            return None
        try:
            status = Path(self._section.file).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
