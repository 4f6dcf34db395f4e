"""`weir bench replay`: verdicts a second and a core of each way of replaying."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from apps.bench.machine import machine
from apps.installation import open_judge
from apps.replay.comparing import Comparing
from apps.replay.in_order import Received
from apps.replay.mail_files import mail_of_files
from apps.replay.model_history import ModelHistory
from apps.replay.relive import Relive
from apps.replay.request import WhatIf
from apps.replay.verify_result import VerifyResult
from apps.replay.verify_task import VerifyTask
from apps.replay.what_if_task import WhatIfTask
from apps.subscriber.recorded import KeptMail, Recorded, arrival_of
from detectors.judging import Judge
from detectors.verdict import LogPlace
from features.context import Limits
from streams import heap
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings
from streams.wire import read_head

__all__ = ["measure_replay"]

_STRETCH: Final = 256
_ASKED: Final = WhatIf(thresholds=("reject=0.97",))

Say = Callable[[str], None]


def measure_replay(
    settings: Settings, corpora: Path, *, limit: int | None, say: Say, spread: int = 0
) -> dict[str, Any]:
    """Return what each way costs on the SpamAssassin corpus (docs/benchmarks.md).

    With `spread` also what processes and Spark make of so many verdicts (apps.bench.replay_spread).
    CPU time is this process's, after a first stretch that warms it up: what a core can do. Raises
    FileNotFoundError where the corpora lack sa/.
    """
    mail = corpora / "sa"
    if not mail.is_dir():
        raise FileNotFoundError(2, "holds no sa/", str(corpora))
    core = open_judge(settings)
    mails = list(islice(_kept(mail, core.context.limits), limit))
    received = [
        Received(arrival_of(each, LogPlace("benchmark", 0, at))) for at, each in enumerate(mails)
    ]
    received.sort(key=lambda it: it.arrival.incoming.envelope.received_at)
    found: dict[str, Any] = {}
    say(f"re-live: {len(received):,} messages")
    relive = Relive(core, Sandbox(settings.attachments))
    core.judge([it.arrival.incoming for it in received[:_STRETCH]])  # warms up
    heap.settle()
    began = time.process_time()
    values = [(it.received.arrival, it.value) for it in relive.run(received)]
    found["relive"] = _figures(time.process_time() - began, len(values))
    recorded = [
        Recorded(
            read_head(value).event_id, value, arrival.appended_ms, mails[arrival.position.offset]
        )
        for arrival, value in values
    ]
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        ModelHistory.write(Path(folder), ())
        bare = [each._replace(mail=None) for each in recorded]
        verify = VerifyTask(settings, folder)
        say("verify from the mail")
        found["verify_raw"] = _measured(verify, recorded)
        say("verify from vectors")
        found["verify_vector"] = _measured(verify, bare)
        say("what-if")
        found["what_if"] = _measured(WhatIfTask(settings, _ASKED, folder), bare)
    return {
        "benchmark": "replay",
        "machine": machine(),
        "messages": len(recorded),
        "mean_bytes": round(sum(len(it.mail.raw) for it in recorded if it.mail) / len(recorded)),
        "ways": found,
        **_spread(settings, core, received, spread, say),
    }


def _spread(
    settings: Settings, core: Judge, received: Sequence[Received], count: int, say: Say
) -> dict[str, Any]:
    if not count:
        return {}
    from apps.bench.replay_spread import measure_spread  # noqa: PLC0415 - pyarrow

    with closing(Sandbox(settings.attachments)) as sandbox:
        return {"spread": measure_spread(settings, Relive(core, sandbox), received, count, say)}


def _kept(folder: Path, limits: Limits) -> Iterator[KeptMail]:
    """Yield mail as the log would have it: taken a millisecond after it was received."""
    for received in mail_of_files([str(folder)], limits, lambda _: None):
        incoming = received.arrival.incoming
        envelope = msgspec.json.encode(incoming.envelope)
        yield KeptMail(incoming.raw, envelope, received.arrival.appended_ms + 1)


def _measured(task: VerifyTask | WhatIfTask, recorded: Sequence[Recorded]) -> dict[str, float]:
    work: Callable[[Sequence[Recorded]], VerifyResult | Comparing] = task.open()
    work(recorded[:_STRETCH])
    heap.settle()
    began = time.process_time()
    for at in range(0, len(recorded), _STRETCH):
        work(recorded[at : at + _STRETCH])
    return _figures(time.process_time() - began, len(recorded))


def _figures(seconds: float, verdicts: int) -> dict[str, float]:
    return {
        "cpu_us": round(seconds / verdicts * 1e6, 1),
        "per_second_a_core": round(verdicts / seconds, 0),
    }
