"""A classifier goes into service and out of it by the command line, on workers that stay up."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from detectors.record import decode
from models.label import Target
from streams.label_records import label_record, new_label
from streams.model_records import Pointer, read_model_record

pytestmark = pytest.mark.integration


@pytest.fixture
def command(installation):
    """Run `weir models ...` as a person does, and return what it printed."""

    async def run(*arguments):
        environment = {
            "WEIR_CONFIG": str(installation.config),
            "WEIR_MODELS__SNAPSHOTS": str(installation.directory / "snapshots"),
        }
        result = await asyncio.to_thread(
            CliRunner().invoke, weir, ["models", *map(str, arguments)], env=environment
        )
        assert result.exit_code == 0, result.output + installation.logs()
        return result.stdout

    return run


@pytest.fixture
def said(installation, mail):
    """Send a message and return its verdict."""
    count = 0

    async def judge():
        nonlocal count
        count += 1
        (ident,) = await installation.send([installation.record(mail(count))])
        record = (await installation.verdicts([ident]))[f"{ident}.judged"][0]
        return decode(record.value)

    return judge


async def heard(worker, event, digest):
    """Wait until a worker has taken up what a command changed."""
    deadline = time.monotonic() + 30
    while not any(
        each["event"] == event and digest in str(each.get("digest", each.get("digests")))
        for each in worker.events
    ):
        assert time.monotonic() < deadline, worker.log.read_text()
        await asyncio.sleep(0.05)


def classifier(verdict):
    return next(model.version for model in verdict.models if model.name == "classifier")


async def test_a_shadow_is_promoted_survives_a_restart_and_is_rolled_back(
    installation, learner, trained, command, said
):
    snapshots = installation.directory / "snapshots"
    snapshots.mkdir()
    folder = {"WEIR_MODELS__SNAPSHOTS": str(snapshots)}
    worker = installation.start_worker(**folder)
    teaching = learner(WEIR_LEARNER__SNAPSHOT_LABELS="1")
    worker.wait_ready()
    teaching.wait_ready()
    shipped = classifier(await said())

    shadowed = await command("shadow", trained)
    ident = shadowed.split()[1]
    await heard(worker, "shadows_in_force", ident)
    verdict = await said()
    assert classifier(verdict) == shipped
    (shadow,) = verdict.shadow_models
    assert shadow.name == "classifier"

    await command("promote", ident, "--force")
    await heard(worker, "classifier_in_force", ident)
    verdict = await said()
    assert classifier(verdict) == shadow.version
    assert not verdict.shadow_models

    label = new_label(Target(id=verdict.id), "ham", "analyst", given_at=datetime.now(UTC))
    await installation.send([label_record(installation.topic("labels"), label, source="/test")])

    def snapshot_behind(found):
        records = [read_model_record(record.headers, record.value) for record in found]
        return any(isinstance(one, Pointer) and one.sequence for one in records) and (
            isinstance(records[-1], Pointer) and records[-1].model == "classifier"
        )

    await installation.read("models", snapshot_behind)
    assert worker.stop() == 0
    worker = installation.start_worker(**folder).wait_ready()
    await heard(worker, "classifier_in_force", ident)
    assert classifier(await said()) == shadow.version

    back = (await command("rollback", "--model", "classifier")).split()[1]
    await heard(worker, "classifier_in_force", back)
    assert classifier(await said()) == shipped
