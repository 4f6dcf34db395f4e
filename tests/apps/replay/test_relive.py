"""Mail judged from nothing: in order of receipt, as a worker would, the same on every run."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from apps.evaluation.index import read_index
from apps.replay.digest import RunDigest
from apps.replay.in_order import Received, in_order
from apps.replay.mail_files import mail_of_files, mail_of_index
from apps.replay.relive import BATCH, Relive
from detectors.engine import engine_digest
from detectors.judging import Judge
from detectors.policy_file import shipped_policy
from detectors.record import decode
from detectors.stack import shipped_stack
from features.context import Context, Limits
from features.envelope import Envelope
from streams.metrics import Metrics
from streams.pipeline import Pipeline, Places
from streams.stores.memory import MemoryStore
from streams.wire import read_arrival, read_head

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXAMPLES = Path("examples/inbound")
INDEX = Path("examples/index")


@pytest.fixture(scope="module")
def core():
    context = Context(hash_key=b"k" * 32)
    return Judge(context, None, shipped_policy(), shipped_stack(), engine_digest(context))


def logged(raw, offset, received=NOW, ident=None, appended=None, **envelope):
    """Mail as it lies in the log."""
    told = Envelope(id=ident or f"id-{offset}", received_at=received, **envelope)
    at = appended or received
    arrival = read_arrival(
        epoch="e",
        partition=0,
        offset=offset,
        timestamp_ms=int(at.timestamp() * 1000),
        key=None,
        value=raw,
        headers=[("weir-envelope", msgspec.json.encode(told))],
    )
    return Received(arrival, f"{told.id}.judged", b"{}")


def examples():
    return [path.read_bytes() for path in sorted(EXAMPLES.iterdir())]


def digest(relived):
    run = RunDigest()
    for one in relived:
        run.add(read_head(one.value).event_id, one.value)
    return run.hex


async def judged_by_a_worker(core, arrivals):
    """The bytes on the topic of verdicts, after batches as a re-live makes them."""
    produced = []

    async def deliver(records):
        produced.extend(records)
        return [None] * len(records)

    with ThreadPoolExecutor(1) as executor:
        places = Places("messages", "verdicts", "replies", "deadletter", lambda: 1)
        worker = Pipeline(
            lambda: core,
            MemoryStore(),
            deliver,
            places,
            Metrics(),
            executor=executor,
            worker="test",
        )
        for begin in range(0, len(arrivals), BATCH):
            await worker.process([one.arrival for one in arrivals[begin : begin + BATCH]])
    return {record.value for record in produced if record.topic == "verdicts"}


def files(folder):
    return mail_of_files([str(folder)], Limits(), lambda item: pytest.fail(item.reason))


def test_the_same_mail_gives_the_same_digest_on_every_run(core):
    first = digest(Relive(core).run(in_order(files(EXAMPLES))))
    assert first == digest(Relive(core).run(in_order(files(EXAMPLES))))
    assert int(first, 16)


def test_the_order_of_receipt_counts_and_not_that_of_the_files(core, tmp_path):
    dated = [
        path
        for path in sorted(EXAMPLES.iterdir())
        if b"\nReceived:" in path.read_bytes() or path.read_bytes().startswith(b"Received:")
    ]
    assert len(dated) > BATCH  # more than one batch
    for number, path in enumerate(reversed(dated)):
        (tmp_path / "back").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "back" / f"{number:04}.eml")
    (tmp_path / "forth").mkdir()
    for path in dated:
        shutil.copy(path, tmp_path / "forth" / path.name)
    there = {
        one.verdict.id: one.value for one in Relive(core).run(in_order(files(tmp_path / "forth")))
    }
    back = {
        one.verdict.id: one.value for one in Relive(core).run(in_order(files(tmp_path / "back")))
    }
    assert there.keys() == back.keys()
    times = [
        one.verdict.received_at for one in Relive(core).run(in_order(files(tmp_path / "back")))
    ]
    assert times == sorted(times)


def test_mail_is_sorted_by_receipt_partition_and_offset_and_comes_back_whole():
    raw = b"From: a@b.example\n\n\xff\x00\n"
    given = [
        logged(raw, 7, NOW),
        logged(raw, 3, NOW),
        logged(raw, 9, NOW - timedelta(hours=1), appended=NOW),
    ]
    again = list(in_order([*given, given[1]]))  # delivered twice, judged once
    assert [one.arrival.position.offset for one in again] == [9, 3, 7]
    for one, other in zip(again, (given[at] for at in (2, 1, 0)), strict=True):
        assert one.arrival.incoming == other.arrival.incoming
        assert one.arrival.appended_ms == other.arrival.appended_ms
        assert one[1:] == other[1:]


async def test_mail_of_a_log_gets_the_verdicts_of_a_worker(core):
    """A retry, a repeated id and a reply among it: the worker's batches, to the byte."""
    raws = examples()[: 2 * BATCH]
    arrivals = [
        logged(
            raw, n, NOW + timedelta(seconds=n), mail_from="a@b.example", rcpt_to=("c@d.example",)
        )
        for n, raw in enumerate(raws)
    ]
    again = NOW + timedelta(seconds=len(raws))
    arrivals += [
        logged(raws[0], 900, again, mail_from="a@b.example", rcpt_to=("c@d.example",)),
        logged(raws[1], 901, again, ident="id-1"),
        logged(raws[2], 902, again, mail_from="a@b.example", rcpt_to=("other@d.example",)),
    ]
    values = await judged_by_a_worker(core, arrivals)
    relived = {one.value for one in Relive(core).run(arrivals)}
    assert relived == values
    assert len(values) == len(arrivals)
    assert sum(decode(value).kind == "revised" for value in values) == 1


def test_a_verdict_on_a_file_names_no_place_in_a_log(core):
    relived = list(Relive(core).run(in_order(files(EXAMPLES))))
    assert all(one.verdict.log is None for one in relived)


def test_mail_that_tells_no_time_has_the_time_of_the_mail_before_it(tmp_path):
    dated = next(raw for raw in examples() if b"Received:" in raw)
    (tmp_path / "a.eml").write_bytes(dated)
    (tmp_path / "b.eml").write_bytes(b"From: a@b.example\nSubject: x\n\nhello\n")
    first, second = files(tmp_path)
    times = [one.arrival.incoming.envelope.received_at for one in (first, second)]
    assert times[0] == times[1] > datetime(2001, 1, 1, tzinfo=UTC)


def test_what_is_no_mail_is_told_and_the_rest_is_read(tmp_path):
    (tmp_path / "a.eml").write_bytes(b"\x1f\x8b\x08\0")
    (tmp_path / "b.eml").write_bytes(b"From: a@b.example\nSubject: x\n\nhello\n")
    told = []
    read = list(mail_of_files([str(tmp_path)], Limits(), told.append))
    assert len(read) == 1
    assert [Path(item.name).name for item in told] == ["a.eml"]


def test_an_index_is_read_in_its_order_with_times_that_never_go_back():
    arrivals = list(mail_of_index(read_index(INDEX), Limits(), NOW))
    times = [one.received.arrival.incoming.envelope.received_at for one in arrivals]
    assert times == sorted(times)
    assert len(times) == len(read_index(INDEX))


def test_what_breaks_the_core_costs_one_message(core):
    class Broken:
        def __init__(self):
            self.degraded = core.degraded
            self.conclude = core.conclude

        def prepare(self, batch):
            if any(b"POISON" in one.raw for one in batch):
                raise RuntimeError("POISON")
            return core.prepare(batch)

    raws = [b"From: a@b.example\n\nhello\n", b"From: a@b.example\n\nPOISON\n"]
    good, bad = Relive(Broken()).run([logged(raw, n) for n, raw in enumerate(raws)])
    assert good.judged.error is None
    assert bad.verdict.degraded == ("pipeline",)
