import os

import pytest

from models.manifest import ArtifactError
from models.snapshot import LabelPosition

HOUR = 3600.0
AT = LabelPosition("m", 5)


@pytest.fixture
def write(snapshots, lineage, step):
    """Write a snapshot after `sequence` steps."""

    def make(sequence):
        one = lineage()
        for number in range(1, sequence + 1):
            one.learn(step(number, abuse=number % 2 == 0))
        one.publish()
        models, memory = one.published_state()
        snapshots.write(
            models, memory, sequence=sequence, fence=3, labels=LabelPosition("e", 9), at=AT
        )
        return one

    return make


def test_a_snapshot_with_all_later_steps_is_where_the_learner_was(snapshots, write, step, lineage):
    one = write(4)
    models, memory, known = snapshots.latest()
    assert models.state_digest() == one.head.state_digest()
    assert memory.dump() == one.memory.dump()
    assert (known.sequence, known.fence, known.labels, known.log) == (
        4,
        3,
        LabelPosition("e", 9),
        AT,
    )
    other = lineage()
    other.replace(models, 4)
    other.memory = memory
    one.learn(step(5))
    other.learn(step(5))
    assert one.head.state_digest() == other.head.state_digest()
    assert one.memory.dump() == other.memory.dump()


def test_a_snapshot_that_was_cut_short_is_told_and_the_one_before_it_taken(
    snapshots, write, tmp_path
):
    write(2)
    write(3)
    newest = tmp_path / "online-3.snapshot"
    newest.write_bytes(newest.read_bytes()[:-7])
    models, memory, known = snapshots.latest()
    assert known.sequence == models.sequence == 2
    assert len(memory.ham) == 1
    assert ["online-3.snapshot" in line for line in snapshots.told] == [True]
    write(3)
    assert snapshots.latest()[2].sequence == 3, "its name is free again"


def test_another_snapshot_under_the_same_sequence_is_refused(snapshots, write, lineage):
    write(2)
    models, memory = lineage().published_state()
    with pytest.raises(ArtifactError, match="never used twice"):
        snapshots.write(models, memory, sequence=2, fence=3, labels=None, at=AT)


def test_without_its_known_mail_a_snapshot_is_good_all_the_same(snapshots, write, tmp_path):
    write(2)
    (tmp_path / "online-2.known").write_bytes(b"damaged")
    models, memory, _ = snapshots.latest()
    assert models.sequence == 2
    assert memory.ham == ()
    assert len(snapshots.told) == 1


def test_one_snapshot_an_hour_is_kept_for_its_days(snapshots, tmp_path):
    now = 400 * HOUR + 100
    ages = {1: 15 * 24, 2: 100.5, 3: 100.2, 4: 50, 5: 0.7, 6: 0.6, 7: 0.5, 8: 0.1}
    for sequence, hours in ages.items():
        for suffix in ("snapshot", "known"):
            path = tmp_path / f"online-{sequence}.{suffix}"
            path.touch()
            os.utime(path, (now - hours * HOUR, now - hours * HOUR))
    snapshots.expire(now)
    kept = {int(path.stem.split("-")[1]) for path in tmp_path.glob("*.snapshot")}
    assert kept == {3, 4, 5, 6, 7, 8}
    assert {path.stem for path in tmp_path.glob("*.known")} == {f"online-{n}" for n in kept}
