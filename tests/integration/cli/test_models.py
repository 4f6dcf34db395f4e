"""`weir models` on a real Kafka and Redis, as a person types it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from click.testing import CliRunner

from apps.cli.main import weir
from apps.installation import open_judge, read_context
from apps.received import content_id
from detectors.record import encode
from detectors.shadows import Shadow
from detectors.stack import shipped_stack
from features.envelope import Envelope, Incoming
from features.history import UNKNOWN
from features.tokens import layout
from features.vector import SCHEMA
from models.command import Command
from models.ensemble import Ensemble
from models.label import Target
from models.manifest import ArtifactError
from models.snapshot import LabelPosition, Snapshot, dump
from streams.label_records import label_record, new_label, read_record
from streams.model_records import Claim, Marker, Pointer, model_record
from streams.reader import open_reader
from streams.registry import Registry, open_classifier
from streams.topics import name
from streams.wire import read_head, verdict_record

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
HAM = ROOT / "examples" / "inbound" / "corpus-ham-list-1.eml"
FRAUD = ROOT / "examples" / "inbound" / "written-fraud-fund.eml"


@pytest.fixture
def environment(environment, tmp_path):
    return {**environment, "WEIR_MODELS__SNAPSHOTS": str(tmp_path / "snapshots")}


@pytest.fixture
def run(run, topics):
    return run


@pytest.fixture
def say(settings, publish):
    """Publish records of the models, as a learner does."""
    return lambda *records: publish(
        *(model_record(name(settings, "models"), each, datetime.now(UTC)) for each in records)
    )


def pointer(artifact, stage):
    return Pointer(
        fence=1, model=artifact.model, stage=stage, name=artifact.name, digest=artifact.digest
    )


async def first_label(settings):
    async with open_reader(settings) as consumer:
        place = TopicPartition(name(settings, "labels"), 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        return await consumer.getone()


def test_an_empty_installation_has_the_shipped_classifier_and_no_learner(run):
    said = run("models", "list")
    assert said.exit_code == 0, said.output
    assert "No learner has run here yet" in said.output
    assert "shipped with Weir" in said.output

    found = json.loads(run("models", "list", "--json").stdout)
    (row,) = found["models"]
    assert (row["model"], row["state"], found["published_at"]) == ("classifier", "live", None)
    shown = run("models", "show", row["id"])
    assert "trained on" in shown.output
    assert run("models", "show", "shipped", "--card").stdout.startswith("# Model card")


def test_a_command_that_no_learner_answers_stays_in_the_log_and_says_what_to_do(run, settings):
    result = run("models", "freeze", "--wait", "0.2", "--reason", "a bad day")

    assert result.exit_code == 1
    assert "`weir learner`" in result.output
    assert "offset 0" in result.output

    record = asyncio.run(first_label(settings))
    command = read_record(record.value, record.headers, datetime.now(UTC))
    assert isinstance(command, Command)
    assert (command.act, command.reason) == ("freeze", "a bad day")


def test_a_shadow_is_registered_before_the_learner_hears_of_it(run, settings, trained, other):
    result = run("models", "shadow", trained, "--wait", "0.2")

    assert result.exit_code == 1, "no learner answers"
    (file,) = Registry(Path(settings.models.snapshots)).stored()
    assert file.path.read_bytes() == other.dump()
    rows = json.loads(run("models", "list", "--json").stdout)["models"]
    assert {row["state"] for row in rows} == {"live", "stored"}


def test_what_pointers_say_is_listed_and_a_gate_stops_a_promotion(run, settings, say, other):
    artifact = Registry(Path(settings.models.snapshots)).keep(other.dump())
    claim = Claim(fence=1, learner="host:7", at=datetime.now(UTC))
    say(claim, pointer(artifact, "shadow"), Marker(fence=1, published=3, digest="d", frozen=True))

    said = run("models", "list").output
    assert "host:7" in said
    assert "Frozen since" in said
    assert "may not act" in said
    shown = json.loads(run("models", "show", artifact.digest[:12], "--json").stdout)
    assert (shown["state"], shown["version"]) == ("shadow", f"classifier@{other.version}")

    refused = run("models", "promote", artifact.digest[:12], "--wait", "0.2")
    assert refused.exit_code == 1
    assert "too few to show it" in refused.output
    forced = run("models", "promote", artifact.digest[:12], "--force", "--wait", "0.2")
    assert "no learner has executed it" in forced.output


def test_a_rollback_needs_something_to_go_back_to(run, settings, say, other):
    assert "no earlier classifier" in run("models", "rollback", "--model", "classifier").output

    artifact = Registry(Path(settings.models.snapshots)).keep(other.dump())
    say(pointer(artifact, "live"))
    back = run("models", "rollback", "shipped", "--wait", "0.2")
    assert "no learner has executed it" in back.output
    assert len(Registry(Path(settings.models.snapshots)).stored()) == 2, "it was put there first"


def test_a_list_begins_at_the_last_snapshot_and_all_of_it_and_a_rollback_at_the_beginning(
    run, settings, say, other
):
    """Behind the snapshot's place the learner has announced again what is in force."""
    registry = Registry(Path(settings.models.snapshots))
    old, new = (
        registry.keep(other._replace(card=card).dump()) for card in (b"# the old", b"# the new")
    )
    models = Ensemble.fresh(shipped_stack().fresh_fusion())
    snapshot = Snapshot(
        schema=SCHEMA.digest,
        layout=layout(read_context(settings)),
        states=models.state(),
        sequence=3,
        log=LabelPosition("any", 2),
    )
    registry.keep(dump(snapshot))
    say(
        pointer(old, "live"),
        pointer(new, "live"),
        Marker(fence=1, published=3, digest="d"),
        pointer(new, "live"),
    )

    def states(*options):
        rows = json.loads(run("models", "list", "--json", *options).stdout)["models"]
        return {row["id"]: row["state"] for row in rows if row["model"] == "classifier"}

    quick, whole = states(), states("--all")
    assert (quick[new.digest[:12]], quick[old.digest[:12]]) == ("live", "stored")
    assert (whole[new.digest[:12]], whole[old.digest[:12]]) == ("live", "earlier")
    run("models", "rollback", "--model", "classifier", "--wait", "0.2")
    record = asyncio.run(first_label(settings))
    assert json.loads(record.value)["digest"] == old.digest


def test_an_unknown_name_is_answered_with_those_there_are(run):
    result = run("models", "promote", "feedfacefeed")
    assert result.exit_code == 1
    row = json.loads(run("models", "list", "--json").stdout)["models"][0]
    assert row["id"] in result.output


def test_the_live_model_and_a_shadow_are_compared_on_labelled_traffic(
    run, settings, say, publish, other
):
    """The shadow calls everything honest: what words alone give away gets past it."""
    artifact = Registry(Path(settings.models.snapshots)).keep(other.dump())
    say(pointer(artifact, "shadow"))
    judge = open_judge(settings).with_shadows([Shadow.of(open_classifier(other.dump()))])
    now = datetime.now(UTC)
    records, idents = [], []
    for path, truth in [(HAM, "ham"), (FRAUD, "spam")] * 3:
        raw = path.read_bytes() + b"%d\r\n" % len(idents)
        idents.append(content_id(raw))
        prepared = judge.prepare([Incoming(Envelope(id=idents[-1], received_at=now), raw)])
        value = encode(judge.conclude(prepared, [UNKNOWN])[0].verdict)
        records.append(
            verdict_record(
                name(settings, "verdicts"),
                read_head(value),
                value,
                judged_at=now,
                timings={},
                worker="test",
            )
        )
        label = new_label(Target(id=idents[-1]), truth, "analyst", given_at=now)
        records.append(label_record(name(settings, "labels"), label, source="/test"))
    publish(*records)

    result = run("models", "compare", "live", artifact.digest[:12], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["ham"], found["spam"]) == (3, 3)
    assert (found["a"]["spam_held"], found["b"]["spam_held"]) == (3, 0)
    assert {each["id"] for each in found["disagreements"]} == set(idents[1::2])
    said = run("models", "compare", artifact.digest[:12], "live", "--top", "1").output
    assert "on 3 legitimate and 3 abusive messages" in said
    assert "and 2 more" in said

    none = run("models", "compare", "live", artifact.digest[:12], "--source", "trap")
    assert none.exit_code == 1
    assert "weir label" in none.output


def test_a_worker_without_the_folder_has_an_artifact_from_redis_and_never_a_damaged_one(
    run, settings, other
):
    async def act():
        here = Registry.of(settings)
        artifact = await here.put(other.dump())
        elsewhere = Registry(None, here._redis, settings.redis.key_prefix)
        assert await elsewhere.get(artifact) == other.dump()
        key = f"{settings.redis.key_prefix}artifact:{artifact.digest}"
        assert 0 < await here._redis.ttl(key) <= 86_400
        await here._redis.delete(key)
        await here.warm(artifact)
        assert await here._redis.exists(key)
        await here._redis.set(key, other.dump()[:-1])
        with pytest.raises(ArtifactError, match="damaged"):
            await elsewhere.get(artifact)
        assert await here.get(artifact) == other.dump(), "the folder is the truth"
        await here.close()

    asyncio.run(act())


def test_without_a_broker_the_one_line_says_what_to_check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        weir, ["models", "list"], env={"WEIR_KAFKA__BROKERS": "127.0.0.1:1"}
    )
    assert result.exit_code == 4
    assert "kafka.brokers" in result.output
    assert len(result.output.strip().splitlines()) == 1
