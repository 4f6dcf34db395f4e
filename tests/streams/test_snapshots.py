from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from detectors.stack import shipped_stack
from features.context import Context
from features.envelope import Envelope, Incoming
from features.tokens import layout
from features.vector import SCHEMA
from models.ensemble import Ensemble
from models.manifest import ArtifactError
from models.snapshot import Snapshot, dump
from streams.opening import open_core
from streams.policies import read_policy_of
from streams.settings import Settings, load, write_keys
from streams.snapshots import latest, open_models, version

CONTEXT = Context(hash_key=b"k" * 32, token_salt=b"salt")


@pytest.fixture(scope="module")
def content():
    """A snapshot of models that have learned nothing yet."""
    models = Ensemble.fresh(shipped_stack().fresh_fusion())
    return dump(
        Snapshot(schema=SCHEMA.digest, layout=layout(CONTEXT), states=models.state(), sequence=120)
    )


@pytest.fixture
def settings(tmp_path):
    section = msgspec.structs.replace(Settings().models, snapshots=str(tmp_path))
    return msgspec.structs.replace(Settings(), models=section)


def test_the_latest_is_that_of_the_highest_sequence_whatever_its_age(tmp_path):
    names = ["online-99.snapshot", "online-120.snapshot", "9.snapshot"]
    for name in [*names, "online-500.snapshot.tmp", "readme", "x-1_0.snapshot", "-.snapshot"]:
        (tmp_path / name).touch()
    assert latest(tmp_path) == tmp_path / "online-120.snapshot"


def test_without_a_setting_or_a_snapshot_there_are_no_online_models(settings):
    assert open_models(Settings(), CONTEXT, shipped_stack()) is None
    assert open_models(settings, CONTEXT, shipped_stack()) is None
    assert version(Settings()) == version(settings) == ""


def test_the_models_bear_the_snapshots_digest_and_sequence(settings, content, tmp_path):
    (tmp_path / "online-120.snapshot").write_bytes(content)
    models = open_models(settings, CONTEXT, shipped_stack())
    assert models is not None
    assert models.version("text") == version(settings).replace("online", "text")
    assert version(settings).endswith("+120")


@pytest.mark.parametrize("broken", ["damaged", "foreign salt", "no snapshot", "no folder"])
def test_what_can_not_be_loaded_is_one_line_that_names_it(settings, content, tmp_path, broken):
    path, context = tmp_path / "online-121.snapshot", CONTEXT
    path.write_bytes(content)
    if broken == "damaged":
        path.write_bytes(content[:-1])
    elif broken == "no snapshot":
        path.write_bytes(b"hello")
    elif broken == "foreign salt":
        context = Context(hash_key=b"k" * 32, token_salt=b"another")
    else:
        section = msgspec.structs.replace(settings.models, snapshots=str(tmp_path / "none"))
        settings, path = msgspec.structs.replace(settings, models=section), Path("none")
    with pytest.raises(ArtifactError) as caught:
        open_models(settings, context, shipped_stack())
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("broken", ["cut short", "another digest", "no snapshot"])
def test_the_last_good_snapshot_is_taken_where_a_later_one_is_damaged(
    settings, content, tmp_path, broken
):
    flipped = bytes([*content[:-1], content[-1] ^ 1])
    damaged = {"cut short": content[:-1], "another digest": flipped, "no snapshot": b"hello"}
    (tmp_path / "online-120.snapshot").write_bytes(content)
    (tmp_path / "online-121.snapshot").write_bytes(damaged[broken])
    told = []
    models = open_models(settings, CONTEXT, shipped_stack(), told.append)
    assert models is not None
    assert models.sequence == 120
    assert version(settings).endswith("+120")
    assert ["online-121.snapshot" in line for line in told] == [True]


def test_a_worker_judges_with_the_models_of_its_latest_snapshot(tmp_path):
    """Bound to the deployment's own salt; the command names the same version."""
    write_keys(tmp_path / "keys.toml")
    (tmp_path / "weir.toml").write_text('[models]\nsnapshots = "."\n')
    settings = load(tmp_path / "weir.toml", {})
    policies, _ = read_policy_of(settings.policy)
    assert open_core(settings, policies).models is None
    context = open_core(settings, policies).context
    states = Ensemble.fresh(shipped_stack().fresh_fusion()).state()
    taken = Snapshot(schema=SCHEMA.digest, layout=layout(context), states=states, sequence=7)
    (tmp_path / "online-7.snapshot").write_bytes(dump(taken))

    judge = open_core(settings, policies)

    envelope = Envelope(id="m", received_at=datetime(2026, 3, 1, tzinfo=UTC))
    (judged,) = judge.judge([Incoming(envelope, b"From: a@b.example\n\nhello\n")])
    versions = {model.name: model.version for model in judged.verdict.models}
    assert versions["fusion"].removeprefix("fusion") == version(settings).removeprefix("online")
    assert {"text", "behaviour"} <= set(versions)
