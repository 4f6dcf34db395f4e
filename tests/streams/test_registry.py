"""Artifacts come back by digest from the folder, or are refused in one line."""

from importlib import resources

import pytest

from detectors.stack import shipped_stack
from features.context import Context
from features.tokens import layout
from features.vector import SCHEMA
from models.bundle import Bundle
from models.classifier import Classifier
from models.ensemble import Ensemble
from models.manifest import ArtifactError, digest
from models.snapshot import LabelPosition, Snapshot, dump
from streams.model_records import Pointer
from streams.registry import Registry, identify, open_classifier


def snapshot(sequence=7, name="online", fence=0):
    models = Ensemble.fresh(shipped_stack().fresh_fusion(), names=())
    return dump(
        Snapshot(
            schema=SCHEMA.digest,
            layout=layout(Context()),
            states=models.state(),
            name=name,
            sequence=sequence,
            fence=fence,
            labels=LabelPosition("e", 41),
        )
    )


@pytest.fixture(scope="module")
def shipped():
    folder = resources.files("models") / "artifacts"
    return Bundle.of({file.name: file.read_bytes() for file in folder.iterdir()}).dump()


def pointer(artifact, **changes):
    known = {
        "fence": 1,
        "model": artifact.model,
        "stage": "live",
        "name": artifact.name,
        "digest": artifact.digest,
        "sequence": artifact.sequence,
    }
    return Pointer(**(known | changes))


async def test_a_snapshot_comes_back_from_the_folder_by_its_pointer(tmp_path):
    registry = Registry(tmp_path / "made" / "when needed")
    content = snapshot()

    artifact = registry.keep(content)

    assert (artifact.model, artifact.sequence, artifact.labels.offset) == ("online", 7, 41)
    assert artifact.digest == digest(content)
    assert await registry.get(pointer(artifact)) == content
    assert [file.path.name for file in registry.stored()] == ["online-7.snapshot"]
    assert registry.keep(content) == artifact, "a second time changes nothing"


async def test_a_classifier_is_opened_from_its_bundle_as_the_shipped_one_is(tmp_path, shipped):
    registry = Registry(tmp_path)

    artifact = registry.keep(shipped)

    classifier = open_classifier(await registry.get(pointer(artifact)))
    assert classifier.version == Classifier.shipped().version
    (file,) = registry.stored()
    assert (file.model, file.digest) == ("classifier", artifact.digest[:12])


def test_another_snapshot_of_the_same_sequence_is_refused_and_the_first_stays(tmp_path):
    registry = Registry(tmp_path)
    first = registry.keep(snapshot())

    with pytest.raises(ArtifactError, match="never used twice"):
        registry.keep(snapshot(fence=3))

    assert digest(registry.read(pointer(first))) == first.digest


async def test_a_candidate_is_found_by_its_pointer_and_is_no_snapshot_to_start_with(tmp_path):
    registry = Registry(tmp_path)

    artifact = registry.keep(snapshot(sequence=999_999), candidate=True)

    assert not list(tmp_path.glob("*.snapshot"))
    assert digest(await registry.get(pointer(artifact))) == artifact.digest


async def test_damage_and_absence_are_told_in_one_line(tmp_path):
    registry = Registry(tmp_path)
    artifact = registry.keep(snapshot())
    path = tmp_path / "online-7.snapshot"
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ArtifactError, match="isn't in models"):
        await registry.get(pointer(artifact, sequence=8))
    with pytest.raises(ArtifactError, match="damaged") as error:
        await registry.get(pointer(artifact))
    assert "\n" not in str(error.value)


def test_nothing_half_written_stays_where_writing_fails(tmp_path):
    (tmp_path / "folder").write_text("a file in its place")

    with pytest.raises(ArtifactError):
        Registry(tmp_path / "folder").keep(snapshot())

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("name", ["../x", "", "a/b", "x" * 65, "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(ArtifactError, match="name") as error:
        Registry(tmp_path).keep(snapshot(name=name))
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_artifact_are_refused():
    with pytest.raises(ArtifactError):
        identify(b"PK\x03\x04 a zip")


async def test_without_a_folder_keeping_says_which_setting_is_missing():
    with pytest.raises(ArtifactError, match="is empty"):
        Registry(None).keep(snapshot())
