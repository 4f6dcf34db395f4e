import os

import msgspec
import pytest

from detectors.policy import PolicyError
from detectors.policy_file import shipped_policy, shipped_policy_text
from streams.metrics import Metrics
from streams.policies import KeptPolicy, PolicyWatch, keep, read_policy_of
from streams.sections import PolicySection
from streams.settings import SettingsError
from streams.stores.memory import MemoryStore
from streams.stores.protocol import StoreError

SHADOW = "shadow = true\n"
LIVE = "shadow = false\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(LIVE)
    return path


@pytest.fixture
def section(file, tmp_path):
    return PolicySection(file=str(file), archive=str(tmp_path / "kept"))


@pytest.fixture
def keeper():
    return MemoryStore()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def watch(section, keeper, metrics):
    return PolicyWatch(section, keeper, metrics, read_policy_of(section)[0])


def write(file, text):
    """Change the file and its time, as an editor would a second later."""
    file.write_text(text)
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def reloads(metrics, outcome):
    return metrics.registry.get_sample_value("weir_policy_reloads_total", {"outcome": outcome})


def test_without_a_file_the_shipped_policy_is_in_force():
    assert read_policy_of(PolicySection()) == (shipped_policy(), shipped_policy_text())


async def test_a_changed_file_comes_into_force_and_was_kept_before(watch, file, keeper, tmp_path):
    assert await watch.look() is None
    write(file, SHADOW)
    changed = await watch.look()
    assert changed.default.shadow
    kept = msgspec.json.decode(await keeper.policy(changed.digest), type=KeptPolicy)
    assert (kept.digest, kept.source) == (changed.digest, SHADOW)
    assert kept.policies["default"]["shadow"] is True
    assert (tmp_path / "kept" / f"{changed.digest}.json").exists()
    assert await watch.look() is None


async def test_a_bad_file_keeps_the_old_policy_and_raises_a_metric_once(watch, file, metrics):
    write(file, "shadow = 3\n")
    assert await watch.look() is None
    assert await watch.look() is None
    assert reloads(metrics, "failed") == 1
    write(file, SHADOW)
    assert (await watch.look()).default.shadow


async def test_a_policy_that_can_not_be_kept_waits_until_it_can(watch, file, keeper, metrics):
    async def away(*_):
        raise StoreError("away")

    write(file, SHADOW)
    keeper.keep_policy = away
    assert await watch.look() is None
    del keeper.keep_policy
    assert (await watch.look()).default.shadow
    assert reloads(metrics, "failed") == 1


async def test_a_comment_is_no_new_policy(watch, file, metrics):
    write(file, LIVE + "# why\n")
    assert await watch.look() is None
    assert reloads(metrics, "loaded") == 0


async def test_a_file_that_vanishes_keeps_the_old_policy(watch, file, metrics):
    file.unlink()
    assert await watch.look() is None
    assert reloads(metrics, "failed") == 1


async def test_keeping_twice_changes_nothing(section, keeper):
    policies, source = read_policy_of(section)
    await keep(policies, source, section, keeper)
    await keep(policies, source, section, keeper)
    assert await keeper.policy(policies.digest)


def test_a_missing_file_at_the_start_is_refused_by_its_key(file, section):
    file.unlink()
    with pytest.raises(SettingsError, match=r"policy\.file = .*: No such file.*allowed: "):
        read_policy_of(section)


def test_a_wrong_file_at_the_start_is_refused(file, section):
    file.write_text("shadwo = true\n")
    with pytest.raises(PolicyError, match="shadwo"):
        read_policy_of(section)
