"""`weir replay --mode re-live`: what is read, how far it is, and what is told of it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec

from apps.cli.failures import Code
from apps.cli.options import run as run_to_end
from apps.cli.progress import bar
from apps.evaluation.index import Entry, is_index, read_index
from apps.evaluation.regimes import Shown
from apps.evaluation.tutor import Tutor, kept_of
from apps.installation import open_judge
from apps.replay.in_order import Received, Spool
from apps.replay.mail_files import mail_of_files, mail_of_index
from apps.replay.opening import patient_sandbox
from apps.replay.reading import open_reading
from apps.replay.recorded import Recorded, Unread, arrival_of
from apps.replay.relive import BATCH, Relive, Relived
from apps.replay.relive_result import ReliveResult, as_json, as_text
from apps.replay.request import Request
from apps.replay.sources import FileSource, Source, parse_source
from detectors.judging import Judge
from detectors.record import decode
from features.context import Limits
from models.ensemble import Ensemble
from streams import heap
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["run"]

_INTERRUPTED: Final = 130
_Labels = dict[int, Entry]


def run(request: Request) -> int:
    """Judge a source's mail from nothing, print what came of it, and return the exit code."""
    _require_possible(request)
    sources = [parse_source(text, request.settings) for text in request.sources or ("",)]
    core = open_judge(request.settings)
    found = ReliveResult(learned=0 if request.learning else None)
    stopped = False
    began = time.monotonic()
    with Spool() as spool, closing(patient_sandbox(request.settings)) as sandbox:
        labels = _read(sources, request, core.context.limits, spool, found)
        began = time.monotonic()
        try:
            _relive(core, sandbox, spool, labels, found)
        except KeyboardInterrupt:
            stopped = True
    told = as_json(
        found, sources=request.sources, seconds=time.monotonic() - began, stopped=stopped
    )
    if request.out is not None:
        request.out.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    if request.as_json:
        click.echo(msgspec.json.encode(told))
    else:
        click.echo("\n".join(as_text(told)))
    if stopped:
        return _INTERRUPTED
    return int(Code.INPUT if found.unreadable else Code.OK)


def _require_possible(request: Request) -> None:
    if request.resume:
        raise click.UsageError(
            "re-live can't be resumed: what is known of senders is built up from the first message"
        )
    if request.report is not None:
        raise click.UsageError("--report: of what-if")


def _read(
    sources: list[Source],
    request: Request,
    limits: Limits,
    spool: Spool,
    found: ReliveResult,
) -> _Labels:
    """Put all mail into the spool; return the labels of an index by their message's place."""
    paths = tuple(path for it in sources if isinstance(it, FileSource) for path in it.paths)
    if paths and len(paths) < len(sources):
        raise click.UsageError("SOURCEs are files of mail, or one of recorded verdicts, not both")
    if len(paths) == 1 and is_index(Path(paths[0])):
        return _read_index(Path(paths[0]), limits, spool)
    if request.learning:
        raise click.UsageError("--learning needs labels: SOURCE is to be an index file")
    if paths:
        for received in mail_of_files(
            paths, limits, lambda it: found.miss(Unread(it.name, it.reason))
        ):
            spool.add(received)
        return {}
    if len(sources) > 1:
        raise click.UsageError(f"{len(sources)} SOURCEs given; of recorded verdicts one is read")
    run_to_end(_read_recorded(request.settings, sources[0], spool, found))
    return {}


def _read_index(file: Path, limits: Limits, spool: Spool) -> _Labels:
    labels = {}
    for received, entry in mail_of_index(read_index(file), limits, datetime.now(UTC)):
        spool.add(received)
        labels[received.arrival.position.offset] = entry
    return labels


async def _read_recorded(
    settings: Settings, source: Source, spool: Spool, found: ReliveResult
) -> None:
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


def _received(recorded: Iterable[Recorded], found: ReliveResult) -> Iterator[Received]:
    for each in recorded:
        try:
            verdict = decode(each.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            found.miss(Unread(each.event, f"not a verdict of this form ({error})"))
            continue
        if each.mail is None or verdict.log is None:
            found.without_mail += 1
        else:
            yield Received(arrival_of(each.mail, verdict.log), each.event, each.value)


def _relive(
    core: Judge, sandbox: Sandbox, spool: Spool, labels: _Labels, found: ReliveResult
) -> None:
    learning = found.learned is not None
    if learning:
        core = core.with_models(Ensemble.fresh(core.stack.fresh_fusion()))
    relive = Relive(core, sandbox)
    tutor = Tutor(core.models, relive.store.senders)
    mail = spool.in_order()
    heap.settle()  # as a worker does: what stays is looked through no more
    with bar("re-live", len(spool), "messages") as advance:
        while batch := list(islice(mail, BATCH)):
            relived = relive.judge(batch)
            for one in relived:
                found.add(one)
            if learning:
                found.learned = (found.learned or 0) + _learn(tutor, relived, labels)
            advance(len(batch))


def _learn(tutor: Tutor, relived: list[Relived], labels: _Labels) -> int:
    """Teach the labels of a batch that may be shown, once all of it is judged; return how many."""
    learned = 0
    for one in relived:
        place = one.received.arrival.position.offset
        entry, kept = labels[place], kept_of(one.judged)
        if entry.taught and kept is not None:
            tutor.learn(kept, Shown(place + 1, place, entry.spam))
            learned += 1
    return learned
