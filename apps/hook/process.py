"""The hook as a process: its faces open while it decides, from settings to exit code."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Protocol, Self

import structlog

from apps.hook.addresses import Address, parse_addresses
from apps.hook.api.server import HttpServer
from apps.hook.embedded.decider import Embedded
from apps.hook.front import Front
from apps.hook.gateway import Gateway
from apps.hook.metrics import HookMetrics
from apps.hook.milter.adapter import COUNTED, adapt
from apps.hook.milter.server import Limits, Server
from apps.hook.policyd.limiting import Limiting
from apps.hook.policyd.server import policy_server
from apps.hook.probing.answering import with_test_messages
from apps.hook.verifying.verifier import Verifier
from detectors.policy import PolicySet
from detectors.verdict import Verdict
from features.envelope import Envelope
from streams import heap, process
from streams.process import Exit, Process
from streams.settings import Settings, SettingsError, read_keys

__all__ = ["Decider", "Face", "Hook", "main", "run"]

_TICK: Final = 1.0  # seconds between looks at who was asked to stop
_DRAIN: Final = 1.0  # seconds beyond the deadline for what is in flight
_SWITCH_SECONDS: Final = 0.000_5  # as in a worker: the loop waits for the thread that judges

log = structlog.get_logger(__name__)


class Decider(Protocol):
    """Where verdicts come from, as the process opens and closes it: apps.hook.deciding.Decide."""

    @property
    def ready(self) -> Mapping[str, bool]:
        """What readiness rests on."""
        ...

    @property
    def policies(self) -> PolicySet:
        """The policies in force."""
        ...

    @property
    def metrics(self) -> HookMetrics:
        """What it counts; other parts of the hook add theirs to the registry."""
        ...

    async def __aenter__(self) -> Self:
        """Begin, waiting for nobody."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End: what is in hand is kept."""
        ...

    async def __call__(self, envelope: Envelope, raw: bytes, deadline: float) -> Verdict:
        """Decide."""
        ...


class Face(Protocol):
    """What answers one protocol on one address."""

    async def start(self, address: Address, key: str) -> None:
        """Listen; raises SettingsError, one line that begins with `key`, where that can't be."""
        ...

    async def drain(self, seconds: float) -> None:
        """Accept no more, close what is idle, let messages end for so many seconds."""
        ...

    async def stop(self) -> None:
        """Close everything; may be called at any time, also twice."""
        ...


class Hook:
    """Everything a hook is made of, put together once.

    Construction reads addresses, keys, policy, weights and models, and raises SettingsError,
    KeysError, PolicyError, OSError, WeightsError or ArtifactError for what it can't use.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = Process("hook", settings, log)
        self._milter = parse_addresses(settings.milter.listen, "milter.listen")
        self._api = parse_addresses(settings.api.listen, "api.listen")
        self._policyd = parse_addresses(settings.policyd.listen, "policyd.listen")
        if not self._milter and not self._api and not self._policyd:
            raise SettingsError(
                "milter.listen, api.listen and policyd.listen are empty; allowed: an address for "
                "one of them at least"
            )
        keys = read_keys(Path(settings.privacy.keys_file))
        self._decider: Decider = _decider(settings)
        self._verifier = Verifier.of(settings) if settings.hook.verify else None
        self._front = Front(
            settings,
            keys,
            self._decider,
            lambda: self._decider.policies,
            self._decider.metrics.registry,
            look_up=self._verifier.facts if self._verifier is not None else None,
        )
        self._check = with_test_messages(self._front.check, keys.token_key, self._missing)
        self._limiting = Limiting.of(
            settings, keys, lambda: self._decider.policies, self._decider.metrics.registry
        )

    async def run(self) -> Exit:
        """Answer MTAs until SIGTERM or SIGINT; return the exit code.

        Raises SettingsError where an address can't be listened at. Kafka and Redis may be away:
        then it judges by itself until they are there.
        """
        with self._process.signals():
            # Faces first: what can't listen says so before anything else is touched, and until the
            # rest is open the fallback answers.
            async with self._verifying(), self._listening() as faces, self._decider:
                heap.settle()
                listened = (*self._milter, *self._api, *self._policyd)
                log.info("hook_starts", listen=[address.text for address in listened])
                while not await self._process.stopped_within(_TICK):
                    pass
                await self._drain(faces)
        log.info("hook_stopped")
        return Exit.OK

    def ready(self) -> Mapping[str, bool]:
        """Return what readiness rests on; until all is true the fallback answers."""
        return {"running": self._process.is_running, **self._decider.ready}

    def _missing(self) -> tuple[str, ...]:
        """Return what the next message would be judged without, for `weir doctor`."""
        unready = [part for part, is_there in self.ready().items() if not is_there]
        if self._decider.metrics.registry.get_sample_value("weir_hook_breaker"):
            unready.append("workers")
        return tuple(unready)

    def _faces(self) -> Iterator[tuple[Address, str, Face]]:
        """Make a face for each address."""
        limits = _limits(self._settings)
        for address in self._milter:
            handle = adapt(self._check, address.listener)
            yield address, "milter.listen", Server(handle, limits)
        for address in self._api:
            face = HttpServer(self._settings, self._check, self._decider.metrics, self.ready)
            yield address, "api.listen", face
        for address in self._policyd:
            yield address, "policyd.listen", policy_server(self._settings, self._limiting)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[Sequence[Face]]:
        """Listen while the block runs; where one face can't, none does."""
        faces: list[Face] = []
        try:
            for address, key, face in self._faces():
                faces.append(face)
                await face.start(address, key)
            yield faces
        finally:
            await asyncio.gather(*(face.stop() for face in faces))

    async def _drain(self, faces: Sequence[Face]) -> None:
        seconds = self._settings.hook.deadline_seconds + _DRAIN
        await asyncio.gather(*(face.drain(seconds) for face in faces))

    @contextlib.asynccontextmanager
    async def _verifying(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            if self._verifier is not None:
                await self._verifier.close()
            await self._limiting.close()


def _decider(settings: Settings) -> Decider:
    if settings.embedded.folder:
        return Embedded(settings)
    return Gateway(settings)


def _limits(settings: Settings) -> Limits:
    given = settings.milter
    return Limits(
        frame_bytes=given.frame_bytes,
        header_bytes=given.header_bytes,
        body_bytes=given.body_bytes,
        connections=given.connections,
        idle_seconds=given.idle_seconds,
        counted=COUNTED,
    )


def run(settings: Settings) -> int:
    """Run a hook until it ends; return its exit code.

    Raises SettingsError, KeysError, PolicyError, WeightsError or ArtifactError, one line each (a
    policy: a line a mistake), for what it can't start with.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)

    async def work() -> Exit:
        """Make it inside the loop that it runs in."""
        return await Hook(settings).run()

    return process.run(settings, work)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `python -m apps.hook.process --config FILE`, and exit with its code."""
    process.main("apps.hook.process", __doc__, run, arguments)


if __name__ == "__main__":
    main()
