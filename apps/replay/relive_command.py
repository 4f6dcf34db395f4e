"""`weir replay --mode re-live`: what is read, how far it is, and what is told of it."""

import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from apps.cli.failures import Code
from apps.cli.options import run as run_to_end
from apps.cli.progress import bar
from apps.evaluation.index import Entry, is_index, read_index
from apps.evaluation.tutor import Tutor
from apps.installation import open_judge
from apps.quality.truths import Truth, Truths
from apps.replay.in_order import Received, Spool
from apps.replay.labels_read import GivenLabel, read_labels
from apps.replay.mail_files import mail_of_files, mail_of_index
from apps.replay.opening import patient_sandbox
from apps.replay.reading import find_source, open_reading
from apps.replay.relearning import Relearning
from apps.replay.relive import Relive, Relived
from apps.replay.relive_learning import IndexLearning, Learning, NoLearning, batches
from apps.replay.relive_result import ReliveResult, as_json, as_text
from apps.replay.request import Request
from apps.replay.result_file import write_result
from apps.replay.running import INTERRUPTED
from apps.replay.sources import FileSource, Source
from apps.subscriber.recorded import Recorded, Unread, arrival_of
from detectors.judging import Judge
from detectors.record import decode
from features.context import Limits
from models.ensemble import Ensemble
from models.label import Place
from streams import heap
from streams.settings import Settings, read_keys

__all__ = ["run"]


class _Said(msgspec.Struct):
    """What people said of a source's mail: an index by place, or the labels of a log."""

    index: dict[int, Entry] = {}
    given: list[GivenLabel] = []


def run(request: Request) -> int:
    """Judge a source's mail from nothing, print what came of it, and return the exit code."""
    if request.resume:
        raise click.UsageError(
            "re-live can't be resumed: what is known of senders is built up from the first message"
        )
    sources = [find_source(text, request.settings) for text in request.sources or ("",)]
    core = open_judge(request.settings)
    found = ReliveResult(learned=0 if request.learning else None)
    with Spool() as spool:
        try:
            said = _read(sources, request, core.context.limits, spool, found)
        except KeyboardInterrupt:
            click.echo("stopped while mail was read: nothing was judged", err=True)
            return INTERRUPTED
        began = time.monotonic()
        stopped = _relive(request.settings, core, spool, said, found)
    told = as_json(
        found, sources=request.sources, seconds=time.monotonic() - began, stopped=stopped
    )
    _write(request, found, told, stopped=stopped)
    if stopped:
        return INTERRUPTED
    return int(Code.INPUT if found.unreadable else Code.OK)


def _write(request: Request, found: ReliveResult, told: dict[str, Any], *, stopped: bool) -> None:
    """Put the result where it was asked for."""
    if request.out is not None:
        write_result(request.out, told)
    comparison = found.comparison(stopped=stopped)
    if request.report is not None and comparison is not None:
        from apps.replay.report import write_comparison  # noqa: PLC0415 - only for a report

        write_comparison(request.report, comparison)
    elif request.report is not None:
        click.echo("no report: the source has no verdicts to compare with", err=True)
    if request.as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo("\n".join(as_text(told)))


def _read(
    sources: list[Source],
    request: Request,
    limits: Limits,
    spool: Spool,
    found: ReliveResult,
) -> _Said:
    """Put all mail into the spool; return what people said of it."""
    paths = tuple(path for it in sources if isinstance(it, FileSource) for path in it.paths)
    if paths and len(paths) < len(sources):
        raise click.UsageError("SOURCEs are files of mail, or one of recorded verdicts, not both")
    if paths and request.report is not None:
        raise click.UsageError(
            "--report compares with recorded verdicts, and files of mail have none"
        )
    if len(paths) == 1 and is_index(Path(paths[0])):
        return _Said(index=_read_index(Path(paths[0]), limits, spool))
    if paths and request.learning:
        raise click.UsageError("--learning needs labels: an index file, an archive or the topic")
    if paths:
        for received in mail_of_files(
            paths, limits, lambda it: found.miss(Unread(it.name, it.reason))
        ):
            spool.add(received)
        return _Said()
    if len(sources) > 1:
        raise click.UsageError(f"{len(sources)} SOURCEs given; of recorded verdicts one is read")
    return _Said(given=run_to_end(_read_recorded(request.settings, sources[0], spool, found)))


def _read_index(file: Path, limits: Limits, spool: Spool) -> dict[int, Entry]:
    labels = {}
    for received, entry in mail_of_index(read_index(file), limits, datetime.now(UTC)):
        spool.add(received)
        labels[received.arrival.position.offset] = entry
    return labels


async def _read_recorded(
    settings: Settings, source: Source, spool: Spool, found: ReliveResult
) -> list[GivenLabel]:
    async with open_reading(settings, source) as reading:
        done = 0
        with bar("reading", reading.total, "verdicts") as advance:
            async for stretch in reading.stretches({}):
                for unread in stretch.unread:
                    found.miss(unread)
                for received in _received(stretch.recorded, found):
                    spool.add(received)
                advance(stretch.done - done)
                done = stretch.done
        return await read_labels(settings, source)


def _received(recorded: Iterable[Recorded], found: ReliveResult) -> Iterator[Received]:
    for each in recorded:
        try:
            verdict = decode(each.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            found.miss(Unread(each.event, f"not a verdict of this form ({error})"))
            continue
        if each.mail is None or verdict.log is None:
            found.lack()
        else:
            yield Received(arrival_of(each.mail, verdict.log), each.event, each.value)


def _relive(
    settings: Settings, core: Judge, spool: Spool, said: _Said, found: ReliveResult
) -> bool:
    """Judge what was read into `found`; return whether Ctrl-C ended it before its end."""
    truths = Truths()
    for given in said.given:
        truths.add(given.label)
    with ExitStack() as opened:
        sandbox = opened.enter_context(closing(patient_sandbox(settings)))
        if found.learned is not None:
            core = core.with_models(Ensemble.fresh(core.stack.fresh_fusion()))
        relive = Relive(core, sandbox)
        learning: Learning = NoLearning()
        relearning = None
        if found.learned is not None and said.index:
            learning = IndexLearning(Tutor(core.models, relive.store.senders), said.index)
        elif found.learned is not None:
            key = _token_key(settings)
            relearning = Relearning(settings, core, relive.store, said.given, key)
            learning = opened.enter_context(relearning)
        heap.settle()  # as a worker does: what stays is looked through no more
        advance = opened.enter_context(bar("re-live", len(spool), "messages"))
        stop = opened.enter_context(_stopping())
        for batch in batches(spool.in_order(), learning):
            if stop:
                return True
            relived = relive.judge(batch)
            for one in relived:
                found.add(one, _truth_of(truths, one))
            learning.keep(relived)
            if found.learned is not None:
                found.learned = learning.learned
            if relearning is not None:
                found.refused, found.later = dict(relearning.refused), relearning.left
            advance(len(batch))
    return False


def _truth_of(truths: Truths, one: Relived) -> Truth | None:
    position = one.received.arrival.position
    return truths.of(one.received.arrival.incoming.envelope.id, Place(*position))


def _token_key(settings: Settings) -> bytes:
    """Return the key of tokens; without a keys file no token can be told from a forged one."""
    path = Path(settings.privacy.keys_file)
    return read_keys(path).token_key if path.exists() else b""


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Give a list that Ctrl-C puts something into: no message is left half counted."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen  # signals are another's
        return
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
