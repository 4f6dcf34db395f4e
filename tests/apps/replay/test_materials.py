"""What verdicts name is found in each place where it may be kept, and nowhere is it guessed."""

import shutil

import msgspec
import pytest

from apps.replay.materials import Materials, MissingError
from apps.replay.model_history import ModelHistory
from detectors.policy_file import read_policy
from models.classifier import Classifier
from models.manifest import ArtifactError
from streams.model_records import Pointer
from streams.policies import keep
from streams.stores.told_store import ToldStore
from tests.streams.following.learner_by_hand import another_classifier

STRICT = "shadow = false\nreject_needs_groups = 3\n"
POLICIES = read_policy(STRICT)


class Shelf:
    """An archive as far as replay asks it."""

    def __init__(self, policies=None, artifacts=None):
        self.policies, self.artifacts = policies or {}, artifacts or {}

    def policy(self, digest):
        return self.policies.get(digest)

    def artifact(self, digest):
        return self.artifacts.get(digest)


def materials(installation, shelf=None, **settings):
    changed = msgspec.structs.replace(installation.settings, **settings)
    return Materials(changed, ModelHistory(installation.folder / "history"), shelf)


async def test_a_policy_is_found_in_the_folder_that_keeps_them(installation):
    await installation.policy(STRICT)
    assert materials(installation).policy(POLICIES.digest) == POLICIES


async def test_a_policy_is_found_in_the_state_of_an_embedded_installation(installation):
    store = ToldStore(installation.settings)
    section = msgspec.structs.replace(installation.settings.policy, archive="")
    await keep(POLICIES, STRICT, section, store)
    await store.close()
    assert materials(installation, policy=section).policy(POLICIES.digest) == POLICIES


async def test_the_policy_of_the_settings_is_one_too(installation):
    shutil.rmtree(installation.folder / "policies")
    file = installation.folder / "policy.toml"
    file.write_text(STRICT)
    section = msgspec.structs.replace(installation.settings.policy, file=str(file))
    assert materials(installation, policy=section).policy(POLICIES.digest) == POLICIES


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "its record isn't readable"),
        (b'{"digest":"d","policies":{"default":{"shadow":3}},"source":""}', "isn't readable"),
        (None, "its record has digest"),
    ],
)
async def test_a_kept_policy_that_is_damaged_or_another_is_not_used(installation, content, said):
    (another,) = (installation.folder / "policies").iterdir()
    kept = another.with_name(f"{POLICIES.digest}.json")
    kept.write_bytes(another.read_bytes() if content is None else content)
    with pytest.raises(MissingError, match=said):
        materials(installation).policy(POLICIES.digest)


async def test_a_digest_from_a_verdict_reaches_no_other_file(installation):
    (installation.folder / "secret.json").write_bytes(b"{}")
    with pytest.raises(MissingError, match="isn't kept"):
        materials(installation).policy("../secret")


async def test_a_classifier_is_found_by_its_version_shipped_archived_or_in_the_folder(installation):
    bundle = another_classifier()
    pointer = installation.learner.point(bundle.dump())
    installation.publish(pointer)
    history = ModelHistory.write(installation.folder / "history", [])
    shipped = Classifier.shipped().version
    found = Materials(installation.settings, history)
    assert found.classifier(shipped).version == shipped
    with pytest.raises(MissingError, match=f"classifier @{bundle.version} isn't kept"):
        found.classifier(bundle.version)
    history.pointers.append(pointer)
    found = Materials(installation.settings, history)
    assert found.classifier(bundle.version).version == bundle.version
    shutil.rmtree(installation.folder / "snapshots")
    archived = Materials(
        installation.settings, history, Shelf(artifacts={pointer.digest: bundle.dump()})
    )
    assert archived.classifier(bundle.version).version == bundle.version


async def test_an_artifact_that_is_nowhere_is_told(installation):
    pointer = Pointer(fence=1, model="online", stage="live", name="online", digest="d" * 64)
    with pytest.raises(ArtifactError, match=r"online dddddddddddd isn't in models\.snapshots"):
        materials(installation).artifact(pointer)
