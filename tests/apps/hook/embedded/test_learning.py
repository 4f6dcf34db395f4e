"""An embedded installation learns in the process that judges, and forgets nothing in a crash."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from apps.hook.embedded.learning import Learning, learning, make_folder
from streams import topics
from streams.stores.memory import MemoryStore
from streams.stores.told_store import ToldStore
from tests.apps.hook.embedded.conftest import Process, offer, until


@pytest.fixture
async def processes(settings):
    """Start processes of one installation, one after the other."""
    running = []

    class Processes:
        async def start(self):
            running.append(await Process(settings).start())
            return running[-1]

        async def stop(self, **how):
            await running.pop().stop(**how)

    yield Processes()
    for process in running:
        await process.stop()


@pytest.fixture
def report(weir_command):
    """Have somebody say of a judged message what it was; return the label's id and how it went."""

    async def say(verdict, number, truth="spam", source="report"):
        person = ("--reporter", f"r{number}@example.com")
        said, went = await weir_command(
            "label", verdict.id, truth, "--source", source, *person, "--wait", "20"
        )
        return said["label"], went

    return say


def stages(went):
    return [passed["stage"] for passed in went["path"]]


def is_reported(verdict):
    names = {signal.name for signal in verdict.signals if signal.contribution}
    return verdict.action in {"quarantine", "reject"} and "reported_content" in names


def sample(learner, name, **labels):
    return learner.metrics.registry.get_sample_value(name, labels)


def executed(process):
    commands = process.learning.metrics.commands.collect()[0].samples
    return sum(each.value for each in commands if each.name.endswith("_total"))


async def test_three_reports_change_what_becomes_of_the_next_until_they_are_taken_back(
    processes, report, weir_command
):
    process = await processes.start()
    verdicts = [await process.judge(offer(n)) for n in range(3)]
    assert {verdict.action for verdict in verdicts} == {"accept"}
    told = [await report(verdict, number) for number, verdict in enumerate(verdicts)]
    for (_, went), verdict in zip(told, verdicts, strict=True):
        assert stages(went)[:4] == ["received", "matched", "counted", "learned"]
        assert went["message"] == verdict.id
    assert is_reported(await process.judge(offer(10)))
    figures = process.figures()
    assert "weir_learning_sequence 3.0" in figures
    families = [line for line in figures if line.startswith("# TYPE")]
    assert sorted(families) == sorted(set(families)), "each has one owner"
    for label, _ in told:
        taken, went = await weir_command("label", "--retract", label, "--wait", "20")
        assert taken["retracted"]
        assert not went["stands"]
    assert (await process.judge(offer(11))).action == "accept"


async def test_a_crash_forgets_no_label_though_the_state_was_not_saved(processes, report):
    """Counts are in memory: what came since they were saved is counted again from the log."""
    process = await processes.start()
    verdicts = [await process.judge(offer(n)) for n in range(3)]
    for number, verdict in enumerate(verdicts):
        await report(verdict, number)
    await processes.stop(saved=False)
    process = await processes.start()
    assert is_reported(await process.judge(offer(10)))
    _, went = await report(verdicts[0], 7, source="analyst")
    learned = {passed["stage"]: passed["detail"] for passed in went["path"]}["learned"]
    assert learned == "4", "the three before it were not learned again"


async def test_a_command_is_executed_once_however_the_process_ends(processes, weir_command):
    process = await processes.start()
    await weir_command("models", "freeze", "--wait", "20")
    assert executed(process) == 1
    await processes.stop(saved=False)
    process = await processes.start()
    assert sample(process.learning, "weir_models_frozen") == 1
    await weir_command("models", "thaw", "--wait", "20")
    assert executed(process) == 1, "thaw alone"
    assert sample(process.learning, "weir_models_frozen") == 0


async def test_a_learner_that_another_one_supersedes_stops_and_mail_goes_on(processes, settings):
    process = await processes.start()
    other = MemoryStore()
    for name, row in topics.local.topics(settings.embedded.folder).items():
        await other.set_epoch(name, row.epoch)
    async with learning(settings, other) as second:
        await until(lambda: second.is_ready and not process.learning.is_ready)
        assert (await process.judge(offer(1))).kind == "judged"


@pytest.fixture
def damaged(settings):
    """A folder whose only snapshot isn't one."""
    make_folder(settings)
    path = Path(settings.models.snapshots, "online-7.snapshot")
    path.write_bytes(b"damaged")
    return path


async def test_a_learner_that_fails_begins_again_by_itself(settings, damaged):
    store = ToldStore(settings)
    await topics.create(settings, store.set_epoch)
    async with learning(settings, store) as learner:
        await until(lambda: sample(learner, "weir_snapshots_total", outcome="damaged"))
        assert not learner.is_ready
        damaged.unlink()
        await until(lambda: learner.is_ready)
    await store.close()


async def test_a_learner_that_does_not_end_leaves_the_process_time_to_save_its_state(
    settings, monkeypatch
):
    """As with a full disk: what it was to publish is never taken."""
    stopped = []

    async def never(_learner):
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(asyncio.get_running_loop().time())

    monkeypatch.setattr(Learning, "run", never)
    short = replace(settings, worker=replace(settings.worker, stop_seconds=4.0))
    async with learning(short, MemoryStore()):
        await asyncio.sleep(0)
        leaves_at = asyncio.get_running_loop().time() + 4.0
    assert stopped[0] < leaves_at


def test_the_folder_is_for_nobody_else_to_read(settings):
    make_folder(settings)
    assert Path(settings.embedded.folder).stat().st_mode & 0o777 == 0o700
