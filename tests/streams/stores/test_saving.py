import errno
import os
import time

from structlog.testing import capture_logs

from streams.stores.memory import MemoryStore
from streams.stores.saving import Saving


async def test_the_file_has_the_state_as_it_was_when_saving_began(tmp_path):
    store = MemoryStore(path=tmp_path / "state")
    await store.set_epoch("mail", "before")
    saving = Saving(store, 10)
    task = saving.begin()
    await store.set_epoch("mail", "after")
    assert await task
    assert await MemoryStore(path=tmp_path / "state").stored_epoch("mail") == "before"
    assert await store.stored_epoch("mail") == "after"


async def test_it_is_due_after_its_pause_and_not_while_a_child_works(tmp_path):
    now = [0.0]
    saving = Saving(MemoryStore(path=tmp_path / "state"), 10, clock=lambda: now[0])
    assert not saving.is_due
    now[0] = 10
    assert saving.is_due
    task = saving.begin()
    now[0] = 20
    assert not saving.is_due
    await task
    assert saving.is_due


async def test_a_child_that_fails_leaves_the_file_that_there_is(tmp_path):
    path = tmp_path / "state"
    MemoryStore(path=path).save()
    kept = path.read_bytes()

    def full():
        raise OSError(errno.ENOSPC, "full")

    with capture_logs() as lines:
        assert not await Saving(MemoryStore(path=path), 10, full).begin()
    assert path.read_bytes() == kept
    assert [(line["event"], line["error"]) for line in lines] == [
        ("state_not_saved", os.strerror(errno.ENOSPC))
    ]


async def test_a_child_holds_nothing_open_of_what_its_parent_has(tmp_path):
    reading, writing = os.pipe()

    def wait():
        for _ in range(1_000):
            if (tmp_path / "go").exists():
                return
            time.sleep(0.01)

    task = Saving(MemoryStore(path=tmp_path / "state"), 10, wait).begin()
    os.close(writing)
    assert os.read(reading, 1) == b""  # the end is seen while the child lives
    assert not (tmp_path / "state").exists()
    (tmp_path / "go").touch()
    assert await task
    os.close(reading)
